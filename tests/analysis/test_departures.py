"""Departures of students, on hand-made steps and with a student that never moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from actors import Idler

from pipeline.analysis.departures import count_departures, tally
from pipeline.instructions import Option, Plan, PlanShare, SoftInstruction
from pipeline.tasks.base import get_task
from pipeline.tasks.outlook import Outlook

# Four actions in every state: 0 comes nearer, 1 as well, 2 does not, 3 is death.
AFTER = [3, 3, 5, -1]


def counted(advised: int, student: int, sampled: int | None = None) -> Any:
    effect = np.ones((1, 4), bool)
    outlook = Outlook(np.array([AFTER], np.int32), effect, ~effect, np.array([True]))
    teacher = np.zeros((1, 4))
    teacher[0, advised] = 1
    drawn = student if sampled is None else sampled
    return tally(outlook, teacher, np.array([student]), np.array([drawn]))


@pytest.mark.parametrize(
    ("advised", "student", "verdict", "spared"),
    [(2, 0, "better", 0), (0, 2, "worse", 0), (0, 1, "both", 0), (3, 2, "neither", 1), (2, 3, "neither", 0)],
)
def test_a_departure_is_judged(advised: int, student: int, verdict: str, spared: int) -> None:
    result = counted(advised, student)
    assert (result.departed, dict(result.verdicts), result.spared) == (1, {verdict: 1}, spared)
    assert dict(result.changes) == {(advised, student): 1}


def test_doing_as_advised_is_no_departure() -> None:
    result = counted(0, 0, sampled=2)
    assert (result.departed, result.strayed, result.steps) == (0, 1, 1)
    assert not result.verdicts


def test_a_student_that_never_moves_departs_wherever_the_teacher_acts() -> None:
    task = get_task("SimpleDoorKey")
    explore = Plan((Option("explore"),))
    descriptions = task.make_batch(1, 0).descriptions
    labels = {d.state_id: SoftInstruction(d, (PlanShare(explore, 1.0, "explore"),)) for d in descriptions if not d.sees}
    layouts = task.layout_seeds("test", 20)
    result = count_departures(task, [Idler()], labels, layouts, 0)
    assert result["total"]["steps"] + result["unlabelled_steps"] == 20 * task.horizon
    assert result["total"]["departed"] == result["total"]["mass"] == 1.0
    assert result["total"]["better"] == result["total"]["both"] == 0
    assert [row["done"] for row in result["descriptions"]] == ["done"] * len(result["descriptions"])
    assert all("observes nothing" in row["description"] for row in result["descriptions"])
