"""Odd answers over real HTTP: each is a counted failure or an answer with a verdict, and none is a traceback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from teacher_fakes import label_all, lamp_states, settings

from pipeline.instructions import Verdict
from pipeline.params import ParamsError
from pipeline.teacher.asking.budget import Budget, Reservation
from pipeline.teacher.asking.calls import CallFailed, Choice, read_body, retry_after
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.redaction import HIDDEN, Redactor, api_key

pytestmark = pytest.mark.usefixtures("quick")
KEY = "sk-proj-3fQ9zLm0X7vT2bNc8RkEw5"
GOOD = "Decision: {explore}"


def body(*choices: dict[str, Any], **more: Any) -> str:
    return json.dumps({"choices": list(choices) or [{"message": {"content": GOOD}}] * 10, **more})


def serving(serve_app: Any, contents: list[tuple[int, str, dict[str, str]]]) -> str:
    """A server that answers with these, one after the other, and then with the last one for ever."""
    left = list(contents)

    async def answer(_: Any) -> Response:
        status, content, headers = left.pop(0) if len(left) > 1 else left[0]
        return Response(content, status, headers, media_type="application/json")

    return str(serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])))


DEEP = "[" * 200_000
ODD_LOGPROBS = {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": [["a", -1.0]]}


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (200, DEEP, "malformed answer: not JSON"),
        (500, DEEP, "500: [[["),
        (200, "\ud800".encode("utf-8", "replace"), ""),
    ],
)
def test_odd_bodies_are_failures_that_may_pass(
    serve_app: Any, tmp_path: Path, status: int, content: str, error: str
) -> None:
    url = serving(serve_app, [(status, content, {}), (200, body(), {})])
    rows, responses = label_all(lamp_states(1), settings(url), tmp_path)
    assert rows[0]["n_valid"] == 10
    (failed,) = [r for r in responses if r["error"]]
    assert failed["error"].startswith(error)
    assert len(failed["error"]) <= 500


def test_logprobs_of_a_wrong_shape_do_not_cost_the_answer(serve_app: Any, tmp_path: Path) -> None:
    url = serving(serve_app, [(200, body(*[{"text": GOOD, "logprobs": ODD_LOGPROBS}] * 10), {})])
    rows, responses = label_all(lamp_states(1), settings(url), tmp_path)
    assert rows[0]["n_valid"] == 10
    assert not any(r["error"] for r in responses)


def test_json_that_is_too_deep_inside_an_answer_is_an_unusable_answer(serve_app: Any, tmp_path: Path) -> None:
    deep = '{"a": ' + DEEP + "]" * 200_000 + "}"
    url = serving(serve_app, [(200, body(*[{"message": {"content": deep}}] * 10), {})])
    rows, _ = label_all(lamp_states(1), settings(url, invalid_stop=1.0), tmp_path)
    assert rows[0]["n_invalid"] == 10


def test_an_endless_retry_after_ends_the_run(serve_app: Any, tmp_path: Path) -> None:
    url = serving(serve_app, [(429, "{}", {"retry-after": "inf"})])
    with pytest.raises(LabellingStopped, match=r"asks to wait \d+ s, until \d{4}-"):
        label_all(lamp_states(1), settings(url), tmp_path)
    assert retry_after({"retry-after": "nan"}) == 0
    assert (retry_after({"retry-after": "9" * 400}) or 0) < 1e9


@pytest.fixture
def garbage() -> Iterator[str]:
    """A server that doesn't speak HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def speak() -> None:
        while not over.is_set():
            connection, _ = listener.accept()
            with connection:
                if not over.is_set():
                    connection.recv(65536)
                    connection.sendall(b"\x00\x01 this is not HTTP\r\n\r\n")

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1"
    over.set()
    socket.create_connection(("127.0.0.1", port)).close()
    thread.join(5)
    listener.close()


def test_a_server_that_does_not_speak_http_ends_the_run_after_its_attempts(garbage: str, tmp_path: Path) -> None:
    with pytest.raises(LabellingStopped, match="2 failures in a row for one request"):
        label_all(lamp_states(1), settings(garbage, attempts=2), tmp_path)


def test_a_bug_of_the_judge_is_counted_and_bounded(
    serve_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise AttributeError("'list' object has no attribute 'items'")

    monkeypatch.setattr("pipeline.teacher.methods.sample.read_answer", broken)
    url = serving(serve_app, [(200, body(), {})])
    with pytest.raises(LabellingStopped, match=r"2 failures in a row .* AttributeError: 'list' object"):
        label_all(lamp_states(1), settings(url, attempts=2), tmp_path)


def test_a_key_with_a_newline_is_used_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert api_key("openai", None) == KEY


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        ("Decision: {explore", "unparseable"),
        ("Decision: explore", "unparseable"),
        ("I could {explore} or", "unparseable"),
        (None, "unparseable"),
        ("<think>Maybe Decision: {explore} or", "unparseable"),
        ("Decision: {explore}\n\nBecause it is", "valid"),
    ],
)
def test_an_answer_that_was_cut_off_counts_only_with_a_whole_decision(
    serve_app: Any, tmp_path: Path, content: str | None, verdict: str
) -> None:
    choice = {"message": {"content": content}, "finish_reason": "length"}
    url = serving(serve_app, [(200, body(*[choice] * 10), {})])
    rows, responses = label_all(lamp_states(1), settings(url, invalid_stop=1.0), tmp_path)
    assert {v["verdict"]: v["count"] for v in rows[0]["verdicts"]} == {verdict: 10}
    assert not any(r["error"] for r in responses)


