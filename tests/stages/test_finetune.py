"""The finetune stage: the same student goes on without the teacher, from its folder alone."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from tiny import TASK, params, publish

from pipeline.student.runs.saved import StudentError
from stages.finetune import finetune
from stages.train import train

TINY = params().schedule


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one student has been taught, and nothing of what it was taught from is left."""
    root = tmp_path_factory.mktemp("taught")
    publish(root)
    train(TASK, "llm4teach", params(), root)
    for folder in ("data/labels", ".checkpoints"):
        shutil.rmtree(root / folder)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def students(root: Path, phase: str) -> Path:
    return root / "data/students" / TASK / "llm4teach" / phase


def curve(root: Path, phase: str) -> list[dict[str, str]]:
    with (students(root, phase) / "0/curve.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_curve_goes_on_where_teaching_ended(root: Path) -> None:
    """The label table is gone: nothing after `train` opens it."""
    finetune(TASK, "llm4teach", params(), root)
    rows = curve(root, "final")
    assert rows[: TINY.i2] == curve(root, "taught")
    assert [row["phase"] for row in rows] == ["train"] * TINY.i2 + ["finetune"] * TINY.finetune
    assert [int(row["iteration"]) for row in rows] == list(range(TINY.iterations))
    steps, seconds = ([float(row[name]) for row in rows] for name in ("env_steps", "seconds"))
    assert steps == [TINY.envs * TINY.horizon * (k + 1) for k in range(TINY.iterations)]
    assert seconds == sorted(seconds)
    assert {row["teacher_weight"] for row in rows[TINY.i2 :]} == {"0"}
    assert {row["label_miss_rate"] for row in rows[TINY.i2 :]} == {"0"}


def test_episodes_go_on_through_the_phases(root: Path) -> None:
    """Eight iterations of 16 steps with a horizon of 150: fresh environments could not have counted one episode."""
    long = {"schedules.tiny.i2": 12, "schedules.tiny.finetune": 8}
    publish(root)
    train(TASK, "llm4teach", params(long), root)
    finetune(TASK, "llm4teach", params(long), root)
    assert sum(int(row["episodes"]) for row in curve(root, "final")[12:]) > 0
    (students(root, "taught") / "0/environments.safetensors").unlink()  # a student that somebody sent
    finetune(TASK, "llm4teach", params(long), root)
    assert all(int(row["episodes"]) == 0 and not row["success"] for row in curve(root, "final")[12:])


def test_episodes_of_other_settings_are_one_line(root: Path) -> None:
    with pytest.raises(StudentError, match=r"environments\.safetensors: not the episodes of these settings"):
        finetune(TASK, "llm4teach", params({"schedules.tiny.envs": 4}), root)


def test_the_student_changes_and_the_taught_one_stays(root: Path) -> None:
    before = (students(root, "taught") / "0/student.safetensors").read_bytes()
    finetune(TASK, "llm4teach", params(), root)
    first = (students(root, "final") / "0/student.safetensors").read_bytes()
    assert (students(root, "taught") / "0/student.safetensors").read_bytes() == before != first
    assert json.loads((students(root, "final") / "0/config.json").read_text())["phase"] == "finetune"
    log = root / "log/ppo-llm4teach/simpledoorkey/seed0"
    assert sorted(path.suffix for path in log.glob("events.*")) == [".finetune", ".train"]
    assert (log / "student.safetensors").read_bytes() == first

    shutil.rmtree(root / ".checkpoints")
    finetune(TASK, "llm4teach", params(), root)
    assert (students(root, "final") / "0/student.safetensors").read_bytes() == first


def test_the_optimiser_goes_on_too(root: Path) -> None:
    finetune(TASK, "llm4teach", params(), root)
    with_it = (students(root, "final") / "0/student.safetensors").read_bytes()
    (students(root, "taught") / "0/optimiser.safetensors").unlink()
    finetune(TASK, "llm4teach", params(), root)
    assert (students(root, "final") / "0/student.safetensors").read_bytes() != with_it


def test_another_taught_student_is_not_mistaken_for_a_checkpoint(root: Path) -> None:
    """The checkpoint of the finished phase belongs to the student it started from."""
    finetune(TASK, "llm4teach", params(), root)
    first = (students(root, "final") / "0/student.safetensors").read_bytes()
    publish(root)
    train(TASK, "llm4teach", params({"schedules.tiny.clip": 0.1}), root)
    finetune(TASK, "llm4teach", params(), root)
    assert (students(root, "final") / "0/student.safetensors").read_bytes() != first


def test_all_students_must_be_there_before_any_is_touched(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"taught/1/config\.json: there is no such file"):
        finetune(TASK, "llm4teach", params({"seeds": 2}), root)
    assert not students(root, "final").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("student.safetensors", b"half", r"student\.safetensors: not whole safetensors"),
        ("optimiser.safetensors", b"", r"optimiser\.safetensors: not whole safetensors"),
        ("config.json", b"{", r"config\.json: not JSON"),
        ("config.json", b"[]", r"config\.json: wanted at least the keys schedule and network"),
    ],
)
def test_a_broken_student_is_told(root: Path, name: str, content: bytes, message: str) -> None:
    (students(root, "taught") / "0" / name).write_bytes(content)
    with pytest.raises(StudentError, match=message):
        finetune(TASK, "llm4teach", params(), root)


def test_a_student_of_another_network_is_told(root: Path) -> None:
    with pytest.raises(StudentError, match="not a student with network 'map'"):
        finetune(TASK, "llm4teach", params({"train.network": "map"}), root)
