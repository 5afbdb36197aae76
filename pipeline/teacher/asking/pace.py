"""How fast to ask: as many calls at once as the server bears, found from how long its answers take.

One call begins. Each round trip then has four times the calls of the one before, as long as that brings answers
noticeably faster (calls at once over latency, by Little's law); after that, one more per round trip. What the server
refuses, or doesn't answer in time, halves the limit, at most once per round trip. And there are never more calls than
would still be answered in time if latency grew in proportion to them: so a server that answers one after the other is
not asked for what it will answer too late. A wait that the server asks for holds back all calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from typing import NamedTuple

WORTH = 0.3
"""With so many times the calls at once, to this power, answers must come that many times faster for growth to go on."""
IN_TIME = 0.75
"""Part of the time before a timeout that calls may spend waiting for each other."""


class Began(NamedTuple):
    """When a call began, by the event loop's clock, and how many were under way then, itself included."""

    at: float
    in_flight: int


class Pace:
    """Admits calls. `concurrency` is the most calls at once; `limit` how many are allowed now."""

    def __init__(self, concurrency: int, timeout_s: float) -> None:
        self.concurrency, self.timeout_s = concurrency, timeout_s
        self.limit = 1.0
        self.in_flight = self._under_way = 0
        self.resume_at = 0.0
        self._starting = True
        self._before: tuple[float, float] | None = None
        self._latencies: list[float] = []
        self._fastest = timeout_s
        self._last_cut = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._stopped = asyncio.Event()

    async def enter(self) -> bool:
        """Wait for a place among the calls in flight; False if there are to be no more calls.

        A pause is not waited for here: whoever enters looks at `pause_left` then, as it may have grown meanwhile.
        """
        while not self._stopped.is_set():
            if self.in_flight >= int(self.limit):
                turn = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn
            else:
                self.in_flight += 1
                return True
        return False

    def begin(self) -> Began:
        """A call goes out, in the place that it has."""
        self._under_way += 1
        return Began(_now(), self._under_way)

    def end(self) -> None:
        """A call's outcome is there; its place is kept until that is written down."""
        self._under_way -= 1

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until `stop`."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def stop(self) -> None:
        """Let no further call begin; those in flight go on."""
        self._stopped.set()
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)

    def leave(self) -> None:
        """A call has ended, in whatever way."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self, call: Began) -> None:
        """An answer came: more may be asked at once, if it came well in time."""
        latency = _now() - call.at
        self._fastest = min(self._fastest, latency)
        telling = call.in_flight > self.limit / 2  # not of a call that began when fewer were allowed
        if not self._starting:
            self.limit += 1 / self.limit
        elif telling:
            self._latencies.append(latency)
            if call.in_flight >= int(self.limit):
                self._end_round()
        most = self._most_in_time(call, latency) if telling else self.concurrency
        self.limit = max(1.0, min(self.limit, self.concurrency, most))
        self._wake()

    def _end_round(self) -> None:
        """The first call that had all the others before it was answered: go on growing if that was worth it."""
        rate = self.limit * len(self._latencies) / max(sum(self._latencies), 1e-9)
        if self._before is not None:
            limit, slower = self._before
            self._starting = rate >= slower * (self.limit / limit) ** WORTH
        self._before = self.limit, rate
        if self._starting:
            self.limit *= 4
        self._latencies.clear()

    def _most_in_time(self, call: Began, latency: float) -> float:
        """The most calls at once of which none should be answered too late, as far as one answer's latency tells.

        Latency is taken to grow in proportion to the calls at once, as on a server that is busy already. While
        nothing is known of that, one more is tried.
        """
        latest = self._fastest + IN_TIME * (self.timeout_s - self._fastest)
        most = call.in_flight * latest / max(latency, 1e-9)
        return max(most, call.in_flight + 1.0) if self._starting else most

    def refused(self, call: Began, wait: float) -> None:
        """The server said that a call was too much, or didn't answer it in time; `wait` seconds it asks for."""
        self._starting = False
        if call.at >= self._last_cut:
            self.limit = max(1.0, self.limit / 2)
            self._last_cut = _now()
        self.pause(wait)

    def pause(self, wait: float) -> None:
        """Begin no call for so many seconds."""
        self.resume_at = max(self.resume_at, _now() + wait)

    def pause_left(self) -> float:
        """Seconds for which no call may begin; 0 if one may."""
        return max(0.0, self.resume_at - _now())

    def _wake(self) -> None:
        free = int(self.limit) - self.in_flight
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


def _now() -> float:
    return asyncio.get_running_loop().time()


def backoff(failures: int, jitter: random.Random) -> float:
    """Seconds to wait after so many failures in a row: doubling from half a second to 30 s, half of it at random."""
    return min(30.0, 0.5 * 2.0 ** min(failures - 1, 10)) * jitter.uniform(0.5, 1.0)
