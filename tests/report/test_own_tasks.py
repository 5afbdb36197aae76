"""The page of tasks that the paper doesn't have: discrete and continuous actions, environments that draw nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium import Env, spaces
from synthetic import params, ramp, write_evaluation, write_student, write_trial
from test_analysis import section
from test_page import Page

from pipeline.analysis.failures import replayed_actions, scripted
from pipeline.instructions import Description, Grammar, Option
from pipeline.registry import TASKS
from pipeline.report.films import film
from pipeline.tasks.base import OptionStep, Task, TaskPrompt
from pipeline.tasks.spaces import Space
from stages.report import report, summary


class Point(Env[np.ndarray, Any]):
    """A point on a line from 0, moved by each action; it succeeds beyond 3."""

    def __init__(self, draws: bool) -> None:
        self.observation_space = spaces.Box(-9, 9, (1,), np.float32)
        self.draws = draws

    def reset(self, **_: Any) -> tuple[np.ndarray, dict[str, Any]]:
        self.place = np.zeros(1, np.float32)
        return self.place, {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.place = self.place + np.asarray(action, np.float32)
        there = bool(self.place[0] > 3)
        return self.place, float(there), there, False, {}

    def render(self) -> Any:
        return np.full((8, 8, 3), 20 * int(self.place[0]), np.uint8) if self.draws else super().render()


class Line(Task):
    """The task of that point, which no one has written a paper on."""

    suite, horizon, idle = "own", 9, 0
    prompt = TaskPrompt("Go right.", "", "", "", "")
    grammar = Grammar((), ())

    def __init__(self, name: str, space: Space, draws: bool) -> None:
        self.name, self.space, self.draws = name, space, draws

    def make_env(self, render_mode: str | None = None) -> Point:  # noqa: ARG002
        return Point(self.draws)

    def describe(self, _observation: Any) -> Description:
        return Description()

    def follow(self, _option: Option, _observation: Any) -> OptionStep:
        return OptionStep(None, True)

    def layout_code(self, seed: int) -> int:
        return seed

    def make_batch(self, *_: Any) -> Any:
        raise AssertionError("not needed for a page")


def corridor() -> Line:
    return Line("Corridor", Space("discrete", 2, ("stay", "right")), draws=False)


def reach() -> Line:
    return Line("Reach", Space("continuous", 1, ("right",)), draws=True)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"Corridor": f"{__name__}:corridor", "Reach": f"{__name__}:reach"}
    monkeypatch.setattr(TASKS, "built_in", {**TASKS.built_in, **own})
    monkeypatch.setattr("pipeline.evaluation.student_actor", lambda *_: lambda _: np.ones(1, np.float32))


def write_all(data: Path) -> None:
    for task in ("Corridor", "Reach"):
        for method in ("llm4teach", "rl"):
            write_evaluation(data, task, method, [0, 1], 0.9 if method == "rl" else 1.0)
            for seed in (0, 1):
                write_student(data, task, method, seed)


def test_a_page_without_any_task_of_the_paper(tmp_path: Path) -> None:
    write_all(tmp_path / "data")
    path = report(params(("Corridor", "Reach"), methods=["llm4teach", "rl"]), tmp_path, quiet=True)
    html = path.read_text()
    page = Page(html)
    assert "LLM4Teach succeeds in 100% on Corridor, 100% on Reach." in page.text
    for words in ("beside the paper", "LLM alone ", "Hierarchical", "not run", "−", "higher", "Table 3"):
        assert words not in page.text.split("How to read this")[0] + section(html, "table")
    assert {name for tag, attrs in page.tags if tag == "section" and (name := attrs.get("id"))} >= {"table", "curves"}
    assert 'id="claims"' not in html
    assert "the paper’s" not in section(html, "curves")
    assert "LLM4Teach ends at 99" in section(html, "curves")
    assert summary(tmp_path).splitlines()[2].split() == ["task", "method", "ours", "95%", "interval", "by", "student"]


def test_what_can_t_be_drawn_is_said_and_what_can_is_filmed(tmp_path: Path) -> None:
    write_all(tmp_path / "data")
    path = report(params(("Corridor", "Reach"), methods=["llm4teach"]), tmp_path, quiet=True)
    assert [film.name for film in (path.parent / "films").iterdir()] == ["Reach-student.gif"]
    assert "Corridor: films, which are made of one agent whose environment draws pictures." in path.read_text()
    assert "succeeds in 4 steps" in section(path.read_text(), "films")


def test_the_experiments_of_own_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    write_all(data)
    for seed in range(5):
        for method, start in (("llm4teach", 5), ("rl", 25)):
            write_trial(data, "methods", method, "Reach", seed, method=method, success=ramp(start))
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    monkeypatch.setattr("stages.report.done_trials", lambda *_: done)
    path = report(params(("Corridor", "Reach")), tmp_path, quiet=True, with_paper=True)
    html = path.read_text()
    worth = section(html, "worth")
    assert "<td>Reach<br><small>egocentric</small></td><td>99.0%</td>" in worth
    assert "the paper’s" not in worth.split("<tbody>")[1].split("</tbody>")[0]
    assert "3.0 to 3.0 times: more" in worth
    assert 'id="claims"' not in html
    assert "LLM4Teach on Corridor" in section(html, "ablations")
    assert "annealing" not in html  # experiments on the paper's own tasks


def test_an_agent_of_several_is_not_filmed(tmp_path: Path) -> None:
    task: Any = SimpleNamespace(agents=2)
    assert film(task, lambda _: 0, 0, tmp_path / "f.gif") is None
    assert list(tmp_path.iterdir()) == []


class Stepping:
    """A batch of points that takes whatever it is given."""

    rows = environments = 2

    def reset(self, _seeds: np.ndarray) -> None: ...

    def step(self, _actions: np.ndarray) -> None: ...


def test_continuous_actions_are_replayed_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = reach()
    task.make_batch = lambda *_: Stepping()  # type: ignore[method-assign]
    monkeypatch.setattr("pipeline.analysis.failures.student_choice", lambda *_: lambda _, noise: noise)
    student: Any = None
    taken = replayed_actions(task, student, np.array([5, 7]), [7], "sampled", 3)[7]
    assert taken == list(np.random.default_rng(3).standard_normal((9, 2, 1), dtype=np.float32)[:, 1])
    outcome = film(task, scripted(taken), 7, tmp_path / "f.gif")
    assert outcome
    assert outcome["length"] == 9
