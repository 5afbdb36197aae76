"""The ledger of everything that was ever asked: crash-safe, shared by runs, outside of what stages delete.

An SQLite file in WAL mode, for any number of processes of one machine. A sample is (request_key, sample_index); of its
attempts at most one is an answer, which the database itself enforces, and a failed attempt is never served as one. Each
call is committed before its result is used, so that a killed run loses at most the calls in flight. Claims keep two
processes from asking the same, and are void once their process has ended.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.tables import RESPONSES
from pipeline.teacher.answers.one_machine import Owner, network_file_system
from pipeline.teacher.errors import TeacherError

CACHE_VARIABLE = "LLM4TEACH_CACHE"
"""Environment variable that names another folder than `.teacher_cache/` under the project's root."""

_COLUMNS = tuple(RESPONSES.names)
_TABLES = f"""
CREATE TABLE IF NOT EXISTS attempts (
    {", ".join(_COLUMNS)}, UNIQUE (request_key, sample_index, attempt)
);
CREATE UNIQUE INDEX IF NOT EXISTS one_answer ON attempts (request_key, sample_index) WHERE error IS NULL;
CREATE TABLE IF NOT EXISTS claimed (request_key TEXT PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    intent TEXT PRIMARY KEY, labelling TEXT NOT NULL, batch_id TEXT, status TEXT NOT NULL, lines INTEGER NOT NULL
);
"""
_INSERT = f"INSERT INTO attempts VALUES ({', '.join('?' * len(_COLUMNS))})"
DUPLICATE = "duplicate: another process has answered this sample meanwhile"

Call = tuple[Sequence[dict[str, Any]], bool]
"""The attempts that one call makes, and whether its process's claim on the request is given up with them."""


def cache_folder(root: Path) -> Path:
    """Where the ledger lives."""
    return Path(os.environ.get(CACHE_VARIABLE) or root / ".teacher_cache")


def ledger_path(root: Path) -> Path:
    """The ledger's file."""
    return cache_folder(root) / "ledger.sqlite"


