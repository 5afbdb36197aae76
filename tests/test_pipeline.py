"""All stages by `dvc repro`, with tiny params in a temporary clone: to the report, resumed, and not run twice.

The stages are carried out by the installed `llm4teach`, which is this checkout's, so nothing is compiled anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tiny import BIN, ROOT, TASK, content, write_params

from pipeline.student.runs.checkpoint import checkpoint_path

SOME_SECONDS = {
    "schedules.tiny.envs": 16,
    "schedules.tiny.horizon": 32,
    "schedules.tiny.minibatch": 128,
    "schedules.tiny.i1": 200,
    "schedules.tiny.i2": 400,
    "schedules.tiny.finetune": 20,
}
STUDENT = f"{TASK}-llm4teach"
STAGES = [
    f"collect@{TASK}", f"label@{TASK}", f"train@{STUDENT}", f"finetune@{STUDENT}", f"evaluate@{STUDENT}",
    f"evaluate-teacher@{TASK}", "report",
]  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    """With the installed commands, and nothing of the user's DVC or git."""
    own = {
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"),
        "DVC_GLOBAL_CONFIG_DIR": str(folder / ".dvc/tmp/global"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    identity = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    return {**os.environ, **own, **identity, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in a clone that must succeed."""
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def clone(folder: Path) -> Path:
    """The files that git tracks, as they are now, as a repository of their own with tiny params."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).exists() and name != "dvc.lock":  # which may tell of the real params' results
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    write_params(folder / "params.yaml", SOME_SECONDS)
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "clone")
    return folder


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which `dvc repro` was left in peace."""
    folder = clone(tmp_path_factory.mktemp("calm"))
    done = run(folder, "dvc", "repro")
    ran = re.findall(r"^Running stage '(.*)':$", done.stdout, re.MULTILINE)
    assert sorted(ran) == sorted(STAGES)
    assert [stage for stage in ran if stage in STAGES[:4]] == STAGES[:4]
    return folder


def changed(folder: Path) -> set[str]:
    """The stages that `dvc repro` would find changed, those only because of others not among them."""
    status: dict[str, Any] = json.loads(run(folder, "dvc", "status", "--json").stdout)
    found = set()
    for stage, reasons in status.items():
        kinds = {name for reason in reasons for name in (reason.get("changed deps", {}) or {})}
        if "params.yaml" in kinds:
            found.add(stage)
    return found


def test_one_command_leads_to_the_report(calm: Path) -> None:
    assert (calm / "data/report/index.html").stat().st_size > 100_000
    assert TASK in run(calm, "llm4teach", "summary").stdout
    assert {path.name for path in (calm / "data/labels" / TASK).iterdir()} == {"labels.parquet", "metrics.json"}
    assert (calm / "data/states" / f"{TASK}.parquet").is_file()
    assert (calm / "data/students" / TASK / "llm4teach/final/0/student.safetensors").is_file()
    assert {path.name for path in (calm / "data/evaluations" / TASK).glob("*.parquet")} == {
        "llm.parquet",
        "llm4teach.parquet",
    }


def test_git_sees_only_the_lock_file(calm: Path) -> None:
    """What the stages write is kept by DVC, or is a log or a checkpoint."""
    assert run(calm, "git", "status", "--short").stdout.split() == ["??", "dvc.lock"]


def test_a_second_time_nothing_runs(calm: Path) -> None:
    files = [path for path in (calm / "data").rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    done = run(calm, "dvc", "repro")
    assert "Data and pipelines are up to date." in done.stdout
    assert "Running stage" not in done.stdout
    assert {path: path.stat().st_mtime_ns for path in files} == before


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"schedules.other": {}, "train.checkpoint_s": 5}, set()),
        ({"evaluate.episodes": 21}, {f"evaluate@{STUDENT}", f"evaluate-teacher@{TASK}", "report"}),
        ({"schedules.tiny.clip": 0.1}, {f"train@{STUDENT}", f"finetune@{STUDENT}"}),
        ({"collect.seed": 1}, {f"collect@{TASK}"}),
    ],
    ids=["nothing that matters", "evaluate", "schedule", "collect"],
)
def test_changed_params_concern_the_stages_that_use_them(calm: Path, changes: dict[str, Any], stages: set[str]) -> None:
    path = calm / "params.yaml"
    before = path.read_text()
    if "schedules.other" in changes:
        changes = {**changes, "schedules.other": content()["schedules"]["tiny"]}
    write_params(path, {**SOME_SECONDS, **changes})
    try:
        assert changed(calm) == stages
    finally:
        path.write_text(before)


def test_whatever_decides_a_label_makes_the_stage_run_again(calm: Path) -> None:
    """Rules, grammars, prompts of the project's and of the user's own, settings' defaults, and how answers are read."""
    inputs = {
        "prompts": "prompts/chain_of_thought.system.txt",
        "pipeline/tasks": "pipeline/tasks/doorkey/task.py",
        "pipeline/teacher": "pipeline/teacher/prompts/letters.user.txt",
        "pipeline/instructions.py": "pipeline/instructions.py",
        "pipeline/plan_reader.py": "pipeline/plan_reader.py",
        "pipeline/params": "pipeline/params/label.py",
        "pipeline/tables": "pipeline/tables/schemas.py",
        "data/published": "data/published/doorkey/README.md",
    }
    before = {path: path.read_bytes() if path.exists() else None for path in (calm / name for name in inputs.values())}
    try:
        for path, content in before.items():
            path.write_bytes((content or b"$rules") + b"\n")
        status = json.loads(run(calm, "dvc", "status", "--json", f"label@{TASK}").stdout)[f"label@{TASK}"]
        found: dict[str, str] = {}
        for reason in status:
            found |= reason.get("changed deps", {})
        assert found == dict.fromkeys(inputs, "modified")
    finally:
        for path, content in before.items():
            path.unlink() if content is None else path.write_bytes(content)


def test_the_graph_reads_as_the_design_says(calm: Path) -> None:
    edges = set(re.findall(r'"(.*?)" -> "(.*?)";', run(calm, "dvc", "dag", "--dot").stdout))
    chain = [*STAGES[:5], "report"]
    assert set(pairwise(chain)) <= edges
    assert (f"label@{TASK}", f"evaluate-teacher@{TASK}") in edges
    assert (f"label@{TASK}", f"finetune@{STUDENT}") not in edges
    assert (f"label@{TASK}", f"evaluate@{STUDENT}") not in edges


def test_dvc_shows_the_success_and_length_of_each_method_and_nothing_else(calm: Path) -> None:
    shown = json.loads(run(calm, "dvc", "metrics", "show", "--json").stdout)[""]["data"]
    evaluated = {
        method: json.loads((calm / f"data/evaluations/{TASK}/{method}.json").read_text())["sampled"]
        for method in ("llm4teach", "llm")
    }
    assert shown == {
        "data/report/metrics.json": {
            "data": {
                measure: {method: {TASK: values[measure]} for method, values in evaluated.items()}
                for measure in ("success", "length")
            }
        }
    }


def test_dvc_draws_the_curves_of_the_tasks_there_are_on_a_page_that_opens_offline(calm: Path) -> None:
    run(calm, "dvc", "plots", "show", "--out", "dvc_plots")
    pictures = {path.name.rpartition("_")[2] for path in (calm / "dvc_plots/static").iterdir()}
    assert pictures == {path.name for path in (calm / "data/report/figures/light").iterdir()}
    assert {name.partition("-")[0] for name in pictures} == {TASK}
    assert "http" not in (calm / "dvc_plots/index.html").read_text()


def test_dvc_compares_runs_of_a_clone_in_which_nothing_was_committed(calm: Path, tmp_path: Path) -> None:
    """The README's way: `dvc exp save`, `dvc exp run` with another setting, and both side by side."""
    folder = tmp_path / "clone"
    shutil.copytree(calm, folder, symlinks=True)
    metrics = folder / "data/report/metrics.json"
    run(folder, "dvc", "exp", "save", "--name", "default")
    before = json.loads(metrics.read_text())
    run(folder, "dvc", "exp", "run", "--name", "other", "--set-param", "schedules.tiny.finetune=25")
    after = json.loads(metrics.read_text())
    diff = json.loads(run(folder, "dvc", "metrics", "diff", "--all", "--json", "default", "other").stdout)
    assert diff.keys() == {"data/report/metrics.json"}
    shown = diff["data/report/metrics.json"][f"length.llm4teach.{TASK}"]
    assert (shown["old"], shown["new"]) == (before["length"]["llm4teach"][TASK], after["length"]["llm4teach"][TASK])
    assert shown["old"] != shown["new"]
    run(folder, "dvc", "plots", "diff", "--out", "dvc_plots", "default", "other")
    drawn = re.findall(r'src="static/([a-z]+)_', (folder / "dvc_plots/index.html").read_text())
    assert set(drawn) == {"default", "other"}
    listed = run(folder, "dvc", "exp", "show", "--only-changed", "--drop", ".*/", "--csv").stdout.splitlines()
    columns = [f"{measure}.{method}.{TASK}" for measure in ("success", "length") for method in ("llm4teach", "llm")]
    assert [name for name in listed[0].split(",") if "." in name] == [*columns, "schedules.tiny.finetune"]
    assert {line.split(",")[0] for line in listed[1:]} >= {"default", "other"}
    run(folder, "dvc", "exp", "apply", "default")
    assert json.loads(metrics.read_text()) == before


def interrupt(folder: Path, number: int) -> str:
    """Signal `dvc repro` and its stage while a student is being taught, as a terminal would; returns what it said."""
    checkpoint = checkpoint_path(folder, TASK, "llm4teach", "train", 0)
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    process = subprocess.Popen(
        [str(BIN / "dvc"), "repro"], cwd=folder, env=environment(folder), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert not (folder / "data/students" / TASK / "llm4teach/taught/unlabelled.json").exists()
    return said


def test_stopped_and_killed_it_goes_on_to_the_same_result(calm: Path, tmp_path: Path) -> None:
    rough = clone(tmp_path)
    said = interrupt(rough, signal.SIGINT)
    assert "llm4teach: stopped; everything is kept, and the same command goes on from here" in said
    assert "Traceback" not in said
    interrupt(rough, signal.SIGKILL)
    done = run(rough, "dvc", "repro", f"evaluate@{STUDENT}")
    assert f"Stage 'label@{TASK}' didn't change, skipping" in done.stdout
    for name in (
        f"data/states/{TASK}.parquet",
        f"data/labels/{TASK}/labels.parquet",
        f"data/students/{TASK}/llm4teach/taught/0/student.safetensors",
        f"data/students/{TASK}/llm4teach/taught/unlabelled.json",
        f"data/students/{TASK}/llm4teach/final/0/student.safetensors",
        f"data/students/{TASK}/llm4teach/final/0/optimiser.safetensors",
        f"data/evaluations/{TASK}/llm4teach.parquet",
        f"data/evaluations/{TASK}/llm4teach.json",
    ):
        assert (rough / name).read_bytes() == (calm / name).read_bytes(), name
