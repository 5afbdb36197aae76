"""Departures of students, on hand-made steps and with a student that never moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from actors import Idler, Wanderer

from pipeline.analysis.departures import count_departures, tally
from pipeline.instructions import Option, Plan, PlanShare, SoftInstruction
from pipeline.tasks.outlook import Outlook
from pipeline.tasks.registry import get_task

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


def test_only_what_the_teacher_gives_less_than_a_twentieth_is_a_departure() -> None:
    outlook = Outlook(np.array([AFTER] * 4, np.int32), *np.ones((2, 4, 4), bool), np.ones(4, bool))
    teacher = np.tile([0.8, 0.11, 0.05, 0.04], (4, 1))
    each = np.arange(4)
    result = tally(outlook, teacher, each, each)
    assert (result.departed, result.unadvised) == (1, 1)
    assert dict(result.changes) == {(0, 3): 1}
    assert tally(outlook, teacher, np.array([0, 0, 0, 3]), np.array([3, 3, 3, 0])).unadvised == 3


def test_doing_as_advised_is_no_departure() -> None:
    result = counted(0, 0, sampled=2)
    assert (result.departed, result.unadvised, result.steps) == (0, 1, 1)
    assert not result.verdicts


class Alternator(Idler):
    """Idles and drops by turns: it remembers how often it has acted."""

    def memory(self, rows: int) -> dict[str, np.ndarray]:
        return {"steps": np.zeros(rows, np.int64)}

    def act(self, _features: Any, _uniforms: Any, actions: np.ndarray, _l: Any, _v: Any, memory: Any) -> None:
        actions[:] = np.where(memory["steps"] % 2 == 0, 6, 4)
        memory["steps"] += 1


IDLE = {
    d.state_id: SoftInstruction(d, (), 1.0) for d in get_task("SimpleDoorKey").make_batch(1, 0).descriptions
}  # answers that are no plan: the teacher idles
LAYOUTS = get_task("SimpleDoorKey").layout_seeds("test", 4)


def test_asking_what_is_most_probable_moves_no_memory_on() -> None:
    total = count_departures(get_task("SimpleDoorKey"), [Alternator()], IDLE, LAYOUTS, 0)["total"]
    assert total["mass"] == total["departed"] == 0.5


def test_each_student_has_chances_of_its_own() -> None:
    one, two, later = (
        count_departures(get_task("SimpleDoorKey"), [Wanderer()] * students, IDLE, LAYOUTS, seed)["total"]
        for students, seed in ((1, 0), (2, 0), (1, 1))
    )
    unadvised = [round(total["mass"] * total["steps"]) for total in (one, two, later)]
    assert unadvised[1] == unadvised[0] + unadvised[2] != 2 * unadvised[0]


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
    assert result["total"]["advised"] in ("left", "right", "forward")
    assert [row["done"] for row in result["descriptions"]] == ["done"] * len(result["descriptions"])
    assert all("observes nothing" in row["description"] for row in result["descriptions"])
