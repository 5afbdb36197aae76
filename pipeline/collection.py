"""Which states a student can meet: roll out simple behaviours and keep each distinct description once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.evaluation import inverse_sample
from pipeline.instructions import Description, Grammar, Option, Plan, PlanShare, SoftInstruction
from pipeline.params import Collect
from pipeline.tasks.base import Batch, Task

EXAMPLES = 128
"""Observations kept per description, drawn evenly from all that were met (reservoir sampling)."""


@dataclass
class MetState:
    """One description: how often each behaviour met it, and examples of its observations (those under `key`)."""

    description: Description
    counts: Counter[str] = field(default_factory=Counter)
    key: str = ""
    examples: list[np.ndarray] = field(default_factory=list)
    offered: int = 0


def collect_states(task: Task, settings: Collect) -> list[dict[str, Any]]:
    """Rows of `tables.STATES`, most frequent first; only layouts of the training split are visited."""
    met: dict[str, MetState] = {}
    rng = np.random.default_rng(settings.seed)
    for behaviour in settings.behaviours:
        _roll_out(task, settings, behaviour, rng, met)
    rows = [_row(task, state) for state in met.values()]
    return sorted(rows, key=lambda row: (-row["state_count"], row["state_text"]))


def _roll_out(
    task: Task, settings: Collect, behaviour: str, rng: np.random.Generator, met: dict[str, MetState]
) -> None:
    """One behaviour for `settings.steps` environment steps."""
    instructions: dict[str, SoftInstruction] = {}
    seed = int(rng.integers(2**31))
    if behaviour == "options":
        _offer_all_options(task.make_batch(1, seed).descriptions, task.grammar, instructions)
    batch = task.make_batch(settings.envs, seed, instructions, "train")
    for _ in range(max(1, settings.steps // batch.rows)):
        _count(batch, behaviour, rng, met)
        if behaviour == "options":
            _offer_all_options(batch.descriptions[len(instructions) :], task.grammar, instructions)
        batch.step(_actions(task, batch, behaviour, rng))


def _offer_all_options(
    descriptions: Iterable[Description], grammar: Grammar, instructions: dict[str, SoftInstruction]
) -> None:
    """Label descriptions with an even choice among all options that can start there."""
    for description in descriptions:
        plans = [Plan((option,)) for option in startable_options(description, grammar)]
        shares = tuple(PlanShare(plan, 1 / len(plans), str(plan)) for plan in plans)
        instructions[description.state_id] = SoftInstruction(description, shares, 0.0 if plans else 1.0)


def startable_options(description: Description, grammar: Grammar) -> list[Option]:
    """Every option of the grammar whose object is where the option needs it."""
    options = []
    for spec in grammar.options:
        if not spec.about:
            options.append(Option(spec.name))
            continue
        held = [description.holds] if description.holds else []
        things = held if spec.held else list(description.sees)
        options += [Option(spec.name, (thing,)) for thing in things if thing.endswith(spec.about)]
    return options


def _actions(task: Task, batch: Batch, behaviour: str, rng: np.random.Generator) -> np.ndarray:
    """Actions of a behaviour in the batch's present states."""
    if task.space.kind != "discrete":
        shape = (batch.rows, task.space.size)
        if behaviour == "random":
            return rng.uniform(task.space.low, task.space.high, shape)
        return rng.normal(batch.teacher[:, 0], batch.teacher[:, 1]).clip(task.space.low, task.space.high)
    uniform = rng.integers(task.space.size, size=batch.rows)
    if behaviour == "random":
        return uniform
    sampled = inverse_sample(batch.teacher, rng.random(batch.rows, dtype=np.float32))
    return np.where(batch.labelled, sampled, uniform)


def _count(batch: Batch, behaviour: str, rng: np.random.Generator, met: dict[str, MetState]) -> None:
    """Count the present descriptions, and offer one observation of each as an example."""
    key, observations = next(iter(batch.observation.items()))
    numbers, first, counts = np.unique(batch.description, return_index=True, return_counts=True)
    for number, row, count in zip(numbers.tolist(), first.tolist(), counts.tolist(), strict=True):
        description = batch.descriptions[number]
        state = met.setdefault(description.state_id, MetState(description))
        state.counts[behaviour] += count
        state.offered += 1
        state.key = key
        if len(state.examples) < EXAMPLES:
            state.examples.append(observations[row].copy())
        elif (place := int(rng.integers(state.offered))) < EXAMPLES:
            state.examples[place] = observations[row].copy()


def _row(task: Task, state: MetState) -> dict[str, Any]:
    """One row of `tables.STATES`; the examples are stacked, [examples, ...]."""
    examples = np.stack(state.examples)
    return {
        "task": task.name,
        "state_id": state.description.state_id,
        "state_text": state.description.sentence,
        "sees": list(state.description.sees),
        "holds": state.description.holds,
        "state_count": sum(state.counts.values()),
        "counts": [{"behaviour": name, "count": count} for name, count in sorted(state.counts.items())],
        "example_key": state.key,
        "example_dtype": str(examples.dtype),
        "example_shape": list(examples.shape),
        "example_observation": examples.tobytes(),
    }
