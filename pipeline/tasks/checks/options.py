"""Whether a task's options can be followed, and come to an end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.instructions import Description, Option, options_of
from pipeline.tasks.base import OptionStep, Task
from pipeline.tasks.environment_group import reference_environment

LAYOUTS = 3
"""On which an option is followed alone."""


def faults(task: Task, visited: Sequence[Any], thorough: bool, seconds: float) -> Iterator[str]:
    """Sentences.

    visited   observations in which every option is asked for its step
    thorough  also follow those that never end there, alone from the start of episodes, for at most so many seconds
    """
    acted = False
    for option in options_of(task.grammar):
        ended = False
        for observation in visited:
            try:
                step = task.follow(option, observation)
                fault = _fault(task, step)
            except Exception as error:
                fault = f"can't be followed: {type(error).__name__}: {error}"
            if fault:
                yield f"the option {str(option)!r} {fault}"
                acted = ended = True  # nothing more is said of it
                break
            acted |= step.action is not None
            ended |= step.done or step.action is None
        if thorough and not ended and not _ends(task, option, seconds):
            yield (
                f"the option {str(option)!r} never ends: it was followed for {task.horizon} steps on {LAYOUTS} "
                "layouts; let follow return OptionStep(None, True) where it has done what it is for, and "
                "OptionStep(None, False) where it can't go on"
            )
    if visited and not acted:
        yield f"no option acts in any of {len(visited)} states; follow never returns an action"


def faults_of_script(task: Task, descriptions: Iterable[Description]) -> Iterator[str]:
    """A sentence if the task's own rule, where it has one, answers with what is no plan."""
    for description in descriptions:
        try:
            plan = task.scripted_plan(description)
        except NotImplementedError:
            return
        if not task.grammar.allows(plan):
            yield f"scripted_plan says {str(plan)!r} where {description.sentence!r}; the grammar has no such plan"
            return


def _fault(task: Task, step: OptionStep) -> str | None:
    """What is wrong with one step of an option, in words that follow its name."""
    if not isinstance(step, OptionStep):
        return f"gives {step!r}; follow returns an OptionStep"
    space, action = task.space, step.action
    if action is None:
        return None
    if step.done:
        return f"says that it is done and acts ({action!r}); once it is done, its action is None"
    if space.kind == "discrete":
        if isinstance(action, int | np.integer) and 0 <= action < space.size:
            return None
        return f"takes the action {action!r}; there are 0 to {space.size - 1}"
    if np.shape(action) != (space.size,) or not np.isfinite(np.asarray(action, float)).all():
        return f"takes the action {action!r}; wanted {space.size} finite numbers"
    if step.std is not None and not (np.asarray(step.std, float) > 0).all():
        return f"has the standard deviation {step.std!r}; wanted numbers above 0, or None"
    return None


def _ends(task: Task, option: Option, seconds: float) -> bool:
    """Whether an option that is followed alone ends, or the episode with it, on any of a few layouts."""
    until = time.monotonic() + seconds
    for seed in range(LAYOUTS):
        env = reference_environment(task)
        observations = env.reset(seed)
        for _ in range(task.horizon):
            steps = [task.follow(option, observation) for observation in observations]
            if any(step.done or step.action is None for step in steps):
                return True
            observations, _, terminated, truncated, _ = env.step(np.stack([task.space.action(s.action) for s in steps]))
            if terminated or time.monotonic() > until:
                return True
            if truncated:
                break
    return False
