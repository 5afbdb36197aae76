"""Against a server that this project did not write (llmock), over real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import label_all, lamp_states, settings

from pipeline.teacher.errors import LabellingStopped

pytestmark = pytest.mark.usefixtures("quick")
STATES = lamp_states(8)
ANSWER = "Summary: s\nReasoning: r\nDecision: {explore}"


@pytest.fixture
def mock(llmock: Any) -> Any:
    """llmock, which answers `explore` to everything."""
    return llmock


def explores(rows: list[dict[str, Any]], samples: int = 10) -> bool:
    return [(row["n_valid"], [plan["text"] for plan in row["plans"]]) for row in rows] == [
        (samples, ["explore"])
    ] * len(STATES)


def label_here(mock: Any, root: Path, **changes: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return label_all(STATES, settings(mock.base_url("openai"), **changes), root)


def test_it_answers(mock: Any, tmp_path: Path) -> None:
    mock.reply(ANSWER, times=None)
    rows, responses = label_here(mock, tmp_path)
    assert explores(rows)
    assert len(mock.requests) == len(STATES)
    assert all(r["tokens_in"] for r in responses if r["raw"])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_errors_that_pass(mock: Any, tmp_path: Path, status: int) -> None:
    mock.fail(status, times=4, retry_after=0.01)
    mock.reply(ANSWER, times=None)
    rows, responses = label_here(mock, tmp_path)
    assert explores(rows)
    assert [r["status"] for r in responses if r["error"]] == [status] * 4
    assert len(mock.requests) == len(STATES) + 4


def test_a_long_retry_after(mock: Any, tmp_path: Path) -> None:
    mock.rate_limit(times=1, retry_after=400)
    mock.reply(ANSWER, times=None)
    with pytest.raises(LabellingStopped, match="asks to wait 400 s"):
        label_here(mock, tmp_path, concurrency=1)
    rows, _ = label_here(mock, tmp_path)
    assert explores(rows)


def test_a_quota_per_minute_is_heeded(mock: Any, tmp_path: Path) -> None:
    mock.limits(rpm=3)
    mock.reply(ANSWER, times=None)
    with pytest.raises(LabellingStopped, match=r"asks to wait|quota is used up"):
        label_here(mock, tmp_path, max_wait_s=1.0)
    mock.limits()
    rows, _ = label_here(mock, tmp_path)
    assert explores(rows)


def test_a_server_that_stalls(mock: Any, tmp_path: Path) -> None:
    mock.delay(10.0, times=2)
    mock.reply(ANSWER, times=None)
    rows, responses = label_here(mock, tmp_path, timeout_s=2.0)
    assert explores(rows)
    assert sum(1 for r in responses if r["error"]) == 2


def test_a_prompt_that_is_too_long_ends_the_run(mock: Any, tmp_path: Path) -> None:
    mock.context_overflow(times=None)
    with pytest.raises(LabellingStopped, match="maximum context length"):
        label_here(mock, tmp_path)


def test_an_outage_ends_the_run(mock: Any, tmp_path: Path) -> None:
    mock.outage()
    with pytest.raises(LabellingStopped, match="2 failures in a row"):
        label_here(mock, tmp_path, attempts=2)


def test_logprobs_it_does_not_give_are_missed(mock: Any, tmp_path: Path) -> None:
    mock.reply("A", times=None)
    with pytest.raises(LabellingStopped, match="the server sent no logprobs"):
        label_here(mock, tmp_path, method="logprob", attempts=2)


def test_its_batch_api(mock: Any, tmp_path: Path) -> None:
    mock.reply(ANSWER, times=None)
    asked = settings(mock.base_url("openai"), provider="openai-batch", poll_s=0.05, max_wait_s=20.0, invalid_stop=1.0)
    rows, responses = label_all(STATES, asked, tmp_path)
    assert [row["n_valid"] + row["n_invalid"] for row in rows] == [10] * len(STATES)
    assert {r["source"] for r in responses} == {"batch"}
