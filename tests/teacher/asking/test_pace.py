"""How fast the engine asks servers of several speeds, by a clock that needs no waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import FakeClient, fake, make_engine, reply, requests_of
from virtual_time import run_virtually

from pipeline.teacher.asking.calls import CallFailed, Reply
from pipeline.teacher.asking.pace import Pace


class Workers:
    """A server that works at so many calls at once, one after the other as they came; also at those given up."""

    def __init__(self, count: int, seconds: float) -> None:
        self.free, self.seconds = asyncio.Semaphore(count), seconds
        self.most_waiting = 0

    async def answer(self, _: int, body: dict[str, Any]) -> Reply:
        return await asyncio.shield(asyncio.ensure_future(self._work(body)))

    async def _work(self, body: dict[str, Any]) -> Reply:
        async with self.free:
            await asyncio.sleep(self.seconds)
        return reply(body)


@pytest.mark.parametrize(
    ("workers", "seconds", "timeout_s", "states"),
    [(1, 1.5, 10.0, 52), (1, 1.5, 120.0, 52), (1, 4.0, 10.0, 52), (4, 1.5, 10.0, 200), (64, 1.5, 10.0, 1000)],
)
def test_no_server_takes_much_longer_than_with_the_best_fixed_concurrency(
    tmp_path: Path, workers: int, seconds: float, timeout_s: float, states: int
) -> None:
    """As many calls at once as there are workers keep all of them busy, and no answer waits."""
    asked = fake(samples=1, timeout_s=timeout_s, concurrency=256)

    async def scenario() -> tuple[int, int]:
        server = Workers(workers, seconds)
        client = FakeClient(server.answer, 10 * states)
        engine, method = make_engine(client, tmp_path, asked)
        await engine.run(requests_of(method, states))
        return client.calls, engine.progress.failures

    (calls, failures), took = run_virtually(scenario())
    assert failures == 0
    assert calls == states
    assert took <= 1.3 * states * seconds / workers


def test_a_server_that_answers_too_late_is_asked_for_less_at_once(tmp_path: Path) -> None:
    """Sixteen workers answer in a second; then one is left, and whoever waits for it behind others gives up."""
    limits: list[float] = []

    async def scenario() -> None:
        many, one = Workers(16, 1.0), Workers(1, 1.0)

        async def answer(number: int, body: dict[str, Any]) -> Reply:
            limits.append(engine.pace.limit)
            return await (many if number <= 200 else one).answer(number, body)

        client = FakeClient(answer, 1000)
        engine, method = make_engine(client, tmp_path, fake(samples=1, timeout_s=5.0))
        await engine.run(requests_of(method, 300))

    run_virtually(scenario())
    assert max(limits[:200]) >= 16
    assert max(limits[-50:]) <= 5


def test_a_gateway_that_waits_no_longer_halves_the_limit(tmp_path: Path) -> None:
    limits: list[float] = []

    async def scenario() -> None:
        async def answer(number: int, body: dict[str, Any]) -> Reply:
            await asyncio.sleep(1.0)
            limits.append(engine.pace.limit)
            if number == 37:  # the last of the first sixteen at once
                raise CallFailed("504: gateway time-out", 504)
            return reply(body)

        engine, method = make_engine(FakeClient(answer), tmp_path, fake(samples=1, concurrency=16))
        await engine.run(requests_of(method, 60))

    run_virtually(scenario())
    assert limits[36] == 16
    assert limits[37] < 9


def test_the_limit_grows_fourfold_then_by_one_and_is_halved_once_per_round_trip() -> None:
    async def scenario() -> None:
        pace, limits = Pace(100, 60.0), []

        async def round_trip() -> None:
            calls = []
            for _ in range(int(pace.limit)):
                calls.append(pace.begin())
            await asyncio.sleep(1.0)
            for call in calls:
                pace.end()
                pace.succeeded(call)
            limits.append(pace.limit)

        for _ in range(4):
            await round_trip()
        assert limits == [4, 16, 64, 100]
        late = pace.begin()
        await asyncio.sleep(1.0)
        for _ in range(50):
            pace.refused(late, 0)
        assert pace.limit == 50
        await asyncio.sleep(1.0)
        pace.refused(pace.begin(), 0)
        assert pace.limit == 25
        pace.end()
        pace.end()
        await round_trip()
        assert 25.9 < pace.limit < 26.1
        for _ in range(20):
            await asyncio.sleep(1.0)
            pace.refused(pace.begin(), 0)
        assert pace.limit == 1

    run_virtually(scenario())


def test_no_more_calls_than_the_limit_enter() -> None:
    async def scenario() -> list[int]:
        pace = Pace(3, 60.0)
        pace.limit = 3.0
        at_once: list[int] = []

        async def call() -> None:
            assert await pace.enter()
            at_once.append(pace.in_flight)
            await asyncio.sleep(0)
            pace.leave()

        await asyncio.gather(*(call() for _ in range(20)))
        return at_once

    at_once = asyncio.run(scenario())
    assert len(at_once) == 20
    assert max(at_once) == 3


def test_a_stop_wakes_everyone_who_waits() -> None:
    async def scenario() -> list[bool]:
        pace = Pace(1, 60.0)
        await pace.enter()
        waiting = [asyncio.create_task(pace.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        pace.pause(3600)
        pace.stop()
        return await asyncio.wait_for(asyncio.gather(*waiting), 5)

    assert asyncio.run(scenario()) == [False, False, False]
