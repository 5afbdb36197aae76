"""What is told of a labelling that runs in the background."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.teacher.asking.progress import Progress, pace_in_words


def test_lines_now_and_then_and_each_reason_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("pipeline.teacher.asking.progress.time.monotonic", lambda: now)
    out = io.StringIO()
    with Progress("Lamps", 120, Console(file=out)) as progress:
        progress.found(20)
        for _ in range(10):
            now += 7.0
            progress.answered(1, 0.5)
            progress.failed("429: slow down [red]please[/red]")
        progress.failed("500: no")
    assert out.getvalue().splitlines() == [
        "Lamps: a call failed: 429: slow down [red]please[/red]",
        "Lamps: 25 of 120 answers, 7.0 s each, 4 calls failed, cost 0.5000",
        "Lamps: 30 of 120 answers, 7.0 s each, 9 calls failed, cost 0.5000",
        "Lamps: a call failed: 500: no",
    ]


def test_slow_is_told_in_seconds_each() -> None:
    assert [pace_in_words(*one) for one in ((0, 5.0), (10, 35.0), (10, 10.0), (300, 10.0))] == [
        "none yet", "3.5 s each", "1/s", "30/s",
    ]  # fmt: skip
