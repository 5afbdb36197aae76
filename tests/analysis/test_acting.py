"""A teacher acting alone, beside the shortest ways."""

from __future__ import annotations

import pytest
from tiny import ROOT, TASK

from pipeline.analysis.acting import teacher_alone
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task


def test_the_published_teacher_succeeds_by_detours_and_one_without_answers_idles() -> None:
    task = get_task(TASK)
    labels = read_instructions(ROOT / "data/published/doorkey" / TASK / "labels.parquet", TASK)
    layouts = task.layout_seeds("validation", 40)
    acting = teacher_alone(task, labels, layouts, 0)
    assert (acting.episodes, acting.success, acting.unlabelled, acting.ruin) == (40, 1.0, 0.0, 0.0)
    assert acting.best is not None
    assert acting.detour is not None
    assert 0.5 < acting.best < 1  # it has to search, and knows nothing of what it has not seen
    assert acting.detour >= 1 - acting.best  # an action on no shortest way loses a step at least
    nobody = teacher_alone(task, {}, layouts, 0)
    assert (nobody.success, nobody.length, nobody.unlabelled) == (0.0, task.horizon, 1.0)


def test_a_task_without_shortest_ways_is_played_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    task = get_task(TASK)

    def unknown(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr("pipeline.tasks.doorkey.engine.DoorKeyBatch.outlooks", unknown)
    acting = teacher_alone(task, {}, task.layout_seeds("validation", 3), 0)
    assert (acting.episodes, acting.success, acting.best, acting.detour) == (3, 0.0, None, None)
