"""Replaying a responses table: the same labels again, without a server."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import content, label_all, lamp_states, settings, write_lamp_labels

from pipeline.tables import RESPONSES, TableError, write_table
from pipeline.teacher.errors import TeacherError

STATES = lamp_states(12)
SAME = ("state_id", "plans", "verdicts", "residual_mass", "entropy", "n_valid", "n_invalid", "prompt_sha256")


@pytest.fixture
def answered(serve: Any, tmp_path: Path) -> tuple[list[dict[str, Any]], Path]:
    """Labels of a server, and the table of its responses."""
    server = serve(write_lamp_labels(tmp_path / "served.parquet", STATES), "500:1:2")
    rows, responses = label_all(STATES, settings(server.url), tmp_path)
    path = tmp_path / "responses.parquet"
    write_table(path, responses, RESPONSES)
    return rows, path


def replaying(path: Path, **changes: Any) -> Any:
    return settings("http://unused/v1", provider="replay", responses=str(path), **changes)


def test_a_replay_gives_the_same_labels_and_opens_no_socket(
    answered: tuple[list[dict[str, Any]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was opened")

    rows, path = answered
    monkeypatch.setattr(socket, "socket", refuse)
    again, responses = label_all(STATES, replaying(path), tmp_path / "again")
    assert [{k: r[k] for k in SAME} for r in content(again)] == [{k: r[k] for k in SAME} for r in content(rows)]
    assert {r["source"] for r in responses} == {"replay"}
    assert not (tmp_path / "again").exists()


def test_fewer_samples_are_the_first_ones(answered: tuple[list[dict[str, Any]], Path], tmp_path: Path) -> None:
    _, path = answered
    rows, responses = label_all(STATES, replaying(path, samples=3), tmp_path)
    assert [row["n_valid"] for row in rows] == [3] * len(STATES)
    assert {r["sample_index"] for r in responses} == {0, 1, 2}


def test_hard_labels_from_a_replay(answered: tuple[list[dict[str, Any]], Path], tmp_path: Path) -> None:
    _, path = answered
    rows, _ = label_all(STATES, replaying(path, method="hard"), tmp_path)
    assert all(row["method"] == "hard" and len(row["plans"]) == 1 and row["plans"][0]["prob"] == 1 for row in rows)


def test_answers_that_are_missing_are_named(answered: tuple[list[dict[str, Any]], Path], tmp_path: Path) -> None:
    _, path = answered
    with pytest.raises(TeacherError, match=r"12 of 12 states have fewer than label\.samples = 11 answers"):
        label_all(STATES, replaying(path, samples=11), tmp_path)
    with pytest.raises(TeacherError, match="1 of 13 states have fewer"):
        label_all(lamp_states(13), replaying(path), tmp_path)


def test_two_set_ups_in_one_table_are_refused(answered: tuple[list[dict[str, Any]], Path], tmp_path: Path) -> None:
    rows, _ = answered
    state = rows[0]["state_id"]
    mixed = [
        {"request_key": key, "sample_index": n, "attempt": 1, "task": "Lamps", "state_id": state, "text": "explore"}
        for n, key in enumerate("ab")
    ]
    write_table(tmp_path / "mixed.parquet", mixed, RESPONSES)
    with pytest.raises(TableError, match="two different requests"):
        label_all(STATES[:1], replaying(tmp_path / "mixed.parquet", samples=1), tmp_path)


def test_logprobs_cannot_be_replayed(answered: tuple[list[dict[str, Any]], Path], tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="can't be replayed"):
        label_all(STATES, replaying(answered[1], method="logprob"), tmp_path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere\.parquet: there is no such file"):
        label_all(STATES, replaying(tmp_path / "nowhere.parquet"), tmp_path)
