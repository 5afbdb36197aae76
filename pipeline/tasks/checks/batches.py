"""Whether a task's batch shows what the task declares, and does what the reference environments do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.tasks.base import Task
from pipeline.tasks.parity import arbitrary_instructions, compare
from pipeline.tasks.reference_batch import ReferenceBatch

EPISODES = 8
"""That a fast batch and the reference play side by side."""


def faults(task: Task, thorough: bool) -> Iterator[str]:
    """Sentences; thorough: step a batch of the task's own beside the reference."""
    batch = task.make_batch(2, 0)
    rows = 2 * task.agents
    if (batch.environments, batch.agents) != (2, task.agents):
        found = f"{batch.environments} environments of {batch.agents} agents"
        yield f"make_batch(2, ...) has {found}; wanted 2 of {task.agents}"
        return
    wanted = {
        **{key: ((rows, *(part.shape or ())), part.dtype) for key, part in task.observation_space.items()},
        "Batch.teacher": ((rows, *task.space.teacher_shape), np.dtype(np.float32)),
    }
    shown = {**batch.observation, "Batch.teacher": batch.teacher}
    for key, (shape, dtype) in wanted.items():
        if key not in shown:
            yield f"make_batch shows no {key!r}, which the observation space declares; it shows {', '.join(shown)}"
        elif (shown[key].shape, shown[key].dtype) != (shape, dtype):
            found = f"{shown[key].dtype}{list(shown[key].shape)}"
            yield f"make_batch shows {key!r} as {found} for 2 environments; wanted {dtype}{list(shape)}"
    if thorough and not isinstance(batch, ReferenceBatch):
        instructions = arbitrary_instructions(task, batch.descriptions, np.random.default_rng(0))
        parity = compare(task, 4, 0, instructions, "train", 0.3, EPISODES)
        if parity.mismatches:
            yield f"make_batch and the reference environments part ways: {parity.first}"
