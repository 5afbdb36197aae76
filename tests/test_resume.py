"""Stopped in any way and started again: the students come out as if nothing had happened, bit for bit."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from safetensors import safe_open
from tiny import BIN, TASK, llm4teach, params, publish, write_params

from pipeline.student.runs.checkpoint import checkpoint_path
from stages.train import train

SOME_SECONDS = {
    "seeds": 2,
    "schedules.tiny.envs": 16,
    "schedules.tiny.horizon": 32,
    "schedules.tiny.minibatch": 128,
    "schedules.tiny.i1": 200,
    "schedules.tiny.i2": 400,
    "schedules.tiny.finetune": 400,
}
HINT = "llm4teach: stopped; everything is kept, and the same command goes on from here"
Stop = Callable[[subprocess.Popen[str]], tuple[int, str]]
"""Ends a running command somehow; returns the exit code and the last line on stderr that it should end with."""


def fresh(root: Path) -> Path:
    root.mkdir()
    publish(root)
    write_params(root / "params.yaml", SOME_SECONDS)
    write_params(root / "one.yaml", {**SOME_SECONDS, "seeds": 1})
    return root


def command(stage: str) -> tuple[str, ...]:
    """Train two students, in two processes; finetune one, in the command's own process."""
    return (stage, "--task", TASK, "--params", "params.yaml" if stage == "train" else "one.yaml")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where train and finetune were left in peace."""
    root = fresh(tmp_path_factory.mktemp("runs") / "calm")
    for stage in ("train", "finetune"):
        done = llm4teach(root, *command(stage))
        assert done.returncode == 0, done.stderr
    return root


def outcome(root: Path, phase: str) -> dict[str, object]:
    """Everything a phase wrote except what a clock says."""
    folder = root / "data/students" / TASK / "llm4teach" / phase
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "curve.csv"]
    found: dict[str, object] = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    for path in sorted(folder.rglob("curve.csv")):
        with path.open(newline="") as file:
            rows = [{**row, "seconds": None} for row in csv.DictReader(file)]
        found[str(path.relative_to(folder))] = rows
    return found


def reached(root: Path, stage: str) -> int:
    """The iteration that the slowest student's checkpoint is at; -1 while one has none."""
    found = []
    for seed in range(2 if stage == "train" else 1):
        path = checkpoint_path(root, TASK, "llm4teach", stage, seed)
        if not path.exists():
            return -1
        with safe_open(path, framework="numpy") as file:
            found.append(int(file.get_tensor("iteration")[0]))
    return min(found)


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes, started or starting, that a command's students learn in."""
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def interrupt(root: Path, stage: str, stop: Stop, while_starting: bool = False) -> None:
    """Run a stage until it is further than before, stop it, and see that it ends as it should, and not too late."""
    before = reached(root, stage)
    process = subprocess.Popen(
        [str(BIN / "llm4teach"), *command(stage)],
        cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while len(workers(process)) < 2 if while_starting else reached(root, stage) <= before:
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    below = psutil.Process(process.pid).children(recursive=True)
    code, last = stop(process)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert not last or errors.splitlines()[-1] == last
    _, left_running = psutil.wait_procs(below, timeout=60)
    assert left_running == []
    assert reached(root, stage) < (400 if stage == "train" else 800)


def kill(process: subprocess.Popen[str]) -> tuple[int, str]:
    """kill -9 of the command alone: its workers must notice."""
    process.kill()
    return -signal.SIGKILL, ""


def ctrl_c(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C in a terminal goes to the command and its workers alike."""
    os.killpg(process.pid, signal.SIGINT)
    return 130, HINT


def terminate(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.terminate()
    return 130, HINT


def terminate_all(process: subprocess.Popen[str]) -> tuple[int, str]:
    os.killpg(process.pid, signal.SIGTERM)
    return 130, HINT


def kill_a_worker(process: subprocess.Popen[str]) -> tuple[int, str]:
    """As the system does when memory runs out."""
    workers(process)[0].kill()
    return 1, "llm4teach: a worker was killed, perhaps for want of memory; the same command goes on from here"


def test_training_stopped_in_every_way(calm: Path, tmp_path: Path) -> None:
    root = fresh(tmp_path / "rough")
    interrupt(root, "train", ctrl_c, while_starting=True)
    for stop in (kill, ctrl_c, terminate_all, kill_a_worker):
        interrupt(root, "train", stop)
    assert not (root / "data/students").exists()
    assert llm4teach(root, *command("train")).returncode == 0
    assert outcome(root, "taught") == outcome(calm, "taught")


def test_finetuning_stopped_in_every_way(calm: Path, tmp_path: Path) -> None:
    root = fresh(tmp_path / "rough")
    taught = "data/students/SimpleDoorKey/llm4teach/taught"
    (root / taught).parent.mkdir(parents=True)
    (root / taught).symlink_to(calm / taught)
    for stop in (kill, ctrl_c, terminate):
        interrupt(root, "finetune", stop)
    assert llm4teach(root, *command("finetune")).returncode == 0
    assert outcome(root, "final") == outcome(calm, "final")


def weights(root: Path, **changes: object) -> bytes:
    """The weights after training in this process."""
    train(TASK, "llm4teach", params(changes), root)
    return (root / "data/students" / TASK / "llm4teach/taught/0/student.safetensors").read_bytes()


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with labels."""
    return fresh(tmp_path / "one"), fresh(tmp_path / "other")


@pytest.mark.parametrize(
    "changes", [{"schedules.tiny.lambda_0": 3.0}, {"schedules.tiny.i2": 8}, {"schedules.tiny.clip": 0.1}], ids=str
)
def test_a_checkpoint_of_other_params_is_not_continued(roots: tuple[Path, Path], changes: dict[str, object]) -> None:
    one, other = roots
    weights(one)
    assert weights(one, **changes) == weights(other, **changes)


def test_a_checkpoint_of_other_labels_is_not_continued(roots: tuple[Path, Path]) -> None:
    """LavaDoorKey's released distributions differ from SimpleDoorKey's only by the task's name; so use fewer rows."""
    from pipeline.tables import LABELS, read_table, write_table

    one, other = roots
    weights(one)
    for root in roots:
        path = root / "data/labels" / TASK / "labels.parquet"
        write_table(path, read_table(path, LABELS).to_pylist()[1:], LABELS)
    assert weights(one) == weights(other)


def test_a_checkpoint_that_other_code_made_is_not_continued(
    roots: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the annealing broken and the students deleted, training again must not give the old weights."""
    one, other = roots
    before = weights(one)
    shutil.rmtree(one / "data/students")
    monkeypatch.setattr("pipeline.student.learner.teacher_weight", lambda *_: 0.0)
    monkeypatch.setattr("pipeline.student.runs.run.sources_digest", lambda *_: "the hash of that code")
    assert weights(one) == weights(other) != before


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: whole[:100], lambda _: b"", lambda _: b"{}"]
)
def test_a_broken_checkpoint_is_ignored(roots: tuple[Path, Path], damage: Callable[[bytes], bytes]) -> None:
    one, other = roots
    expected = weights(one)
    assert weights(other) == expected
    path = checkpoint_path(other, TASK, "llm4teach", "train", 0)
    path.write_bytes(damage(path.read_bytes()))
    assert weights(other) == expected


def test_checkpoints_can_live_elsewhere(
    roots: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM4TEACH_CHECKPOINTS", str(tmp_path / "elsewhere"))
    weights(roots[0])
    assert not (roots[0] / ".checkpoints").exists()
    assert [path.name for path in (tmp_path / "elsewhere").rglob("*.safetensors")] == ["0.safetensors"]
