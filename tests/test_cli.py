"""`llm4teach` as a user types it: help at once, mistakes in a line or two without a traceback, and what it prints."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tiny import BIN, ROOT, TASK, llm4teach, publish, write_params
from typer.testing import CliRunner

import stages.collect
from cli import app
from pipeline.fan_out import Interrupted

STAGES = ("collect", "label", "train", "finetune", "evaluate", "report")
SLOW = ("torch", "dvc", "datasets", "numba", "numpy", "pyarrow", "matplotlib", "pydantic", "minigrid")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with tiny params in it."""
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path / "params.yaml")
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_help_lists_the_stages_and_loads_nothing_slow() -> None:
    script = (
        "import json, sys; sys.argv = ['llm4teach', '--help']\n"
        "from cli import app\n"
        "try: app()\n"
        f"finally: print(json.dumps([name for name in {SLOW} if name in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stderr) == []
    assert all(stage in done.stdout for stage in (*STAGES, "labels", "teacher", "tasks", "check", "summary"))


def test_the_installed_command_is_this_program(tmp_path: Path) -> None:
    done = llm4teach(tmp_path, "--help")
    assert done.returncode == 0
    assert "collect" in done.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"llm4teach {version('llm4teach')}\n"


@pytest.mark.parametrize("command", [*STAGES, "summary", "check", "tasks", "labels", "teacher"])
def test_every_command_explains_itself(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"{command} [OPTIONS]" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("collect --task Nope", "unknown task 'Nope'; there are SimpleDoorKey, LavaDoorKey"),
        ("label --task Nope", "unknown task 'Nope'; there are"),
        ("train --task Nope", "unknown task 'Nope'; there are"),
        ("finetune --task Nope", "unknown task 'Nope'; there are"),
        ("evaluate --task Nope", "unknown task 'Nope'; there are"),
        (f"train --task {TASK} --method llm", "--method: unknown method 'llm'; allowed: hierarchical, rl, llm4teach"),
        (
            f"finetune --task {TASK} --method ppo",
            "--method: unknown method 'ppo'; allowed: hierarchical, rl, llm4teach",
        ),
        (
            f"evaluate --task {TASK} --method ppo",
            "--method: unknown method 'ppo'; allowed: llm, hierarchical, rl, llm4teach",
        ),
        (f"label --task {TASK}", f"data/states/{TASK}.parquet: there is no such file; the stage that writes it has"),
        (f"train --task {TASK}", f"data/labels/{TASK}/labels.parquet: there is no such file; the stage that writes"),
        (f"finetune --task {TASK}", f"data/students/{TASK}/llm4teach/taught/0/config.json: there is no such file; the"),
        (f"evaluate --task {TASK}", f"data/students/{TASK}/llm4teach/final/0/config.json: there is no such file; the"),
        (f"evaluate --task {TASK} --method llm", f"data/labels/{TASK}/labels.parquet: there is no such file; the"),
        ("summary", "data/report/table.txt: no report yet; `dvc repro` or `llm4teach report` makes one"),
        ("check --params none.yaml", "none.yaml: there is no such file"),
        ("check --params .", ".: Is a directory"),
        (f"collect --task {TASK} --params none.yaml", "none.yaml: there is no such file"),
        ("labels show nowhere", "'nowhere' is no label table"),
        ("labels show SimpleDoorKey --state dragon", "no labelled state has 'dragon' in its sentence"),
        ("labels coverage SimpleDoorKey", "data/states/SimpleDoorKey.parquet: there is no such file"),
        ("teacher serve --labels none.parquet", "none.parquet: there is no such file"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(folder: Path, arguments: str, message: str) -> None:
    result = run(*arguments.split())
    assert result.stderr.startswith(f"llm4teach: {message}"), result.output
    assert len(result.stderr.splitlines()) == 1
    assert (result.exit_code, result.stdout) == (2, "")
    assert [path.name for path in folder.rglob("*")] == ["params.yaml"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (ROOT / "data/published/doorkey/ColoredDoorKey/labels.parquet", ", row 0: a label of task 'ColoredDoorKey'"),
        (Path(__file__), ": not a whole Parquet file ("),
    ],
    ids=["another task's", "no table"],
)
@pytest.mark.parametrize("command", ["train", "evaluate --method llm"])
def test_a_wrong_label_table_is_one_line(folder: Path, source: Path, message: str, command: str) -> None:
    table = publish(folder)
    table.write_bytes(source.read_bytes())
    result = run(*command.split(), "--task", TASK)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"llm4teach: {table.relative_to(folder)}{message}")
    assert len(result.stderr.splitlines()) == 1
    assert "delete" not in result.stderr
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["labels.parquet", "params.yaml"]


@pytest.mark.parametrize(
    "arguments", ["train", "trian", "", "train --task", "collect --task X --fast", "label --task X --max-cost -1"]
)
def test_wrong_usage_exits_with_2(arguments: str) -> None:
    result = run(*arguments.split())
    assert result.exit_code == 2
    assert "Usage:" in result.output or "Error" in result.output


def test_what_the_machine_refuses_is_one_line_too(folder: Path) -> None:
    (folder / "data").write_text("a file where a folder should be")
    done = llm4teach(folder, "collect", "--task", TASK)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "llm4teach: data/states: Not a directory\n"


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_one_line_that_names_the_file_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/states/a.parquet")

    monkeypatch.setattr(stages.collect, "collect", full)
    result = run("collect", "--task", TASK)
    said = "data/states/a.parquet: No space left on device; make room, and the same command goes on from here"
    assert (result.exit_code, result.stderr) == (1, f"llm4teach: {said}\n")


@pytest.mark.usefixtures("folder")
def test_a_fault_of_this_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(stages.collect, "collect", broken)
    result = run("collect", "--task", TASK)
    assert isinstance(result.exception, ValueError)
    assert "a bug" not in result.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("ended", [KeyboardInterrupt("stopped"), Interrupted("stopped")])
def test_ctrl_c_is_one_word(monkeypatch: pytest.MonkeyPatch, ended: BaseException) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise ended

    monkeypatch.setattr(stages.collect, "collect", interrupted)
    result = run("collect", "--task", TASK)
    assert (result.exit_code, result.stderr) == (130, "llm4teach: stopped\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    """As `llm4teach tasks | head -0`."""
    process = subprocess.Popen(
        [str(BIN / "llm4teach"), "labels", "show", TASK], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait(60)


@pytest.mark.usefixtures("folder")
def test_check_says_what_is_in_the_params() -> None:
    result = run("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "params.yaml: fine (1 tasks, 1 methods, 1 seeds)\n"


@pytest.mark.usefixtures("folder")
def test_tasks_are_listed_for_people_and_programs() -> None:
    listed = json.loads(run("tasks", "--json").stdout)
    assert listed[0] == {
        "name": "SimpleDoorKey", "suite": "doorkey", "horizon": 150, "actions": 7,
        "held_out": "other worlds (rooms with their objects) than in training",
    }  # fmt: skip
    assert listed[3] == {
        "name": "DivergedDoorKey", "suite": "doorkey", "horizon": 60, "actions": 7,
        "held_out": "41 validation and 57 test worlds of 512, with 252 starts each",
    }  # fmt: skip
    lines = run("tasks").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*(task["name"] for task in listed), "minigrid:<level>"]
    assert "7 discrete actions" in lines[0]
    assert lines[3].endswith(f"; held out: {listed[3]['held_out']}")


@pytest.mark.usefixtures("folder")
def test_stock_levels_are_listed_with_the_reason_why_one_is_not_covered() -> None:
    lines = run("tasks", "--levels").stdout.splitlines()
    assert "minigrid:MiniGrid-KeyCorridorS3R3-v0" in lines
    assert "minigrid:MiniGrid-Dynamic-Obstacles-5x5-v0  not covered: its obstacles move by themselves" in lines
    found = {level["name"]: level["why_not"] for level in json.loads(run("tasks", "--levels", "--json").stdout)}
    covered = [name for name, why_not in found.items() if why_not is None]
    assert lines[-1] == f"{len(covered)} of {len(found)} levels are covered; `:roles` describes by roles"
    assert len(covered) >= 140


def test_summary_prints_the_last_reports_table_and_where_its_page_is(folder: Path) -> None:
    (folder / "data/report").mkdir(parents=True)
    (folder / "data/report/table.txt").write_text("the table\n")
    assert run("summary").stdout == "the table\nreport: data/report/index.html\n"


def test_a_terminal_that_lacks_letters_gets_question_marks(folder: Path) -> None:
    (folder / "data/report").mkdir(parents=True)
    (folder / "data/report/table.txt").write_text("│ 96.4–100% │\n", encoding="utf-8")
    done = llm4teach(folder, "summary", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("? 96.4?100% ?\n")
