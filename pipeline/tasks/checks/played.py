"""What a task's reference environment shows while it is played at random, and what is said about it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description
from pipeline.tasks.base import Task
from pipeline.tasks.environment_group import reference_environment
from pipeline.tasks.spaces import by_key

VISITED = 100
"""Observations kept for the checks of options."""


class Play:
    """A task played at random.

    faults        the first sentence about each kind of fault
    visited       some observations of single agents, as the environment gave them
    descriptions  all that were met, by what they print as
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._described: dict[bytes, Description] = {}
        self.steps = 0
        self.faults: dict[str, str] = {}
        self.visited: list[Any] = []
        self.descriptions: dict[str, Description] = {}

    def at_random(self, steps: int, seconds: float) -> None:
        """Uniformly random actions for so many steps, or seconds if these are over first."""
        task, rng = self._task, np.random.default_rng(0)
        env, until, seed, length = reference_environment(task), time.monotonic() + seconds, 0, 0
        self._look_at(env.reset(seed))
        while self.steps < steps and time.monotonic() < until:
            observations, rewards, terminated, truncated, _ = env.step(task.space.any_actions(rng, task.agents))
            self.steps += 1
            length += 1
            self._look_at(observations)
            if not np.isfinite(rewards).all():
                self._note("reward", f"a reward is {rewards}; wanted a finite number")
            self._judge_end(length, terminated, truncated)
            if terminated or truncated or length >= task.horizon:
                seed, length = seed + 1, 0
                self._look_at(env.reset(seed))

    def to_the_end(self, seconds: float) -> None:
        """An episode of idling, for as long as the task says that it lasts."""
        task = self._task
        env, until = reference_environment(task), time.monotonic() + seconds
        env.reset(0)
        idle = np.stack([task.space.action(task.idle)] * task.agents)
        for length in range(1, task.horizon + 1):
            *_, terminated, truncated, _ = env.step(idle)
            self.steps += 1
            self._judge_end(length, terminated, truncated)
            if terminated or truncated or time.monotonic() > until:
                return

    def _note(self, kind: str, sentence: str) -> None:
        self.faults.setdefault(kind, sentence)

    def _judge_end(self, length: int, terminated: bool, truncated: bool) -> None:
        """Whether the environment cuts an episode off after as many steps as the task says."""
        horizon = self._task.horizon
        if truncated and length < horizon:
            self._note("horizon", f"an episode is cut off after {length} steps; Task.horizon says {horizon}")
        if length >= horizon and not (terminated or truncated):
            self._note("horizon", f"an episode goes on after {length} steps; Task.horizon says that it ends there")

    def _look_at(self, observations: list[Any]) -> None:
        for observation in observations:
            seen = by_key(observation)
            for key, part in self._task.observation_space.spaces.items():
                if key not in seen:
                    there = ", ".join(map(str, seen))
                    self._note("keys", f"the observation has no {key!r}, which its space declares; it has {there}")
                else:
                    self._look_at_one(key, np.asarray(seen[key]), part)
            if len(self.visited) < VISITED:
                self.visited.append(observation)
            self._describe(observation)

    def _look_at_one(self, key: str, found: np.ndarray, space: spaces.Space[Any]) -> None:
        """One array of an observation, beside what its space declares."""
        if found.shape != space.shape:
            self._note(f"shape {key}", f"the observation {key!r} has shape {found.shape}; its space says {space.shape}")
        elif found.dtype != space.dtype:
            self._note(f"type {key}", f"the observation {key!r} is {found.dtype}; its space says {space.dtype}")
        elif not np.isfinite(found).all():
            self._note(
                f"finite {key}", f"the observation {key!r} is not finite: it holds {found[~np.isfinite(found)][0]}"
            )
        elif isinstance(space, spaces.Box) and not space.contains(found):
            wrong = ((found < space.low) | (found > space.high)).nonzero()
            one = tuple(int(axis[0]) for axis in wrong)
            self._note(
                f"bounds {key}",
                f"the observation {key!r} goes beyond its space: {found[one]} at {list(one)}, where it says "
                f"{space.low[one]} to {space.high[one]}",
            )

    def _describe(self, observation: Any) -> None:
        """A description says the same of the same, in words that nothing else prints as, of objects that are known."""
        task, before = self._task, _bytes(observation)
        description = task.describe(observation)
        if _bytes(observation) != before:
            self._note("changes", "describe changes the observation that it is given; let it work on a copy")
            return
        earlier = self._described.setdefault(before, description)
        if task.describe(observation) != description or earlier != description:
            other = earlier if earlier != description else task.describe(observation)
            self._note(
                "canonical",
                f"describe says {description.sentence!r} and {other.sentence!r} of the same observation; each state "
                "has one description",
            )
        alike = self.descriptions.setdefault(description.sentence, description)
        if alike != description:
            self._note(
                "alike",
                f"two descriptions print as {description.sentence!r}: {_parts(alike)} and {_parts(description)}; a "
                "teacher can't tell them apart",
            )
        for thing in (*description.sees, *([description.holds] if description.holds else [])):
            if thing not in task.grammar.objects:
                known = ", ".join(task.grammar.objects) or "none"
                self._note(
                    "objects", f"describe speaks of {thing!r}, which Grammar.objects lacks; objects there: {known}"
                )


def _bytes(observation: Any) -> bytes:
    """What an observation holds."""
    return b"".join(np.ascontiguousarray(value).tobytes() for value in by_key(observation).values())


def _parts(description: Description) -> str:
    return f"sees {list(description.sees)}, holds {description.holds!r}"
