"""Lambda at every corner of the paper's Eq. 3, and the linear falls of learning rate and entropy."""

from __future__ import annotations

import itertools

import pytest

from pipeline.params import Schedule
from pipeline.student.annealing import linear, teacher_weight


def schedule(**changes):
    """The paper's annealing (Table 1): lambda from 10 to 0.1 over 1000 iterations, 0.1 for 1000 more, then 0."""
    papers = Schedule(
        envs=10, horizon=10, epochs=1, minibatch=10, lr=1e-3, lr_end=1e-3, entropy=0.0, entropy_end=0.0, value=0.5,
        gamma=0.99, gae=0.95, clip=0.2, grad_norm=0.5, lambda_0=10.0, lambda_c=0.1, i1=1000, i2=2000, finetune=500,
    )  # fmt: skip
    return Schedule(**(papers.model_dump() | changes))


@pytest.mark.parametrize(
    ("iteration", "expected"),
    [
        (0, 10.0),
        (1, 9.9901),  # k = (10 - 0.1) / 1000 = 0.0099
        (500, 5.05),
        (999, 0.1099),
        (1000, 0.1),  # i1 itself is on the plateau
        (1001, 0.1),
        (1999, 0.1),
        (2000, 0.0),  # i2 itself is without the teacher
        (2001, 0.0),
        (2499, 0.0),
        (10**9, 0.0),
    ],
)
def test_the_papers_annealing(iteration, expected):
    assert teacher_weight(schedule(), iteration) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_it_never_rises_and_stays_in_bounds():
    weights = [teacher_weight(schedule(), i) for i in range(2500)]
    assert all(a >= b for a, b in itertools.pairwise(weights))
    assert max(weights) == 10
    assert min(weights[:2000]) == pytest.approx(0.1)


def test_without_a_fall_the_plateau_begins_at_once():
    assert [teacher_weight(schedule(i1=0, i2=2), i) for i in range(4)] == [0.1, 0.1, 0, 0]


def test_without_a_plateau_the_teacher_leaves_at_the_end_of_the_fall():
    s = schedule(lambda_0=2.0, lambda_c=0.0, i1=4, i2=4)
    assert [teacher_weight(s, i) for i in range(6)] == [2, 1.5, 1, 0.5, 0, 0]
    s = schedule(lambda_0=2.0, lambda_c=1.0, i1=4, i2=4)
    assert [teacher_weight(s, i) for i in range(6)] == [2, 1.75, 1.5, 1.25, 0, 0]


def test_no_iteration_with_a_teacher():
    assert [teacher_weight(schedule(i1=0, i2=0), i) for i in range(3)] == [0, 0, 0]


def test_constant_weight():
    assert [teacher_weight(schedule(lambda_0=3.0, lambda_c=3.0, i1=2, i2=4), i) for i in range(5)] == [3, 3, 3, 3, 0]


def test_annealing_counted_in_environment_steps():
    """Table 2 counts frames: the same lambda at the same frame, however many an iteration has (here 100)."""
    s = schedule(counted_in="steps", lambda_0=2.0, lambda_c=0.5, i1=400, i2=650, finetune=301)
    assert (s.steps, s.units, s.taught, s.iterations) == (100, 100, 7, 11)  # 650 frames: the seventh has a teacher
    weights = [teacher_weight(s, i) for i in range(9)]
    assert weights == pytest.approx([2, 1.625, 1.25, 0.875, 0.5, 0.5, 0.5, 0, 0])
    whole = schedule(lambda_0=2.0, lambda_c=0.5, i1=4, i2=7, finetune=4)
    assert (whole.units, whole.taught, whole.iterations) == (1, 7, 11)
    assert [teacher_weight(whole, i) for i in range(9)] == pytest.approx(weights)


def test_linear():
    assert [linear(4, 2, i, 5) for i in range(5)] == [4, 3.5, 3, 2.5, 2]
    assert linear(4, 2, 99, 5) == 2
    assert linear(4, 2, 0, 1) == 4
    assert linear(4, 2, 0, 0) == 4
    assert [linear(0, 1, i, 3) for i in range(3)] == [0, 0.5, 1]
