"""Which states a student can meet: roll out simple behaviours and keep each distinct description once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.evaluation import actions_of
from pipeline.instructions import Description, options_of
from pipeline.params import Collect, ParamsError
from pipeline.student.option_learning import Following, OptionTable
from pipeline.student.policies import policy_of
from pipeline.tables import packed
from pipeline.tasks.base import Batch, Task
from pipeline.tasks.spaces import Space

EXAMPLES = 128
"""Observations kept per description."""


@dataclass
class Reservoir:
    """Up to EXAMPLES of the observations offered so far, each as likely to be among them as any other.

    Algorithm R of Vitter (1985): the n-th one draws one of n places, and is kept if it is among the first EXAMPLES.
    """

    kept: list[dict[str, np.ndarray]] = field(default_factory=list)
    offered: int = 0

    def offer(self, observation: Mapping[str, np.ndarray], rows: np.ndarray, uniforms: np.ndarray) -> None:
        """Offer some rows of a batch's observation (arrays [batch rows, ...]), one after the other.

        rows      int64[n]
        uniforms  float64[n] in [0, 1): the chance of each
        """
        numbers = self.offered + 1 + np.arange(len(rows))
        places = np.where(numbers <= EXAMPLES, numbers - 1, uniforms * numbers).astype(np.int64)
        for row, place in zip(rows[places < EXAMPLES].tolist(), places[places < EXAMPLES].tolist(), strict=True):
            one = {key: array[row].copy() for key, array in observation.items()}
            self.kept[place : place + 1] = [one]  # behind all others while there are places left
        self.offered += len(rows)

    def stacked(self) -> dict[str, np.ndarray]:
        """What was kept: one array per key, each [examples, ...]; no key if nothing was."""
        if not self.kept:
            return {}
        return {key: np.stack([one[key] for one in self.kept]) for key in self.kept[0]}


@dataclass
class MetState:
    """One description: how often each behaviour met it, and examples of its observations."""

    description: Description
    counts: Counter[str] = field(default_factory=Counter)
    examples: Reservoir = field(default_factory=Reservoir)


def collect_states(task: Task, settings: Collect) -> list[dict[str, Any]]:
    """Rows of `tables.STATES`, most frequent first; only layouts of the training split are visited.

    Raises ParamsError for the behaviour `options` where the task's batches can't follow options one by one.
    """
    met: dict[Description, MetState] = {}
    rng = np.random.default_rng(settings.seed)
    for behaviour in settings.behaviours:
        _roll_out(task, settings, behaviour, rng, met)
    return as_rows(task, met.values())


def as_rows(task: Task, states: Iterable[MetState]) -> list[dict[str, Any]]:
    """Rows of `tables.STATES`, most frequent first."""
    return sorted((_row(task, state) for state in states), key=lambda row: (-row["state_count"], row["state_text"]))


def _roll_out(
    task: Task, settings: Collect, behaviour: str, rng: np.random.Generator, met: dict[Description, MetState]
) -> None:
    """One behaviour for `settings.steps` steps of environments."""
    batch = task.make_batch(settings.envs, int(rng.integers(2**31)), None, "train")
    steps = max(1, settings.steps // batch.environments)
    try:
        if behaviour == "committed":
            return _roll_out_committed(task, batch, steps, rng, met)
        follow = batch.option_policies(options_of(task.grammar)) if behaviour == "options" else None
    except NotImplementedError as error:
        raise ParamsError(f"collect.behaviours: {behaviour!r} is not for {task.name}: {error}") from None
    for _ in range(steps):
        visit(batch, behaviour, rng, met)
        actions = task.space.any_actions(rng, batch.rows)
        batch.step(actions if follow is None else _advised(task.space, follow(), actions, rng))
    return None


def _roll_out_committed(
    task: Task, batch: Batch, steps: int, rng: np.random.Generator, met: dict[Description, MetState]
) -> None:
    """Options drawn at random, each followed until it ends; see `option_learning.Following`."""
    following = Following(batch, OptionTable(task))
    following.begin(np.ones(batch.rows, bool), 1.0, rng)
    for _ in range(steps):
        visit(batch, "committed", rng, met)
        actions, able = following.actions()
        finished = batch.step(actions)
        following.begin(following.ended(finished.done, able), 1.0, rng)


def visit(batch: Batch, behaviour: str, rng: np.random.Generator, met: dict[Description, MetState]) -> None:
    """Count the present states by description, and offer their observations as examples."""
    uniforms = rng.random(batch.rows)
    numbers, number_of_row = np.unique(batch.description, return_inverse=True)
    groups: dict[Description, int] = {}  # several numbers may stand for the same description
    group_of_number = [groups.setdefault(batch.descriptions[number], len(groups)) for number in numbers]
    group_of_row = np.array(group_of_number)[number_of_row]
    for description, group in groups.items():
        rows = np.flatnonzero(group_of_row == group)
        state = met.setdefault(description, MetState(description))
        state.counts[behaviour] += len(rows)
        state.examples.offer(batch.observation, rows, uniforms[rows])


def _advised(space: Space, policies: np.ndarray, otherwise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In each row the action of one option, all that can act there being as likely; `otherwise` where none can.

    policies   float32[rows, options, *space.teacher_shape], see `Batch.option_policies`
    otherwise  actions, as `Space.any_actions` gives them
    """
    rows = np.arange(len(policies))
    can_act = policies.reshape(*policies.shape[:2], -1).any(-1)  # bool[rows, options]
    number = rng.integers(np.maximum(can_act.sum(1), 1))  # which of those that can act
    policy = policies[rows, (can_act.cumsum(1) > number[:, None]).argmax(1)]
    drawn = actions_of(space, policy, policy_of(space).noise(rng, len(rows)))
    return np.where(can_act.any(1).reshape(-1, *[1] * (drawn.ndim - 1)), drawn, otherwise)


def _row(task: Task, state: MetState) -> dict[str, Any]:
    """One row of `tables.STATES`."""
    return {
        "task": task.name,
        "state_id": state.description.state_id,
        "state_text": state.description.sentence,
        "sees": list(state.description.sees),
        "holds": state.description.holds,
        "state_count": sum(state.counts.values()),
        "counts": [{"behaviour": name, "count": count} for name, count in sorted(state.counts.items())],
        "examples": packed(state.examples.stacked()),
    }
