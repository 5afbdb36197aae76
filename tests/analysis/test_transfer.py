"""Students of one task in another."""

from __future__ import annotations

from actors import Idler

from pipeline.analysis.transfer import transfer, transferable
from pipeline.tasks.registry import get_task


def test_every_pair_that_can_be_is_tried() -> None:
    tasks = {name: get_task(name) for name in ("SimpleDoorKey", "DivergedDoorKey")}
    layouts = {name: task.layout_seeds("test", 10) for name, task in tasks.items()}
    found = transfer(tasks, {"SimpleDoorKey": [Idler(), Idler()], "DivergedDoorKey": []}, layouts, 0)
    assert list(found) == ["SimpleDoorKey"]
    for target, length in (("SimpleDoorKey", 150.0), ("DivergedDoorKey", 60.0)):
        result = found["SimpleDoorKey"][target]
        assert (result["students"], result["success"], result["length"]) == (2, 0.0, length)
        assert result["success_low"] == 0 < result["success_high"] < 0.3


def test_other_suites_are_left_alone() -> None:
    ours, theirs = get_task("SimpleDoorKey"), get_task("LavaDoorKey")
    theirs.suite = "elsewhere"
    assert not transferable(ours, theirs)
