"""The ledger: one answer per sample, failures never served, claims that die with their process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.teacher.answers.ledger import DUPLICATE, Ledger, cache_folder, now
from pipeline.teacher.errors import TeacherError

ROOT = Path(__file__).resolve().parents[3]


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


def test_a_claim_holds_for_others_until_it_is_given_up(tmp_path: Path) -> None:
    mine, other = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    mine.record([attempt(1)])
    assert mine.claim(["k"], 3) == [[0, 2]]
    assert mine.claim(["k"], 3) == [[0, 2]]
    assert other.claim(["k", "free"], 3) == [None, [0, 1, 2]]
    mine.release("k")
    assert other.claim(["k", "more"], 3) == [[0, 2], [0, 1, 2]]
    mine.release("k")  # which it has no more
    assert mine.claim(["k", "free", "more"], 3) == [None, None, None]
    assert mine.claim(["k"], 0) == [[]]
    other.release_all()
    assert mine.claim(["k", "free"], 3) == [[0, 2], [0, 1, 2]]


def test_a_call_that_brings_the_last_sample_gives_up_the_claim(tmp_path: Path) -> None:
    mine, other = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    assert mine.claim(["k"], 2) == [[0, 1]]
    mine.record_all([([attempt(0)], False)])
    assert other.claim(["k"], 2) == [None]
    mine.record_all([([attempt(1)], True)])
    assert other.claim(["k"], 3) == [[2]]


CLAIMANT = """
import sys, time
from pathlib import Path
from pipeline.teacher.answers.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print(ledger.claim(["k"], 1), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_the_claim_of_a_process_that_has_ended_is_void(tmp_path: Path, killed: bool) -> None:
    path = tmp_path / "ledger.sqlite"
    other = subprocess.Popen(
        [sys.executable, "-c", CLAIMANT, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "[[0]]\n"
    mine = Ledger(path)
    assert mine.claim(["k"], 1) == [None]
    assert len(list((tmp_path / "owners").iterdir())) == 2
    if killed:
        other.kill()
    other.communicate()
    assert mine.claim(["k"], 1) == [[0]]
    assert [found.name for found in (tmp_path / "owners").iterdir()] == [mine.owner.name]
    del mine
    assert list((tmp_path / "owners").iterdir()) == []


def test_nobody_can_claim_between_a_look_and_a_claim(tmp_path: Path) -> None:
    """Another process tries at each statement of a claim: it waits for the whole of it, or finds it done."""
    mine, other = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    other._db.execute("PRAGMA busy_timeout = 0")
    tried: list[str] = []

    def meanwhile(statement: str) -> None:
        if statement.startswith(("SELECT", "INSERT")):
            try:
                other.claim(["k"], 1)
                tried.append("claimed")
            except sqlite3.OperationalError as error:
                tried.append(str(error))

    mine._db.set_trace_callback(meanwhile)
    assert mine.claim(["k"], 1) == [[0]]
    mine._db.set_trace_callback(None)
    assert tried == ["database is locked"] * 3
    assert other.claim(["k"], 1) == [None]


def partition(place: Path, kind: str) -> SimpleNamespace:
    return SimpleNamespace(mountpoint=str(place), fstype=kind)


@pytest.mark.parametrize(
    ("mounted", "refused"),
    [
        ([("/", "ext4"), ("shared", "nfs4")], "nfs4"),
        ([("/", "ext4"), ("shared", "fuse.sshfs")], "fuse.sshfs"),
        ([("/", "nfs")], "nfs"),
        ([("/", "ext4"), ("shared", "autofs"), ("shared", "lustre")], "lustre"),
        ([("/", "nfs4"), ("shared", "xfs")], None),
        ([("/", "ext4"), ("sha", "nfs4")], None),
        ([], None),
    ],
)
def test_a_ledger_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounted: list[tuple[str, str]], refused: str | None
) -> None:
    partitions = [partition(tmp_path / place, kind) for place, kind in mounted]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: partitions if all else [])
    path = tmp_path / "shared/project/.teacher_cache/ledger.sqlite"
    if refused is None:
        Ledger(path)
        return
    with pytest.raises(TeacherError, match=rf"on a network file system \({refused}\).* LLM4TEACH_CACHE") as error:
        Ledger(path)
    assert str(error.value).startswith(f"{path}: ")
    assert not path.exists()


def test_a_failure_is_the_same_one_only_if_its_body_is(tmp_path: Path) -> None:
    """Results of batches are read again and again: the same failure counts once, another one again."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    failed = attempt(0, "500: no", source="batch", response_id="line 1", raw='{"trace": 1}')
    ledger.record([failed])
    assert ledger.has_attempt(failed)
    other = {"request_key": "other", "sample_index": 1, "source": "import", "response_id": "line 2", "error": "400: no"}
    for name, value in {**other, "raw": '{"trace": 2}'}.items():
        assert not ledger.has_attempt({**failed, name: value}), name


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("this is not a database, and long enough to be taken for a broken one" * 20)
    with pytest.raises(TeacherError, match=r"ledger\.sqlite: not a ledger"):
        Ledger(path)


def test_the_place_can_be_overridden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder(tmp_path) == tmp_path / ".teacher_cache"
    monkeypatch.setenv("LLM4TEACH_CACHE", str(tmp_path / "elsewhere"))
    assert cache_folder(tmp_path) == tmp_path / "elsewhere"