def test_thoughts_without_an_end_are_no_decision(serve_app: Any, tmp_path: Path) -> None:
    url = serving(serve_app, [(200, body(*[{"message": {"content": "<think>Decision: {explore}"}}] * 10), {})])
    rows, _ = label_all(lamp_states(1), settings(url, invalid_stop=1.0), tmp_path)
    assert [v["verdict"] for v in rows[0]["verdicts"]] == [Verdict.UNPARSEABLE.value]


def test_calls_that_are_not_counted_by_the_server_cost_the_most_they_may() -> None:
    budget = Budget(settings("http://x/v1", price_in=1e6, price_out=2e6, max_cost=1000.0, max_total_tokens=510))
    call = Reservation(100, 50)
    for tokens, paid, cost in (
        ((None, None), False, 0),
        ((10, 5), True, 20),
        ((None, None), True, 20 + 200),
        ((10, None), True, 220 + 110),
        ((7, 3), False, 330 + 13),
    ):
        budget.begin(call)
        budget.end(call, tokens, paid)
        assert budget.cost == cost
    assert budget.requests == 5
    assert budget.refusal(Reservation(100, 75)) is None  # 235 of 510 tokens are spent
    budget.begin(call)
    assert "max_total_tokens = 510 is reached (235 spent" in (budget.refusal(Reservation(100, 26)) or "")
    assert "max_cost" in (budget.refusal(Reservation(0, 125)) or "max_cost")


def test_a_cost_bound_stops_a_run_whose_server_does_not_count(serve_app: Any, tmp_path: Path) -> None:
    """Each call may cost ten answers of ten tokens at 1 each, so that 250 allow two."""
    url = serving(serve_app, [(200, body(), {})])
    asked = settings(url, price_out=1e6, max_tokens=10, max_cost=250.0)
    with pytest.raises(LabellingStopped, match=r"(?s)max_cost = 250.0 is reached \(200.0000 spent.*20 new answers"):
        label_all(lamp_states(12), asked, tmp_path)


def test_calls_that_time_out_are_paid(serve_app: Any, tmp_path: Path) -> None:
    async def never(_: Any) -> Response:
        await asyncio.sleep(30)
        return Response()

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", never, methods=["POST"])]))
    asked = settings(url, price_out=1e6, max_tokens=10, max_cost=250.0, timeout_s=0.1)
    with pytest.raises(LabellingStopped, match=r"(?s)max_cost = 250.0 is reached \(200.0000 spent.*2 calls failed"):
        label_all(lamp_states(12), asked, tmp_path)


def test_what_an_unreadable_answer_cost_is_kept(serve_app: Any, tmp_path: Path) -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 7}
    with pytest.raises(CallFailed) as failure:
        read_body(json.dumps({"choices": [{}], "usage": usage}))
    assert (failure.value.tokens, failure.value.paid) == ((30, 7), True)
    url = serving(serve_app, [(200, json.dumps({"choices": [{}], "usage": usage}), {}), (200, body(), {})])
    _, responses = label_all(lamp_states(1), settings(url, price_in=1e6, price_out=1e6), tmp_path)
    assert [(r["tokens_in"], r["tokens_out"], r["cost"]) for r in responses if r["error"]] == [(30, 7, 37.0)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key_env", KEY),
        ("base_url", f"http://me:{KEY}@host/v1"),
        ("base_url", f"http://{KEY}@host/v1"),
        ("base_url", f"http://host/v1?key={KEY}"),
        ("base_url", f"htp://me:{KEY}@host/v1"),
        ("base_url", f"http://[{KEY}/v1"),
    ],
)
def test_keys_in_the_wrong_place_are_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(ParamsError, match=f"label.{name}: ") as error:
        settings("http://localhost/v1").replaced({name: value})
    assert KEY not in str(error.value)
    assert settings("http://localhost/v1", api_key_env="my_Key2").api_key_env == "my_Key2"


@pytest.mark.parametrize("before", [40, 70, 270, 285])
def test_a_key_at_the_end_of_a_cut_text_is_not_shown_in_part(
    serve_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """An error message of which only the beginning is shown, with the key across its end."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    url = serving(serve_app, [(400, "x" * before + KEY + "y" * 300, {})])
    with pytest.raises(LabellingStopped) as stop:
        label_all(lamp_states(1), settings(url, answers_per_call=1), tmp_path)
    assert KEY[:8] not in str(stop.value)
    with pytest.raises(CallFailed) as failure:
        read_body("x" * before + KEY)
    assert KEY[:8] not in Redactor(KEY)(str(failure.value))[:300]


def test_a_key_in_logprobs_is_removed(serve_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    logprobs = {"content": [{"token": KEY, "logprob": -1.0}]}
    url = serving(serve_app, [(200, body(*[{"message": {"content": GOOD}, "logprobs": logprobs}] * 10), {})])
    _, responses = label_all(lamp_states(1), settings(url), tmp_path)
    assert KEY not in json.dumps(responses, default=str)
    assert HIDDEN in responses[0]["logprobs"]
    assert Choice(GOOD, logprobs).kept == GOOD
