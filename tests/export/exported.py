"""Students for tests of exporting: saved, untrained, and far from indifferent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.params import Train
from pipeline.student.make import make_student
from pipeline.student.runs.saved import save_student
from pipeline.tasks.registry import get_task


def save_random_student(folder: Path, task: str, seed: int = 0, network: str = "egocentric") -> Path:
    """A student whose actions depend on what it sees, by weights drawn at random."""
    train = Train(schedule="tiny", network=network)
    student = make_student(get_task(task), train, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    weights = {
        name: array + rng.normal(0, 0.3, array.shape).astype(np.float32) for name, array in student.weights().items()
    }
    student.load_weights(weights)
    save_student(folder, student, {"task": task, "method": "rl", "schedule": "tiny", "network": network})
    return folder
