"""What a run leaves for its reader: each column under its own name, in TensorBoard and in the curve's file."""

from __future__ import annotations

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.student.learner import CURVE_COLUMNS
from pipeline.student.runs.tracking import EventLog, read_curve, write_curve

ROW = {name: number + 0.123456789 for number, name in enumerate(CURVE_COLUMNS[1:], 1)} | {
    "iteration": 7,
    "env_steps": 1280,
    "episodes": 3,
}
TAGS = {
    "Train/Success Rate": "success",
    "Train/Return Mean": "episode_return",
    "Train/Eplen": "episode_length",
    "Train/Label Miss Rate": "label_miss_rate",
    "Loss/Policy": "policy_loss",
    "Loss/Value": "value_loss",
    "Loss/Teacher": "teacher_loss",
    "Loss/Entropy": "entropy",
    "Schedule/Lambda": "teacher_weight",
    "Schedule/Learning Rate": "learning_rate",
    "Time/Seconds": "seconds",
}


def test_each_tag_holds_its_column_by_environment_steps(tmp_path):
    log = EventLog(tmp_path, "train")
    log.add(ROW)
    log.add(ROW | {"env_steps": 2560, "success": np.nan, "episode_return": np.nan})  # no episode has ended
    log.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == set(TAGS)
    for tag, name in TAGS.items():
        points = [(point.step, point.value) for point in events.Scalars(tag)]
        both = name not in ("success", "episode_return")
        assert points == [(step, pytest.approx(ROW[name])) for step in ([1280, 2560] if both else [1280])]


def test_only_the_same_phases_events_are_replaced(tmp_path):
    for phase in ("train", "finetune", "finetune"):
        EventLog(tmp_path, phase).close()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".finetune", ".train"]


def test_the_curves_file(tmp_path):
    path = tmp_path / "curve.csv"
    write_curve(path, [{"phase": "train", **ROW}, {"phase": "finetune", **ROW, "success": np.nan}])
    first, second = read_curve(path)
    assert tuple(first) == CURVE_COLUMNS
    assert (first["phase"], second["phase"]) == ("train", "finetune")
    assert (first["iteration"], first["env_steps"], first["episodes"]) == ("7", "1280", "3")
    for name in set(CURVE_COLUMNS[1:]) - {"iteration", "env_steps", "episodes"}:
        assert float(first[name]) == pytest.approx(ROW[name], rel=1e-6)
        assert len(first[name]) <= 8  # seven digits and the point
    assert second["success"] == ""
