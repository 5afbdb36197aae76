"""The report stage over what the other stages really wrote; `tests/report` has its parts, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny import TASK, params, publish

from pipeline.tables import TableError
from stages.collect import collect
from stages.evaluate import evaluate
from stages.finetune import finetune
from stages.label import label
from stages.report import report, summary
from stages.train import train


def test_a_report_of_real_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = params()
    collect(TASK, settings, tmp_path)
    label(TASK, settings, tmp_path)
    train(TASK, "llm4teach", settings, tmp_path)
    finetune(TASK, "llm4teach", settings, tmp_path)
    for method in ("llm4teach", "llm"):
        evaluate(TASK, method, settings, tmp_path)
    capsys.readouterr()
    page = report(settings, tmp_path)
    assert page == tmp_path / "data/report/index.html"
    text = page.read_text()
    assert "has not run" not in text
    assert text.count("data:image/gif;base64,") == 2
    assert text.count("data:image/png;base64,") >= 2
    out = page.parent
    assert {path.name for path in (out / "films").iterdir()} == {f"{TASK}-student.gif", f"{TASK}-teacher.gif"}
    assert (out / "table.csv").read_text().startswith("task,method,")
    assert json.loads((out / "metrics.json").read_text())["success"]["llm4teach"].keys() == {TASK}
    assert TASK in capsys.readouterr().out
    assert summary(tmp_path).endswith(f"report: {page}")


def test_nothing_there_is_said_on_the_page(tmp_path: Path) -> None:
    page = report(params(), tmp_path, quiet=True)
    assert "not run" in page.read_text()
    rows = [line.split() for line in summary(tmp_path).splitlines()]
    assert [TASK, "LLM", "alone"] in [row[:3] for row in rows]
    assert [row[-2:] for row in rows if row[:1] == ["LLM4Teach"]] == [["not", "run"]]


def test_a_broken_table_is_told(tmp_path: Path) -> None:
    publish(tmp_path).write_bytes(b"PAR1")
    with pytest.raises(TableError, match="not a whole Parquet file"):
        report(params(), tmp_path, quiet=True)
