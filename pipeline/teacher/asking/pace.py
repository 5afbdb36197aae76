"""How fast to ask: as many calls at once as the server bears, found by additive increase, multiplicative decrease.

The limit starts at eight calls, grows by one with every answer (which doubles it per round trip) until the server first
says that it is too much, and by one per round trip after that. A refusal halves it, at most once per round trip.
A wait that the server asks for is to hold back all calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque


class Pace:
    """Admits calls. `concurrency` is the most calls at once; `limit` how many are allowed now."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.limit = float(min(concurrency, 8))
        self.in_flight = 0
        self.resume_at = 0.0
        self._starting = True
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

    def succeeded(self) -> None:
        """An answer came: a little more may be asked at once."""
        self.limit = min(float(self.concurrency), self.limit + (1.0 if self._starting else 1.0 / self.limit))
        self._wake()

    def refused(self, started: float, wait: float) -> None:
        """The server said it is too much, of a call begun at `started` (monotonic); `wait` seconds it asks for."""
        self._starting = False
        if started >= self._last_cut:
            self.limit = max(1.0, self.limit / 2)
            self._last_cut = time.monotonic()
        self.pause(wait)

    def pause(self, wait: float) -> None:
        """Begin no call for so many seconds."""
        self.resume_at = max(self.resume_at, time.monotonic() + wait)

    def pause_left(self) -> float:
        """Seconds for which no call may begin; 0 if one may."""
        return max(0.0, self.resume_at - time.monotonic())

    def _wake(self) -> None:
        free = int(self.limit) - self.in_flight
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1


def backoff(failures: int, jitter: random.Random) -> float:
    """Seconds to wait after so many failures in a row: doubling from half a second to 30 s, half of it at random."""
    return min(30.0, 0.5 * 2.0 ** min(failures - 1, 10)) * jitter.uniform(0.5, 1.0)
