"""Writing together: one bad call is its own caller's loss, and an interrupted write is made good."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.teacher.answers.ledger import Ledger, now
from pipeline.teacher.answers.recorder import Recorder


def attempt(key: str, **more: Any) -> dict[str, Any]:
    return {"request_key": key, "sample_index": 0, "error": None, "text": "explore", "at": now(), **more}


def test_an_error_reaches_its_own_caller_only(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")

    async def three() -> list[Any]:
        recorder = Recorder(ledger)
        rows = [attempt("a"), attempt("b", text={}), attempt("c")]
        return await asyncio.gather(*(recorder.record([row], 0.0) for row in rows), return_exceptions=True)

    first, second, third = asyncio.run(three())
    assert (first, third) == ([0], [0])
    assert isinstance(second, sqlite3.Error)
    assert [ledger.missing(key, 1) for key in "abc"] == [[], [0], []]


def test_what_an_interrupt_kept_from_being_written_is_written_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    recorder = Recorder(ledger)

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "record_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(recorder.record([attempt("a")], 0.0))
    recorder.flush()
    assert ledger.missing("a", 1) == []
