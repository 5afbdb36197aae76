"""Writes what many calls bring, all that came together in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pipeline.teacher.answers.ledger import Call, Ledger


class Recorder:
    """Puts attempts into a ledger. Calls that end in one turn of the event loop share a commit; each caller goes on
    only once its own attempts are in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Call, asyncio.Future[list[int]]]] = []

    async def record(self, attempts: Sequence[dict[str, Any]], over: bool) -> list[int]:
        """Write the attempts of one call; returns the samples that they answer. See `Ledger.record_all`.

        They are written even if the caller is cancelled meanwhile. Raises what the ledger raises.
        """
        loop = asyncio.get_running_loop()
        written = loop.create_future()
        if not self._waiting:
            loop.call_soon(self.flush)
        self._waiting.append(((attempts, over), written))
        return await written

    def flush(self) -> None:
        """Write what waits. A Ctrl-C in the middle of it leaves all of it waiting, for the flush at a run's end."""
        waiting = self._waiting
        if not waiting:
            return
        try:
            found = self._ledger.record_all([call for call, _ in waiting])
        except Exception:
            self._waiting = []
            for call, written in waiting:
                self._write_alone(call, written)
            return
        self._waiting = []
        for (_, written), answered in zip(waiting, found, strict=True):
            if not written.done():
                written.set_result(answered)

    def _write_alone(self, call: Call, written: asyncio.Future[list[int]]) -> None:
        """One call in a transaction of its own, so that what is wrong with it is no other caller's loss."""
        try:
            (answered,) = self._ledger.record_all([call])
        except Exception as error:
            if not written.done():
                written.set_exception(error)
            return
        if not written.done():
            written.set_result(answered)
