"""`benchmarks/held_out.py`: which layouts are trained on and tested under both ways of splitting."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from tiny import ROOT

from pipeline.tasks.doorkey.engine import STARTS, layout_codes
from pipeline.tasks.doorkey.guide import IDLE
from pipeline.tasks.registry import get_task

NAME = "DivergedDoorKey"


@pytest.fixture
def script(monkeypatch):
    """The script as a module, on the path that it finds when it is run."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), str(ROOT), *sys.path])
    import benchmarks.held_out

    return benchmarks.held_out


def test_a_training_batch_plays_the_layouts_that_it_is_told_and_notes_them(script):
    task, ended = get_task(NAME), set()
    batch = script.TrainingBatch(task, 3, None, iter(range(70, 1000)), ended)
    codes = layout_codes(NAME, np.arange(70, 79)).reshape(3, 3)
    for episode in range(3):
        assert batch._worlds["code"].tolist() == codes[episode].tolist()
        assert ended == set(codes[:episode].ravel().tolist())
        for _ in range(task.horizon):
            batch.step(np.full(3, IDLE))


@pytest.mark.parametrize("by", ["layout", "world"])
def test_only_a_split_by_layout_tests_in_worlds_of_training(script, by):
    task = script.SplitBy(NAME, by, seed=0)
    batch = task.make_batch(64, 0, None, "train")
    for _ in range(10 * task.horizon):
        batch.step(np.full(64, IDLE))
    seeds = task.layout_seeds("test", 200)
    tested = layout_codes(NAME, seeds)
    assert len(set(tested.tolist())) == 200
    assert len(task.trained_on) > 600
    assert not task.trained_on & set(tested.tolist())
    worlds = {code // STARTS for code in task.trained_on}
    known = np.mean([code // STARTS in worlds for code in tested.tolist()])
    assert known == 0 if by == "world" else known > 0.5
    assert (by == "world") == np.array_equal(seeds, get_task(NAME).layout_seeds("test", 200))
