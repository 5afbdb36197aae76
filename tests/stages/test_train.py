"""The train stage: what it writes, that a seed decides it to the bit, and what it does without labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import TASK, params, publish

from pipeline.instructions import Description
from pipeline.registry import Unknown
from pipeline.student.annealing import teacher_weight
from pipeline.tables import LABELS, TableError, read_table, write_table
from stages.collect import collect
from stages.train import train

STUDENT = {"student.safetensors", "optimiser.safetensors", "config.json", "curve.csv", "environments.safetensors"}
TINY = params().schedule


def taught(root: Path, method: str = "llm4teach", task: str = TASK, **changes: Any) -> Path:
    """Train with the published labels unless others are there; returns the folder of the students."""
    labels = root / "data/labels" / task / "labels.parquet"
    if method == "llm4teach" and not labels.exists():
        publish(root, task)
    train(task, method, params(changes), root)
    return root / "data/students" / task / method / "taught"


def curve(folder: Path, seed: int = 0) -> list[dict[str, str]]:
    with (folder / f"{seed}/curve.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(folder: Path, column: str) -> list[float]:
    return [float(row[column]) for row in curve(folder)]


def weights(folder: Path, seed: int = 0) -> bytes:
    return (folder / str(seed) / "student.safetensors").read_bytes()


def without(root: Path, *descriptions: Description, task: str = TASK) -> None:
    """The published labels less some rows."""
    path = publish(root, task)
    gone = {description.state_id for description in descriptions}
    write_table(path, [row for row in read_table(path, LABELS).to_pylist() if row["state_id"] not in gone], LABELS)


def test_a_student_and_its_curve_are_written(tmp_path: Path) -> None:
    folder = taught(tmp_path)
    assert {path.name for path in folder.iterdir()} == {"0", "unlabelled.json"}
    assert {path.name for path in (folder / "0").iterdir()} == STUDENT
    config = json.loads((folder / "0/config.json").read_text())
    assert (config["task"], config["method"], config["phase"], config["seed"]) == (TASK, "llm4teach", "train", 0)
    assert config["parameters"] <= 24_000
    assert config["settings"] == TINY.model_dump()
    rows = curve(folder)
    assert [int(row["iteration"]) for row in rows] == list(range(TINY.i2))
    assert {row["phase"] for row in rows} == {"train"}
    assert numbers(folder, "env_steps") == [TINY.envs * TINY.horizon * (k + 1) for k in range(TINY.i2)]
    assert numbers(folder, "teacher_weight") == pytest.approx([teacher_weight(TINY, k) for k in range(TINY.i2)])
    assert numbers(folder, "label_miss_rate") == [0.0] * TINY.i2
    assert numbers(folder, "teacher_loss")[0] > 0
    assert json.loads((folder / "unlabelled.json").read_text()) == {}


def test_progress_ends_with_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taught(tmp_path, "rl")
    assert capsys.readouterr().err.endswith(f"train {TASK} rl: 100%\n")


def test_tensorboard_finds_the_run_as_the_papers_release_has_it(tmp_path: Path) -> None:
    folder = taught(tmp_path)
    log = tmp_path / "log/ppo-llm4teach/simpledoorkey/seed0"
    assert (log / "student.safetensors").read_bytes() == weights(folder)
    assert (log / "config.json").read_bytes() == (folder / "0/config.json").read_bytes()
    events = EventAccumulator(str(log)).Reload()
    points = events.Scalars("Schedule/Lambda")
    assert [point.step for point in points] == numbers(folder, "env_steps")
    assert [point.value for point in points] == pytest.approx(numbers(folder, "teacher_weight"))
    taught(tmp_path)  # again: the old events are replaced, not added to
    assert len(list(log.glob("events.*"))) == 1


def test_the_seed_decides_every_bit_alone_or_beside_others(tmp_path: Path) -> None:
    alone, again, both = taught(tmp_path / "a"), taught(tmp_path / "b"), taught(tmp_path / "c", seeds=2)
    assert weights(alone) == weights(again) == weights(both)
    assert weights(both, 1) != weights(both, 0)
    assert (both / "1/optimiser.safetensors").exists()


def test_params_reach_the_student(tmp_path: Path) -> None:
    changes = [("lr", 1e-3), ("epochs", 3), ("gamma", 0.9), ("lambda_0", 5.0), ("clip", 0.1), ("entropy", 0.1)]
    students = {weights(taught(tmp_path / name, **{f"schedules.tiny.{name}": value})) for name, value in changes}
    assert len(students | {weights(taught(tmp_path / "as it is"))}) == len(changes) + 1


def test_a_description_without_label_is_masked_counted_and_listed(tmp_path: Path) -> None:
    met = Description()
    without(tmp_path, met)
    folder = taught(tmp_path)
    missed = json.loads((folder / "unlabelled.json").read_text())
    assert list(missed) == [met.sentence]
    assert missed[met.sentence] == round(sum(numbers(folder, "label_miss_rate")) * TINY.envs * TINY.horizon) > 0


def test_states_that_are_described_alike_are_counted_together(tmp_path: Path) -> None:
    """A blue key and a red one are both `color1 key`, alone in sight."""
    task = "ColoredDoorKey"
    without(tmp_path, Description(), Description(("color1 key",)), task=task)
    folder = taught(tmp_path, task=task, seeds=2)
    missed = json.loads((folder / "unlabelled.json").read_text())
    assert set(missed) == {Description().sentence, Description(("color1 key",)).sentence}
    rates = sum(float(row["label_miss_rate"]) for seed in (0, 1) for row in curve(folder, seed))
    assert sum(missed.values()) == round(rates * TINY.envs * TINY.horizon)


def test_without_any_fitting_label_the_student_learns_as_by_rl_alone(tmp_path: Path) -> None:
    """Every state is masked, so not one bit of the teacher reaches the weights."""
    path = publish(tmp_path)
    row = read_table(path, LABELS).to_pylist()[0]
    never = Description(("chest",))
    row.update(state_id=never.state_id, sees=list(never.sees), holds=None, state_text=never.sentence)
    write_table(path, [row], LABELS)
    folder, alone = taught(tmp_path), taught(tmp_path, "rl")
    assert numbers(folder, "label_miss_rate") == [1.0] * TINY.i2
    assert numbers(folder, "teacher_loss") == [0.0] * TINY.i2
    assert weights(folder) == weights(alone)
    assert weights(folder) != weights(taught(tmp_path / "labelled"))


def test_a_warm_start_comes_before_the_first_step(tmp_path: Path) -> None:
    warm, cold = tmp_path / "warm", tmp_path / "cold"
    collect(TASK, params(), warm)
    taught(warm, **{"train.warm_start": 40})
    taught(cold)
    folder, without_it = (root / "data/students" / TASK / "llm4teach/taught" for root in (warm, cold))
    assert numbers(folder, "teacher_loss")[0] < 0.7 * numbers(without_it, "teacher_loss")[0]
    assert numbers(folder, "env_steps") == numbers(without_it, "env_steps")


def test_a_warm_start_on_other_states_is_not_mistaken_for_the_same(tmp_path: Path) -> None:
    """The checkpoint of a done run belongs to the states that it began with."""
    one, other = tmp_path / "one", tmp_path / "other"
    collect(TASK, params(), one)
    before = weights(taught(one, **{"train.warm_start": 5}))
    for root in (one, other):
        collect(TASK, params({"collect.seed": 1}), root)
    after = [weights(taught(root, **{"train.warm_start": 5})) for root in (one, other)]
    assert after[0] == after[1] != before


def test_a_method_without_labels_has_no_warm_start(tmp_path: Path) -> None:
    assert weights(taught(tmp_path / "a", "rl", **{"train.warm_start": 5})) == weights(taught(tmp_path / "b", "rl"))


def test_rl_needs_no_labels_and_misses_none(tmp_path: Path) -> None:
    folder = taught(tmp_path, "rl")
    assert not (tmp_path / "data/labels").exists()
    assert numbers(folder, "teacher_weight") == [0.0] * TINY.i2
    assert numbers(folder, "label_miss_rate") == [0.0] * TINY.i2
    assert json.loads((folder / "unlabelled.json").read_text()) == {}


def test_what_is_missing_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="the stage that writes it has not run"):
        train(TASK, "llm4teach", params(), tmp_path)
    with pytest.raises(Unknown, match="unknown task 'Nope'"):
        train("Nope", "rl", params(), tmp_path)
    assert list(tmp_path.iterdir()) == []
