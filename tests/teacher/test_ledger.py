"""The ledger: one answer per sample, failures never served, claims that die with their process."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.teacher.errors import TeacherError
from pipeline.teacher.ledger import DUPLICATE, Ledger, cache_folder, now, owner_name


def attempt(sample: int, error: str | None = None, key: str = "k", **more: Any) -> dict[str, Any]:
    text = None if error else f"answer {sample}"
    return {"request_key": key, "sample_index": sample, "error": error, "text": text, "at": now(), **more}


def test_failures_are_kept_but_never_served(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.record([attempt(0, "500: no")])
    assert ledger.missing("k", 2) == [0, 1]
    ledger.record([attempt(0), attempt(1)])
    assert ledger.missing("k", 3) == [2]
    assert [a["text"] for a in ledger.answers("k", 3)] == ["answer 0", "answer 1"]
    rows = list(ledger.attempts(["k"], 3))
    assert [(r["sample_index"], r["attempt"], r["error"]) for r in rows] == [
        (0, 1, "500: no"),
        (0, 2, None),
        (1, 1, None),
    ]
    assert ledger.failures("k", 3) == 1


def test_the_first_answer_wins_and_the_second_is_marked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.record([attempt(0, tokens_in=1)]) == [0]
    assert ledger.record([attempt(0, tokens_in=2)]) == []
    assert [a["tokens_in"] for a in ledger.answers("k", 1)] == [1]
    assert [r["error"] for r in ledger.attempts(["k"], 1)] == [None, DUPLICATE]


def test_a_transaction_is_whole_or_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(sqlite3.Error):
        ledger.record([attempt(0), attempt(1, text={})])
    assert ledger.missing("k", 1) == [0]
    assert ledger.record([attempt(0)]) == [0]


def test_a_claim_holds_for_others_until_released_or_over(tmp_path: Path) -> None:
    mine, other = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    other.owner = owner_name(os.getppid())
    mine.record([attempt(1)])
    assert mine.claim(["k"], 60, 3) == [[0, 2]]
    assert mine.claim(["k"], 60, 3) == [[0, 2]]
    assert other.claim(["k", "free"], 60, 3) == [None, [0, 1, 2]]
    mine.release("k")
    assert other.claim(["k"], 0, 3) == [[0, 2]]
    assert mine.claim(["k"], 60, 3) == [None]  # its time is over, but its owner lives
    other.owner = "another-machine:1:1"
    assert other.claim(["far"], 0, 3) == [[0, 1, 2]]
    assert mine.claim(["far"], 60, 3) == [[0, 1, 2]]
    assert other.claim(["k"], 60, 0) == [[]]


def test_the_claim_of_a_dead_process_is_void(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    mine, dead = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    dead.owner = f"{socket.gethostname()}:{gone.pid}"
    assert dead.claim(["k"], 3600, 1) == [[0]]
    assert mine.claim(["k"], 60, 1) == [[0]]


def test_a_number_that_was_given_to_another_process_is_no_sign_of_life(tmp_path: Path) -> None:
    mine, dead = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    dead.owner = f"{socket.gethostname()}:{os.getppid()}:1"
    assert dead.claim(["k"], 3600, 1) == [[0]]
    assert mine.claim(["k"], 60, 1) == [[0]]


def test_recording_renews_or_gives_up_the_claim(tmp_path: Path) -> None:
    mine, far = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    far.owner = "another-machine:1:1"
    assert far.claim(["k"], 0, 3) == [[0, 1, 2]]
    far.record_all([([attempt(0)], 3600.0)])
    assert mine.claim(["k"], 60, 3) == [None]
    far.record_all([([attempt(1)], 0.0)])
    assert mine.claim(["k"], 60, 3) == [[2]]


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("this is not a database, and long enough to be taken for a broken one" * 20)
    with pytest.raises(TeacherError, match=r"ledger\.sqlite: not a ledger"):
        Ledger(path)


def test_the_place_can_be_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder(tmp_path) == tmp_path / ".teacher_cache"
    monkeypatch.setenv("LLM4TEACH_CACHE", str(tmp_path / "elsewhere"))
    assert cache_folder(tmp_path) == tmp_path / "elsewhere"
