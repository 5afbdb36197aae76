"""The examples, installed as a package would be, go through all stages; and a reader finds each in one short file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import ROOT, params

from pipeline.instructions import Description, Plan, options_of
from pipeline.params import Params
from pipeline.registry import TASKS
from pipeline.student.policies import DiagonalGaussian
from pipeline.student.runs.saved import load_student, read_config
from pipeline.tables import EPISODES, read_table
from pipeline.tasks.check import check
from pipeline.tasks.registry import get_task
from stages.collect import collect
from stages.evaluate import evaluate
from stages.finetune import finetune
from stages.label import label
from stages.report import report
from stages.train import train

EXAMPLES = ROOT / "examples"
NETWORKS = {"Corridor": "mlp", "FourRooms": "cnn", "Reach": "mlp"}


def settings(name: str) -> Params:
    changes = {"tasks": [name], "label.provider": "scripted", "train.network": "auto", "evaluate.episodes": 12}
    return params(changes)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pip install -e examples` does: the files can be imported, and the entry points are known."""
    project = (EXAMPLES / "pyproject.toml").read_text()
    about = tmp_path / "site/llm4teach_examples-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: llm4teach-examples\nVersion: 1.0\n")
    sections = re.findall(r'^\[project\.entry-points\."([\w.]+)"\]\n((?:\w+ = ".*"\n)+)', project, re.MULTILINE)
    lines = [f"[{group}]\n{entries}" for group, entries in sections]
    (about / "entry_points.txt").write_text("\n".join(lines).replace('"', ""))
    for folder in (EXAMPLES, tmp_path / "site"):
        monkeypatch.syspath_prepend(str(folder))
    modules = re.search(r"py-modules = \[(.*)\]", project)
    assert modules
    for module in re.findall(r'"(\w+)"', modules.group(1)):
        assert (EXAMPLES / f"{module}.py").is_file()
        monkeypatch.delitem(sys.modules, module, raising=False)


def test_they_are_listed() -> None:
    assert set(NETWORKS) <= set(TASKS.names())


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 120


@pytest.mark.parametrize("name", NETWORKS)
def test_each_is_what_it_says_it_is(name: str) -> None:
    assert check(get_task(name), name).faults == []


@pytest.mark.parametrize("name", NETWORKS)
def test_from_states_to_report(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = settings(name)
    collect(name, asked, tmp_path)
    assert label(name, asked, tmp_path)["coverage_visits"] == 1
    train(name, "llm4teach", asked, tmp_path)
    finetune(name, "llm4teach", asked, tmp_path)
    folder = tmp_path / "data/students" / name / "llm4teach/final/0"
    assert read_config(folder)["network"] == NETWORKS[name]
    student = load_student(get_task(name), folder)
    assert isinstance(student.policy, DiagonalGaussian) == (name == "Reach")
    for method in ("llm", "llm4teach"):
        metrics = evaluate(name, method, asked, tmp_path)
        assert 0 <= metrics["sampled"]["success"] <= 1
    episodes = read_table(tmp_path / "data/evaluations" / name / "llm4teach.parquet", EPISODES)
    assert episodes.num_rows == 2 * 12  # ways of acting, layouts
    report(asked, tmp_path, quiet=False)
    assert name in capsys.readouterr().out
    assert name in (tmp_path / "data/report/index.html").read_text()


@pytest.mark.parametrize(("name", "least"), [("Corridor", 0.8), ("Reach", 0.5)])
def test_the_scripted_teacher_knows_what_to_do(name: str, least: float, tmp_path: Path) -> None:
    """Alone it succeeds mostly: the options do what plans say, and continuous ones are played as Gaussians."""
    asked = settings(name)
    collect(name, asked, tmp_path)
    label(name, asked, tmp_path)
    assert evaluate(name, "llm", asked, tmp_path)["sampled"]["success"] >= least


def test_four_rooms_walks_to_a_goal_in_sight() -> None:
    """By hand: the goal two cells ahead and one to the right of an agent that looks up."""
    task = get_task("FourRooms")
    go = options_of(task.grammar)[1]
    view = np.zeros((7, 7, 3), np.uint8)
    view[1:6, 1:7, 0] = 1  # floor
    view[4, 4, 0] = 8  # the goal
    assert task.describe(view) == Description(("goal",))
    assert task.plan_policy(Plan((go,)), view)[2] == 1  # forward before right: as short, and first
    view[3, 5, 0] = 2  # a wall ahead
    assert task.plan_policy(Plan((go,)), view)[1] == 1  # right
    view[4, 4, 0] = 1
    assert task.plan_policy(Plan((go,)), view)[task.idle] == 1  # out of sight: it can't go on
