"""`benchmarks/time_to_target.py`: which layouts are looked at, and how often."""

from __future__ import annotations

import sys
from argparse import Namespace
from types import SimpleNamespace

import pytest
from tiny import ROOT

from pipeline.tasks.registry import get_task


@pytest.fixture
def script(monkeypatch):
    """The script as a module, on the path that it finds when it is run."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), str(ROOT), *sys.path])
    import benchmarks.time_to_target

    return benchmarks.time_to_target


def test_training_stops_by_validation_layouts_and_the_test_layouts_are_looked_at_once(script, monkeypatch):
    task = get_task("SimpleDoorKey")
    args = Namespace(layouts=600, every=2, schedule=None, network="egocentric")
    layouts = script.prepare(task, args)
    shares = iter([0.5, 0.8, 1.0, 0.9])  # of layouts solved, look by look
    looks = []

    def evaluate_student(task, student, seeds, acting, seed):  # noqa: ARG001
        (split,) = set(task.splits(seeds))
        looks.append((student, split))
        solved = round(next(shares) * len(seeds))
        return [{"success": k < solved} for k in range(len(seeds))]

    def iterations(*_):
        for k in range(1, 100):
            yield SimpleNamespace(iteration=k, student=f"after {k}"), {"env_steps": 1000 * k}

    monkeypatch.setattr(script, "evaluate_student", evaluate_student)
    monkeypatch.setattr(script, "iterations", iterations)
    run = script.reach(task, 0.9, 0, layouts, args)
    validation = [("after 2", "validation"), ("after 4", "validation"), ("after 6", "validation")]
    assert looks == [*validation, ("after 6", "test")]
    assert (run["reached"], run["confirmed"], run["env_steps"]) == (True, False, 6000)
    assert (run["validation_success"], run["test_success"]) == (1.0, 0.9)
    assert run["test_lower"] < 0.9 < run["validation_lower"] < 1
