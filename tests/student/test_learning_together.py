"""Several processes learn one student: a reduction fits between gradient and step, and each sees layouts of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipeline.params import Schedule, Train
from pipeline.student.learner import Learner, Phase
from pipeline.student.make import make_student
from pipeline.student.methods.method import get_method
from pipeline.student.runs.checkpoint import checkpoint_path
from pipeline.student.student import LOSSES
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task

TASK = get_task("SimpleDoorKey")
LABELS = read_instructions(
    Path(__file__).resolve().parents[2] / "data/published/doorkey/SimpleDoorKey/labels.parquet", TASK.name
)
SCHEDULE = Schedule(
    envs=8, horizon=16, epochs=2, minibatch=32, lr=4e-3, lr_end=2e-4, entropy=0.01, entropy_end=0.001, value=0.5,
    gamma=0.99, gae=0.95, clip=0.2, grad_norm=0.5, lambda_0=2.0, lambda_c=0.5, i1=2, i2=3, finetune=0,
)  # fmt: skip
TRAINS = {update: Train(schedule="", update=update) for update in ("fused", "torch")}


def learner(update, rank=0, reduce=None):
    train = TRAINS[update]
    phase, make = Phase.of("train", SCHEDULE), partial(make_student, TASK, train)
    return Learner(TASK, get_method("llm4teach"), train, SCHEDULE, phase, make, LABELS, 0, rank, reduce)


class Mean:
    """What processes do by all-reduce, here between threads: each gradient becomes the mean of all."""

    def __init__(self, size: int) -> None:
        self._barrier = threading.Barrier(size, timeout=60)
        self._given: list[np.ndarray] = [np.zeros(0)] * size
        self.calls = 0

    def __call__(self, rank: int, gradient: np.ndarray) -> None:
        self._given[rank] = gradient.copy()
        self._barrier.wait()
        mean = np.mean(self._given, axis=0)
        self._barrier.wait()
        gradient[:] = mean
        self.calls += 1


@pytest.mark.parametrize("update", TRAINS)
def test_two_that_see_the_same_learn_as_one(update):
    """The mean of two equal gradients is that gradient."""
    alone = learner(update)
    expected = _to_the_end(alone)
    mean = Mean(2)
    both = [learner(update, 0, partial(mean, rank)) for rank in range(2)]
    for rows in _iterate_all(both):
        for row, expected_row in zip(rows, expected, strict=True):
            assert [row[name] for name in LOSSES] == pytest.approx([expected_row[name] for name in LOSSES], rel=1e-4)
    assert mean.calls == 2 * 3 * 2 * 4  # ranks, iterations, epochs, minibatches
    for one in both:
        for name, value in alone.student.weights().items():
            np.testing.assert_allclose(one.student.weights()[name], value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("update", TRAINS)
def test_ranks_see_different_layouts_and_keep_equal_weights(update):
    mean = Mean(2)
    both = [learner(update, rank, partial(mean, rank)) for rank in range(2)]
    for name, value in both[0].student.weights().items():
        np.testing.assert_array_equal(both[1].student.weights()[name], value)
    assert (both[0].batch.observation["map"] != both[1].batch.observation["map"]).any()
    _iterate_all(both)
    for name, value in both[0].student.weights().items():
        np.testing.assert_array_equal(both[1].student.weights()[name], value)
    states = [one.state() for one in both]
    assert (states[0]["rng"] != states[1]["rng"]).any()


def _iterate_all(learners):
    with ThreadPoolExecutor(len(learners)) as pool:
        return list(pool.map(_to_the_end, learners))


def _to_the_end(one):
    rows = []
    while not one.done:
        rows.append(one.iterate())
    return rows


@pytest.mark.parametrize("update", TRAINS)
def test_a_reduction_changes_the_step(update):
    """Gradients that it makes zero move nothing."""

    def silenced(gradient):
        gradient[:] = 0

    one = learner(update, 0, silenced)
    before = one.student.weights()
    one.iterate()
    for name, value in one.student.weights().items():
        np.testing.assert_array_equal(before[name], value)


def test_each_rank_has_a_checkpoint_of_its_own(tmp_path):
    paths = {checkpoint_path(tmp_path, "Task", "rl", "train", 3, rank) for rank in range(3)}
    assert len(paths) == 3
    assert checkpoint_path(tmp_path, "Task", "rl", "train", 3) in paths