class Ledger:
    """An open ledger. Not for use from several threads; any number of this machine's processes may have it open."""

    def __init__(self, path: Path) -> None:
        """Open or make the ledger at `path`. Raises TeacherError if it is no ledger, or not on this machine's disks."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind := network_file_system(path.parent):
            raise TeacherError(
                f"{path}: on a network file system ({kind}), where a ledger of answers can't be, since it lives on one"
                f" machine; set {CACHE_VARIABLE} to a folder on a disk of this machine"
            )
        self._owners = path.parent / "owners"
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise TeacherError(
                f"{path}: not a ledger of answers ({error}); move it away, or set {CACHE_VARIABLE}"
            ) from None

    @cached_property
    def owner(self) -> Owner:
        """Who signs this ledger's claims."""
        return Owner(self._owners)

    def close(self) -> None:
        self._db.close()

    def missing(self, request_key: str, samples: int) -> list[int]:
        """The sample indices below `samples` that have no answer yet, ascending."""
        rows = self._db.execute(
            "SELECT sample_index FROM attempts WHERE request_key = ? AND error IS NULL AND sample_index < ?",
            (request_key, samples),
        )
        have = {index for (index,) in rows}
        return [index for index in range(samples) if index not in have]

    def claim(self, request_keys: Sequence[str], samples: int) -> list[list[int] | None]:
        """Reserve requests for this process until it releases them or ends, in one transaction.

        For each, the samples that are missing, which only this process may add while it holds the claim; or None if
        another living process has it. A request that lacks nothing is not claimed.
        """
        found = list[list[int] | None]()
        with _Transaction(self._db):
            for key in request_keys:
                missing = self.missing(key, samples)
                held = self._db.execute("SELECT owner FROM claimed WHERE request_key = ?", (key,)).fetchone()
                if missing and held and held[0] != self.owner.name and self.owner.lives(held[0]):
                    found.append(None)
                    continue
                if missing:
                    self._db.execute("INSERT OR REPLACE INTO claimed VALUES (?, ?)", (key, self.owner.name))
                found.append(missing)
        return found

    def release(self, request_key: str) -> None:
        """Give a claim up."""
        self._db.execute("DELETE FROM claimed WHERE request_key = ? AND owner = ?", (request_key, self.owner.name))

    def release_all(self) -> None:
        """Give up every claim of this process."""
        self._db.execute("DELETE FROM claimed WHERE owner = ?", (self.owner.name,))

    def record(self, attempts: Sequence[dict[str, Any]]) -> list[int]:
        """Write the attempts of one call; see `record_all`."""
        (answered,) = self.record_all([(attempts, False)])
        return answered

    def record_all(self, calls: Sequence[Call]) -> list[list[int]]:
        """Write the attempts of several calls in one transaction: all of them, or none.

        The attempts of a call (columns of RESPONSES but `attempt`) are all at samples of one request. Returns for each
        call the samples that it answers. An answer for a sample that already has one is kept as a failed attempt, so
        that nothing counts twice.
        """
        with _Transaction(self._db):
            return [self._record(attempts, over) for attempts, over in calls]

    def _record(self, attempts: Sequence[dict[str, Any]], over: bool) -> list[int]:
        """One call's attempts, within a transaction."""
        if not attempts:
            return []
        key = attempts[0]["request_key"]
        first, last = min(row["sample_index"] for row in attempts), max(row["sample_index"] for row in attempts)
        before = self._db.execute(
            "SELECT sample_index, MAX(attempt), SUM(error IS NULL) FROM attempts"
            " WHERE request_key = ? AND sample_index BETWEEN ? AND ? GROUP BY sample_index",
            (key, first, last),
        )
        known = {sample: (attempt, answers) for sample, attempt, answers in before}
        answered, rows = [], []
        for row in attempts:
            number, answers = known.get(row["sample_index"], (0, 0))
            row = {**row, "attempt": number + 1, "at": row["at"].isoformat()}
            if row["error"] is None and answers:
                row["error"] = DUPLICATE
            if row["error"] is None:
                answered.append(row["sample_index"])
            rows.append([row.get(name) for name in _COLUMNS])
        self._db.executemany(_INSERT, rows)
        if over:
            self.release(key)
        return answered

    def answers(self, request_key: str, samples: int) -> list[dict[str, Any]]:
        """The answers to the samples below `samples`, by index, without their raw bodies."""
        columns = [name for name in _COLUMNS if name != "raw"]
        rows = self._db.execute(
            f"SELECT {', '.join(columns)} FROM attempts WHERE request_key = ? AND error IS NULL AND sample_index < ?"
            " ORDER BY sample_index",
            (request_key, samples),
        )
        return [_with_time(dict(zip(columns, row, strict=True))) for row in rows]

    def attempts(self, request_keys: Iterable[str], samples: int) -> Iterator[dict[str, Any]]:
        """Every attempt at the given samples, request by request, as rows of RESPONSES."""
        for key in request_keys:
            rows = self._db.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM attempts WHERE request_key = ? AND sample_index < ?"
                " ORDER BY sample_index, attempt",
                (key, samples),
            ).fetchall()
            for row in rows:
                yield _with_time(dict(zip(_COLUMNS, row, strict=True)))

    def failures(self, request_key: str, samples: int) -> int:
        """How many attempts at the samples of a request have failed."""
        (count,) = self._db.execute(
            "SELECT COUNT(*) FROM attempts WHERE request_key = ? AND sample_index < ? AND error IS NOT NULL",
            (request_key, samples),
        ).fetchone()
        return int(count)

    def has_attempt(self, row: dict[str, Any]) -> bool:
        """Whether the same attempt of a sample is there already: of the same response, error and body."""
        names = ("request_key", "sample_index", "source", "response_id", "error", "raw")
        found = self._db.execute(
            f"SELECT 1 FROM attempts WHERE {' AND '.join(f'{name} IS ?' for name in names)}", [row[n] for n in names]
        )
        return found.fetchone() is not None

    def batches(self, labelling: str) -> list[tuple[str, str | None, str]]:
        """Batches of a labelling that are not finished: intent, the provider's id (None: unknown yet), status."""
        rows = self._db.execute(
            "SELECT intent, batch_id, status FROM batches WHERE labelling = ? AND status != 'done' ORDER BY rowid",
            (labelling,),
        )
        return [(intent, batch_id, status) for intent, batch_id, status in rows]

    def set_batch(self, intent: str, labelling: str, batch_id: str | None, status: str, lines: int) -> None:
        """Write what is known of a batch; the intent is written before the batch is made."""
        self._db.execute(
            "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?)", (intent, labelling, batch_id, status, lines)
        )

    def forget_batch(self, intent: str) -> None:
        """Drop a batch that was never made."""
        self._db.execute("DELETE FROM batches WHERE intent = ?", (intent,))


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK if anything is raised."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")


def _with_time(row: dict[str, Any]) -> dict[str, Any]:
    row["at"] = datetime.fromisoformat(row["at"])
    return row


def now() -> datetime:
    """The present moment, as the ledger writes it."""
    return datetime.now(timezone.utc)
