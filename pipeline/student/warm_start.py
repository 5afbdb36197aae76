"""An offline warm start: the cached labels on the collected example states, before the first rollout.

It is the distance to the teacher policy of Eq. 1 alone (with KL, cross-entropy), on observations that `collect` kept.
It costs no environment step, and it is what a shared label set is good for when there is nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.instructions import SoftInstruction
from pipeline.params import Schedule
from pipeline.student.student import Rollout, Student, UpdateSettings
from pipeline.tables import STATES, TableError, read_table, unpacked
from pipeline.tasks.base import Task
from pipeline.tasks.spaces import as_given


@dataclass(frozen=True)
class Examples:
    """Labelled observations: `observation` holds arrays [examples, ...], `teacher` is float32[examples, actions]."""

    observation: dict[str, np.ndarray]
    teacher: np.ndarray


def read_examples(path: Path, task: Task, instructions: Mapping[str, SoftInstruction]) -> Examples:
    """The example observations of a table of collected states that have a label, each with the teacher policy there.

    Raises TableError for a table that can't be read, or none of whose examples has a label.
    """
    observations: dict[str, list[np.ndarray]] = {}
    teacher: list[np.ndarray] = []
    for row in read_table(path, STATES).to_pylist():
        instruction = instructions.get(row["state_id"])
        if instruction is None:
            continue
        examples = unpacked(row["examples"])
        for values in zip(*examples.values(), strict=True):
            seen = as_given(task.observation_space, dict(zip(examples, values, strict=True)))
            teacher.append(task.teacher_policy(instruction, seen))
        for key, stacked in examples.items():
            observations.setdefault(key, []).append(stacked)
    if not teacher:
        raise TableError(f"{path}: no example state has a label")
    observation = {key: np.concatenate(parts) for key, parts in observations.items()}
    return Examples(observation, np.stack(teacher).astype(np.float32))


def warm_start(student: Student, examples: Examples, schedule: Schedule, steps: int, rng: np.random.Generator) -> float:
    """Take gradient steps towards the teacher on random minibatches; returns the mean teacher loss over them."""
    n = len(examples.teacher)
    features = student.features(n)
    student.encode(examples.observation, features)
    minibatch = min(schedule.minibatch, n)
    nothing = np.zeros(n, np.float32)
    dataset = Rollout(
        features, np.zeros(n, np.int64), nothing, nothing, nothing, examples.teacher, np.ones(n, np.bool_)
    )
    settings = UpdateSettings(
        minibatch=minibatch,
        learning_rate=schedule.lr,
        clip=schedule.clip,
        grad_norm=schedule.grad_norm,
        value=0.0,
        entropy=0.0,
        teacher=1.0,
        distance=schedule.distance,
    )
    orders = np.stack([rng.permutation(n)[:minibatch] for _ in range(steps)])  # one minibatch per epoch
    return student.update(dataset, orders, settings)["teacher_loss"]
