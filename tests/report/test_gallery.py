"""The failure gallery: what is filmed, and how a reader plays it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from synthetic import params
from test_analysis import TASK, failing, paper_report, section, write_results

from pipeline.analysis.students import EvaluatedStudent
from pipeline.report.gallery import gallery


@pytest.fixture(autouse=True)
def replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two students; on layout 7 the replay succeeds, because student 1 was trained anew."""
    folder = "paper/methods/llm4teach"

    def students(data: Path, task: str, _done: Any) -> list[EvaluatedStudent]:
        return [EvaluatedStudent(task, seed, data / folder / task / str(seed), data / "none") for seed in (0, 1)]

    def film(_task: Any, _act: Any, layout: int, path: Path) -> dict[str, Any]:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("P", (40, 20)).save(path)
        return {"success": layout == 7, "length": 150, "return": 0.0}

    def replayed(_task: Any, _student: Any, _layouts: Any, wanted: list[int], *_: Any) -> dict[int, list[int]]:
        return {wanted[0]: [0]}

    monkeypatch.setattr("pipeline.analysis.students.taught_students", students)
    monkeypatch.setattr("pipeline.analysis.failures.replayed_actions", replayed)
    monkeypatch.setattr("pipeline.student.runs.saved.load_student", lambda *_: None)
    monkeypatch.setattr("pipeline.evaluation.evaluation_layouts", lambda *_: np.array([5, 7]))
    monkeypatch.setattr("pipeline.report.gallery.film", film)


FAILURES = {"sampled": failing((5, [0, 1]), (7, [1]))}


def test_a_replay_that_succeeds_is_no_failure(tmp_path: Path) -> None:
    films = gallery(TASK, FAILURES, params(), tmp_path / "data", tmp_path / "films", ())
    assert [(each.layout, each.seed, each.failed) for each in films] == [(5, 0, 2)]
    assert films[0].student == Path("data/paper/methods/llm4teach") / TASK / "0"
    assert [path.name for path in (tmp_path / "films").iterdir()] == [films[0].path.name]


def test_a_reader_can_play_the_layout_and_watch_the_student(tmp_path: Path) -> None:
    write_results(tmp_path / "data", failures={TASK: FAILURES})
    shown = section(paper_report(tmp_path).read_text(), "failures")
    command = f"<code>llm4teach play --task {TASK} --layout 5"
    assert f"{command}</code>" in shown
    assert f"{command} --student data/paper/methods/llm4teach/{TASK}/0</code>" in shown
    assert "--layout 7" not in shown
