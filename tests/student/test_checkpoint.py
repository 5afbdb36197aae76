"""Checkpoints: whose they are, and that what is loaded is what was saved."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from pipeline.student.learner import CURVE_COLUMNS
from pipeline.student.runs.checkpoint import checkpoint_path, load_checkpoint, run_key, save_checkpoint

ROW = {name: number + 0.1 for number, name in enumerate(CURVE_COLUMNS[1:])}
WHOLE = {"iteration": 4, "env_steps": 2**40, "episodes": 3}


def test_a_key_is_of_every_setting_and_every_number():
    settings = {"seed": 0, "schedule": {"lr": 1e-3, "clip": 0.2}}
    many = np.arange(5000, dtype=np.float32)
    last_differs = np.where(many == 4999, 0, many).astype(np.float32)
    keys = [
        run_key(settings, {"a": many, "b": many[:3]}, {"m": many}),
        run_key(settings | {"seed": 1}, {"a": many, "b": many[:3]}, {"m": many}),
        run_key(settings | {"schedule": {"lr": 2e-3, "clip": 0.2}}, {"a": many, "b": many[:3]}, {"m": many}),
        run_key(settings, {"a": last_differs, "b": many[:3]}, {"m": many}),
        run_key(settings, {"a": many, "b": many[:3]}, {"m": last_differs}),
        run_key(settings, {"a": many, "c": many[:3]}, {"m": many}),
    ]
    assert len(set(keys)) == len(keys)
    other_way_round = {"schedule": {"clip": 0.2, "lr": 1e-3}, "seed": 0}
    assert run_key(other_way_round, {"b": many[:3], "a": many}, {"m": many}) == keys[0]


def test_every_run_has_a_place_of_its_own(monkeypatch):
    monkeypatch.delenv("LLM4TEACH_CHECKPOINTS", raising=False)
    runs = list(itertools.product(("A", "B"), ("rl", "llm4teach"), ("train", "finetune"), (0, 1)))
    paths = {checkpoint_path(Path(root), *run) for root in ("one", "two") for run in runs}
    assert len(paths) == 2 * len(runs)


def test_what_is_loaded_is_what_was_saved(tmp_path):
    path = tmp_path / "of/a/run.safetensors"
    state = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3).T, "rng": np.array([2**64 - 1], np.uint64)}
    curve = [ROW | WHOLE, ROW | WHOLE | {"success": np.nan}]
    save_checkpoint(path, "key", state, curve)
    found, rows = load_checkpoint(path, "key")
    assert found.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    np.testing.assert_equal(rows, curve)
    assert all(type(row[name]) is int for row in rows for name in WHOLE)
    assert load_checkpoint(path, "another") is None
    assert load_checkpoint(tmp_path / "none.safetensors", "key") is None
    save_checkpoint(path, "key", state, [])
    assert load_checkpoint(path, "key")[1] == []
