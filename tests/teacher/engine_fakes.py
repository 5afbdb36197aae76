"""An engine with a client of plain functions in place of a server, for what happens between its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from teacher_fakes import LampTask, lamp_states, settings

from pipeline.params import Label
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.calls import Choice, Reply
from pipeline.teacher.asking.engine import Engine
from pipeline.teacher.asking.progress import Progress
from pipeline.teacher.asking.requests import Request
from pipeline.teacher.methods import Method, make_method
from pipeline.teacher.redaction import Redactor

GOOD = "Decision: {explore}"


class FakeClient:
    """Answers by a function of the call's number (from 1) and its body; `most` calls at all."""

    sdk, base_url, many = "fake 1", "http://fake/v1", True

    def __init__(self, answer: Callable[[int, dict[str, Any]], Awaitable[Reply]], most: int = 1000) -> None:
        self.calls, self._answer, self._most = 0, answer, most

    async def call(self, _: str, body: dict[str, Any]) -> Reply:
        self.calls += 1
        assert self.calls <= self._most, "asked far more often than there are answers"
        return await self._answer(self.calls, body)

    async def close(self) -> None: ...


def reply(body: dict[str, Any], **more: Any) -> Reply:
    return Reply((Choice(GOOD),) * body.get("n", 1), "{}", **more)


def make_engine(client: FakeClient, root: Path, asked: Label) -> tuple[Engine, Method]:
    method = make_method(LampTask(), asked, root)
    ledger = Ledger(root / "ledger.sqlite")
    progress = Progress("Lamps", 1)
    return Engine(client, "Lamps", method.samples, asked, ledger, method.judge, Redactor(None), progress), method


def fake(**changes: Any) -> Label:
    return settings("http://fake/v1", **changes)


def requests_of(method: Method, states: int) -> list[Request]:
    return [request for state in lamp_states(states) for request in method.requests(state)]


def waits_of(engine: Engine, requests: list[Request]) -> list[float]:
    """Run an engine whose waits are over at once; returns how long they would have been. Raises Stopped."""
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)
        engine.pace.resume_at = 0.0
        await asyncio.sleep(0)

    engine.pace.sleep = no_sleep  # type: ignore[method-assign]
    asyncio.run(asyncio.wait_for(engine.run(requests), 20))
    return waits
