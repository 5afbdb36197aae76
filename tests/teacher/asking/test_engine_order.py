"""What the engine does between its calls: claims, budgets, pauses, and the order of writing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import GOOD, FakeClient, fake, make_engine, reply, requests_of
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from teacher_fakes import label_all, lamp_states, settings, write_lamp_labels

from pipeline.instructions import Reading, Verdict
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.calls import CallFailed, Reply
from pipeline.teacher.asking.engine import Stopped
from pipeline.teacher.asking.judgement import Judgement
from pipeline.teacher.errors import LabellingStopped

pytestmark = pytest.mark.usefixtures("quick")


def test_a_request_that_another_process_has_claimed_is_left_to_it(tmp_path: Path) -> None:
    """It comes round again until its owner is through, or has given it up as here; the rest is asked meanwhile."""
    asked = fake(concurrency=1)

    async def scenario() -> list[str]:
        other = Ledger(tmp_path / "ledger.sqlite")
        engine, method = make_engine(FakeClient(answer, 2), tmp_path, asked)
        requests = requests_of(method, 2)
        other.claim([requests[0].key], 1)
        asyncio.get_running_loop().call_later(0.3, other.release_all)
        await asyncio.wait_for(engine.run(requests), 20)
        assert all(engine.ledger.missing(request.key, 10) == [] for request in requests)
        return [request.text for request in requests]

    questions: list[str] = []

    async def answer(_: int, body: dict[str, Any]) -> Reply:
        questions.append("".join(message["content"] for message in body["messages"]))
        return reply(body)

    first, second = asyncio.run(scenario())
    assert questions == [second, first]


def test_a_request_is_claimed_until_its_last_sample_is_written(tmp_path: Path) -> None:
    """Another process that wants an eleventh sample gets its turn as soon as the ten are there, and not before."""
    found: list[list[list[int] | None]] = []

    async def scenario() -> None:
        other = Ledger(tmp_path / "ledger.sqlite")

        async def one_at_a_time(_: int, body: dict[str, Any]) -> Reply:
            found.append(other.claim([requests[0].key], 11))
            return reply({**body, "n": 1})

        engine, method = make_engine(FakeClient(one_at_a_time), tmp_path, fake(concurrency=1))
        requests = requests_of(method, 2)
        await asyncio.wait_for(engine.run(requests), 20)

    asyncio.run(scenario())
    assert found == [[None]] * 10 + [[[10]]] * 10


def test_a_run_that_is_cut_off_leaves_no_claims(tmp_path: Path) -> None:
    """With calls under way and requests claimed ahead, as after Ctrl-C."""

    async def scenario() -> None:
        async def never(_: int, body: dict[str, Any]) -> Reply:
            await asyncio.sleep(3600)
            return reply(body)

        engine, method = make_engine(FakeClient(never), tmp_path, fake(concurrency=4))
        requests = requests_of(method, 12)
        run = asyncio.create_task(engine.run(requests))
        await asyncio.sleep(0.05)
        other = Ledger(tmp_path / "ledger.sqlite")
        assert other.claim([requests[0].key], 1) == [None]
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert None not in other.claim([request.key for request in requests], 1)

    asyncio.run(scenario())


def test_no_request_beyond_the_budget_reaches_the_server(serve: Any, tmp_path: Path) -> None:
    states = lamp_states(200)
    server = serve(write_lamp_labels(tmp_path / "served.parquet", states), "429:1:1", latency_s=0.05, retry_after_s=0.1)
    with pytest.raises(LabellingStopped, match=r"max_requests = 30 is reached"):
        label_all(states, settings(server.url, max_requests=30, concurrency=64), tmp_path)
    assert server.replay.served["requests"] == 30


def test_a_used_up_quota_ends_the_run_whoever_waits_then(tmp_path: Path) -> None:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h"}

    async def scenario() -> None:
        async def answer(_: int, body: dict[str, Any]) -> Reply:
            await asyncio.sleep(0.01)
            return reply(body, headers=headers)

        engine, method = make_engine(FakeClient(answer), tmp_path, fake(concurrency=32))
        requests = requests_of(method, 60)
        await asyncio.wait_for(engine.run(requests), 20)

    with pytest.raises(Stopped, match=r"quota is used up for 3\d\d\d s"):
        asyncio.run(scenario())


@pytest.mark.parametrize("fails", [False, True])
def test_an_attempt_is_written_before_the_next_is_made(tmp_path: Path, fails: bool) -> None:
    """With one call at a time, each call finds all earlier ones in the ledger."""
    written: list[int] = []

    async def scenario() -> None:
        async def answer(number: int, body: dict[str, Any]) -> Reply:
            (count,) = engine.ledger._db.execute("SELECT COUNT(DISTINCT at) FROM attempts").fetchone()
            written.append(count)
            if fails and number % 2:
                raise CallFailed("500: no", 500)
            return reply(body)

        engine, method = make_engine(FakeClient(answer), tmp_path, fake(concurrency=8))
        engine.pace.limit, engine.pace.concurrency = 1.0, 1
        await engine.run(requests_of(method, 12))

    asyncio.run(scenario())
    assert written == list(range(len(written)))
    assert len(written) == (24 if fails else 12)


@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "n must be 1"), (422, "bad"), (500, "Only one completion choice is allowed")],
)
def test_a_server_that_refuses_n_is_asked_for_one_at_a_time(
    serve_app: Any, tmp_path: Path, status: int, message: str
) -> None:
    asked: list[int] = []

    async def answer(request: HttpRequest) -> Response:
        asked.append((await request.json()).get("n", 1))
        if asked[-1] > 1:
            return JSONResponse({"error": {"message": message}}, status)
        return JSONResponse({"choices": [{"message": {"content": GOOD}}]})

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    rows, _ = label_all(lamp_states(2), settings(url, concurrency=1), tmp_path)
    assert [row["n_valid"] for row in rows] == [10, 10]
    assert asked == [10] + [1] * 20


def test_a_question_that_is_refused_one_at_a_time_too_ends_the_run(serve_app: Any, tmp_path: Path) -> None:
    asked: list[int] = []

    async def answer(request: HttpRequest) -> Response:
        asked.append((await request.json()).get("n", 1))
        return JSONResponse({"error": {"message": "too long"}}, 400)

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    with pytest.raises(LabellingStopped, match="the server refuses: 400: too long"):
        label_all(lamp_states(2), settings(url, concurrency=1), tmp_path)
    assert asked == [10, 1]


def test_a_model_that_turns_bad_late_is_noticed_soon() -> None:
    judgement = Judgement(0.8)
    good, bad = Reading(None, Verdict.VALID), Reading(None, Verdict.UNKNOWN_OPTION, "no such option")
    for _ in range(5000):
        judgement.add("explore", good)
    for _ in range(159):
        judgement.add("x" * 115, bad)
    assert judgement.refusal() is None
    judgement.add("fly", bad)
    refusal = judgement.refusal() or ""
    assert "160 of the latest 200 answers are unusable" in refusal
    assert "'fly'" in refusal
