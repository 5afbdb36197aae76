"""Does a fast batch do exactly what the reference environments do? Both take the same actions, step by step.

Any task that brings a batch of its own can be held to this; the DoorKey engine is, in tests and in `make parity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.instructions import Description, Plan, PlanShare, SoftInstruction, options_of
from pipeline.tasks.base import Batch, Finished, Task
from pipeline.tasks.reference_batch import ReferenceBatch
from pipeline.tasks.splits import Split

OUTCOMES = ("reward", "terminated", "truncated", "success", "episode_return", "episode_length")
TOLERANCE = 1e-6
"""Largest difference of a teacher probability: sums of float32 shares in another order."""


@dataclass(frozen=True)
class Parity:
    """What a comparison found.

    episodes, steps  that were compared, over all environments
    successes        episodes among them that reached the goal
    labelled         states among them whose teacher policy was compared
    mismatches       states that differed in anything
    first            what differed first, None if nothing did
    """

    episodes: int
    steps: int
    successes: int
    labelled: int
    mismatches: int
    first: str | None


def compare(
    task: Task,
    size: int,
    seed: int,
    instructions: Mapping[str, SoftInstruction] | None,
    split: Split | None,
    noise: float,
    episodes: int,
) -> Parity:
    """Step `task.make_batch` and a `ReferenceBatch` side by side until so many episodes have ended.

    Actions are uniformly random with probability `noise` and where there is no label, else the teacher's.
    """
    batch = task.make_batch(size, seed, instructions, split)
    reference = ReferenceBatch(task, size, seed, instructions, split)
    rng = np.random.default_rng(seed)
    ended = successes = labelled = steps = mismatches = 0
    first = None
    finished: tuple[Finished, Finished] | None = None
    while True:
        labelled += int(reference.labelled.sum())
        differing = _differences(batch, reference, finished)
        wrong = np.logical_or.reduce(list(differing.values()))
        mismatches += int(wrong.sum())
        if first is None and wrong.any():
            names = ", ".join(name for name, rows in differing.items() if rows.any())
            first = f"seed {seed}, after {steps // size} steps, environment {np.argmax(wrong)}: {names}"
        if ended >= episodes:
            return Parity(ended, steps, successes, labelled, mismatches, first)
        actions = _choose(reference, noise, rng)
        finished = batch.step(actions), reference.step(actions)
        steps += size
        ended += int(finished[1].done[:: task.agents].sum())
        successes += int(finished[1].success.sum())


def _choose(reference: ReferenceBatch, noise: float, rng: np.random.Generator) -> np.ndarray:
    """[rows, ...]: an action of the teacher's policy or, by chance `noise` or for want of a label, any action."""
    space = reference.task.space
    anything = space.any_actions(rng, reference.rows)
    if space.kind == "discrete":
        below = reference.teacher.cumsum(-1) <= rng.random(reference.rows)[:, None]
        teachers = np.minimum(below.sum(-1), space.size - 1)
    else:
        teachers = rng.normal(reference.teacher[:, 0], reference.teacher[:, 1]).clip(space.low, space.high)
    chance = (rng.random(reference.rows) < noise) | ~reference.labelled
    return np.where(chance.reshape(-1, *[1] * (anything.ndim - 1)), anything, teachers)


def _differences(
    batch: Batch, reference: ReferenceBatch, finished: tuple[Finished, Finished] | None
) -> dict[str, np.ndarray]:
    """For everything that a batch shows: bool[rows], where the two disagree."""
    rows = reference.rows
    differing = {
        name: (batch.observation[name] != wanted).reshape(rows, -1).any(-1)
        for name, wanted in reference.observation.items()
    }
    said = zip(batch.description, reference.description, strict=True)
    differing["description"] = np.array([batch.descriptions[a] != reference.descriptions[b] for a, b in said])
    differing["labelled"] = batch.labelled != reference.labelled
    differing["teacher"] = (np.abs(batch.teacher - reference.teacher) > TOLERANCE).reshape(rows, -1).any(-1)
    if finished is not None:
        for name in OUTCOMES:
            differing[name] = getattr(finished[0], name) != getattr(finished[1], name)
        for name, wanted in finished[1].last_observation.items():
            wrong = (finished[0].last_observation[name] != wanted).reshape(rows, -1).any(-1)
            differing[f"last {name}"] = wrong & finished[1].done
    return differing


def arbitrary_instructions(
    task: Task, descriptions: Iterable[Description], rng: np.random.Generator, unlabelled: float = 0.1
) -> dict[str, SoftInstruction]:
    """Random distributions over random plans, sensible or not, for all but a share `unlabelled` of the descriptions.

    Real teachers make only some plans; a fast batch must also follow the others as the reference does.
    """
    options = options_of(task.grammar)
    instructions = {}
    for description in descriptions:
        if rng.random() < unlabelled:
            continue
        plans = {
            Plan(tuple(options[k] for k in rng.integers(len(options), size=rng.integers(1, 5))))
            for _ in range(rng.integers(1, 6))
        }
        *probs, residual = rng.dirichlet(np.ones(len(plans) + 1)).tolist()
        shares = tuple(PlanShare(plan, prob, str(plan)) for plan, prob in zip(sorted(plans), probs, strict=True))
        instructions[description.state_id] = SoftInstruction(description, shares, residual)
    return instructions
