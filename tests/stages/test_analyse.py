"""The analyse stage: what it writes, and what it says about what is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny import TASK, params, publish

from stages.analyse import PLACE, analyse
from stages.collect import collect
from stages.evaluate import evaluate
from stages.finetune import finetune
from stages.report import report
from stages.train import train


def results(root: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in (root / PLACE).iterdir()}


def test_everything_of_a_tiny_student(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = params()
    publish(tmp_path)
    counted = {"answers": {"valid": 60}, "tokens_in": 6000, "tokens_out": 1200}
    (tmp_path / f"data/labels/{TASK}/metrics.json").write_text(json.dumps(counted))
    collect(TASK, settings, tmp_path)
    train(TASK, "llm4teach", settings, tmp_path)
    finetune(TASK, "llm4teach", settings, tmp_path)
    for method in ("llm4teach", "llm"):
        evaluate(TASK, method, settings, tmp_path)
    capsys.readouterr()
    analyse(settings, tmp_path)
    found = results(tmp_path)
    assert capsys.readouterr().out == f"analyse: 7 files in {tmp_path / PLACE}\n"
    assert found["shortest"][TASK]["layouts"] == 20
    assert found["errors"][TASK]["episodes"] == 20
    assert found["departures"][TASK]["episodes"] == 20
    assert found["transfer"][TASK][TASK]["students"] == 1
    assert found["cost"][TASK]["student"]["env_steps"] == 10 * 8 * 16
    assert found["cost"][TASK]["ways"][1]["answers"] == 6 * 8 * 16
    assert found["cost"][TASK]["tokens"] == {"in": 100, "out": 20, "measured": True}
    assert set(found["failures"][TASK]) == {"sampled", "argmax"}
    assert found["assumptions"]["prices"]
    html = report(settings, tmp_path, quiet=True, with_paper=True).read_text()
    failures = html.split('<section id="failures">')[1].split("</section>")[0]
    assert failures.count("data:image/gif;base64,") == 3  # a student that learned nothing fails somewhere
    assert "Not analysed yet" not in html


def test_without_students_and_labels_the_rest_is_written_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analyse(params(), tmp_path)
    found = results(tmp_path)
    assert found["shortest"][TASK]["unsolvable"] == 0
    assert found["errors"] == found["departures"] == found["cost"] == found["failures"] == found["transfer"] == {}
    said = capsys.readouterr().out
    assert "no label table" in said
    assert "no evaluated student" in said
