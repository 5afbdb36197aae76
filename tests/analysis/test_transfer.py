"""Students of one task in another."""

from __future__ import annotations

from actors import Idler

from pipeline.analysis.transfer import transfer, transferable
from pipeline.tasks.registry import get_task


def test_every_pair_that_can_be_is_tried() -> None:
    tasks = {name: get_task(name) for name in ("SimpleDoorKey", "DivergedDoorKey")}
    layouts = {name: task.layout_seeds("test", 10) for name, task in tasks.items()}
    rows = transfer(tasks, {"SimpleDoorKey": [Idler(), Idler()], "DivergedDoorKey": []}, layouts, 0)
    assert [(row["source"], row["target"], row["students"]) for row in rows] == [
        ("SimpleDoorKey", "SimpleDoorKey", 2),
        ("SimpleDoorKey", "DivergedDoorKey", 2),
    ]
    assert [(row["success"], row["length"]) for row in rows] == [(0.0, 150.0), (0.0, 60.0)]
    assert all(row["success_low"] == 0 < row["success_high"] < 0.3 for row in rows)


def test_other_suites_are_left_alone() -> None:
    ours, theirs = get_task("SimpleDoorKey"), get_task("LavaDoorKey")
    theirs.suite = "elsewhere"
    assert not transferable(ours, theirs)
