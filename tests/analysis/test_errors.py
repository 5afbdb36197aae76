"""The three kinds of errors, on hand-made outlooks and on teachers whose errors are known."""

from __future__ import annotations

import numpy as np

from pipeline.analysis.errors import KINDS, count_errors, judge
from pipeline.instructions import Option, Plan, PlanShare, SoftInstruction
from pipeline.tasks.base import Task
from pipeline.tasks.outlook import Outlook
from pipeline.tasks.registry import get_task


def outlook(after: list[int], effect: list[int], handles: list[int], known: bool) -> Outlook:
    as_bool = [np.array([flags], bool) for flags in (effect, handles)]
    return Outlook(np.array([after], np.int32), *as_bool, np.array([known]))


def kind(action: int, known: bool = True) -> str:
    """Four steps from success: 0 comes nearer, 1 doesn't, 2 is death, 3 takes up the wrong thing, 4 does nothing."""
    here = outlook([3, 5, -1, 6, 4], [1, 1, 1, 1, 0], [0, 0, 0, 1, 0], known)
    return KINDS[judge(here, np.array([action]))[0]]


def test_each_step_is_of_one_kind() -> None:
    assert [kind(action) for action in range(5)] == ["sound", "inefficient", "incorrect", "incorrect", "inconsistent"]
    assert kind(1, known=False) == "searching"
    assert kind(3, known=False) == "incorrect"


def one_plan(task: Task, plan: Plan | None) -> dict[str, SoftInstruction]:
    """A teacher with one answer to everything; None: only unusable ones."""
    shares = () if plan is None else (PlanShare(plan, 1.0, str(plan)),)
    descriptions = task.make_batch(1, 0).descriptions
    return {d.state_id: SoftInstruction(d, shares, 0.0 if shares else 1.0) for d in descriptions}


def test_a_teacher_without_a_usable_answer_is_only_inconsistent() -> None:
    task = get_task("SimpleDoorKey")
    result = count_errors(task, one_plan(task, None), task.layout_seeds("test", 10), 0)
    assert result["steps"] == 10 * task.horizon
    assert result["kinds"]["inconsistent"] == {"steps": 1500, "per_1000_steps": 1000.0, "episodes": 1.0}
    assert result["idle_per_1000_steps"] == 1000
    assert result["outcomes"]["timeout"]["episodes"] == 10
    assert result["examples"]["inconsistent"][0]["action"] == "done"


def test_deaths_are_incorrect_steps() -> None:
    task = get_task("LavaDoorKey")
    result = count_errors(task, one_plan(task, Plan((Option("explore"),))), task.layout_seeds("test", 150), 0)
    deaths = result["outcomes"]["death"]
    assert deaths["episodes"] > 10
    assert deaths["per_episode"]["incorrect"] == 1.0
    assert result["kinds"]["incorrect"]["steps"] == deaths["episodes"]
    assert sum(each["episodes"] for each in result["outcomes"].values()) == 150
    assert sum(each["steps"] for each in result["kinds"].values()) == result["steps"]
