"""How long the engine waits, for what, and which failures end a run."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import FakeClient, fake, make_engine, reply, requests_of, waits_of

from pipeline.teacher.asking.calls import CallFailed, Reply
from pipeline.teacher.asking.engine import Engine, Stopped
from pipeline.teacher.methods import Method

pytestmark = pytest.mark.usefixtures("quick")


def test_being_told_to_slow_down_is_no_failure_while_others_are_answered(tmp_path: Path) -> None:
    """The first request is refused five times, each time after another was answered; two failures would end the run."""

    async def scenario() -> tuple[int, int]:
        refused = answered = 0

        async def answer(_: int, body: dict[str, Any]) -> Reply:
            nonlocal refused, answered
            if body["messages"] == first.body["messages"] and refused < 5:
                refused += 1
                raise CallFailed("429: slow down", 429)
            answered += 1
            return reply(body)

        async def until_another_answer(_: float) -> None:
            before = answered
            while answered == before:
                await asyncio.sleep(0)

        engine, method = make_engine(FakeClient(answer), tmp_path, fake(attempts=2, concurrency=2))
        engine.pace.sleep = until_another_answer  # type: ignore[method-assign]
        requests = requests_of(method, 12)
        first = requests[0]
        await asyncio.wait_for(engine.run(requests), 20)
        return refused, answered

    assert asyncio.run(scenario()) == (5, 12)


def test_being_told_to_slow_down_for_ever_ends_the_run(tmp_path: Path) -> None:
    async def refuse(_: int, __: dict[str, Any]) -> Reply:
        raise CallFailed("429: slow down", 429)

    client = FakeClient(refuse, 10)
    engine, method = make_engine(client, tmp_path, fake(attempts=3, concurrency=1))
    with pytest.raises(Stopped, match=r"3 failures in a row .* the last: 429: slow down"):
        waits_of(engine, requests_of(method, 1))
    assert client.calls == 3


def test_a_wait_of_max_wait_s_is_waited_and_a_longer_one_ends_the_run(tmp_path: Path) -> None:
    def refused_once(name: str, wait: float) -> tuple[Engine, Method]:
        async def answer(number: int, body: dict[str, Any]) -> Reply:
            if number == 1:
                raise CallFailed("429: slow down", 429, retry_after=wait)
            return reply(body)

        return make_engine(FakeClient(answer), tmp_path / name, fake(concurrency=1, max_wait_s=300.0))

    engine, method = refused_once("waits", 300.0)
    assert waits_of(engine, requests_of(method, 2)) == [300.0]
    engine, method = refused_once("ends", 310.0)
    with pytest.raises(Stopped, match="the server asks to wait 310 s"):
        waits_of(engine, requests_of(method, 2))
    assert engine.pace.resume_at - time.monotonic() <= 300  # what a worker beside it would see


def test_a_quota_that_is_full_again_within_max_wait_s_is_waited_for(tmp_path: Path) -> None:
    def used_up(name: str, reset: str) -> tuple[Engine, Method]:
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": reset}

        async def answer(_: int, body: dict[str, Any]) -> Reply:
            return reply(body, headers=headers)

        return make_engine(FakeClient(answer), tmp_path / name, fake(concurrency=1, max_wait_s=300.0))

    engine, method = used_up("waits", "5m")
    assert waits_of(engine, requests_of(method, 2)) == [pytest.approx(300.0, abs=1.0)]
    engine, method = used_up("ends", "310s")
    with pytest.raises(Stopped, match=r"quota is used up for 3\d\d s, and label.max_wait_s is 300"):
        waits_of(engine, requests_of(method, 2))


def test_calls_that_are_refused_together_halve_the_limit_once(tmp_path: Path) -> None:
    """Eight calls under way at once, all refused; then the eight answers raise the limit by one round trip's worth."""
    limits: list[float] = []

    async def scenario() -> None:
        begun = asyncio.Event()

        async def answer(number: int, body: dict[str, Any]) -> Reply:
            limits.append(engine.pace.limit)
            if number == 8:
                begun.set()
            await begun.wait()
            if number <= 8:
                raise CallFailed("503: busy", 503)
            return reply(body)

        engine, method = make_engine(FakeClient(answer), tmp_path, fake(concurrency=20))
        engine.pace.limit = 8.0
        await asyncio.wait_for(engine.run(requests_of(method, 8)), 20)
        limits.append(engine.pace.limit)

    asyncio.run(scenario())
    assert limits[:8] == [8.0] * 8
    assert limits[8] == 4.0
    by_hand = 4.0
    for _ in range(8):
        by_hand += 1 / by_hand
    assert limits[-1] == pytest.approx(by_hand)


def test_failures_in_a_row_are_waited_for_as_backoff_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.teacher.asking.engine.backoff", lambda failures, _: float(failures))

    async def answer(number: int, body: dict[str, Any]) -> Reply:
        if number % 4:
            raise CallFailed("500: no", 500)
        return reply(body)

    engine, method = make_engine(FakeClient(answer), tmp_path, fake(concurrency=1))
    assert waits_of(engine, requests_of(method, 2)) == [1.0, 2.0, 3.0] * 2
