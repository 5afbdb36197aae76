"""Which request is next: those that this process could claim, and at the end those that others had."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.requests import Request

MOST_AHEAD = 64
"""Requests that are claimed in one transaction."""


class Claims:
    """Hands out requests with the samples that they lack, each claimed.

    samples   answers wanted per request
    ahead     requests to claim at a time: as many as there are workers, at most MOST_AHEAD
    """

    def __init__(self, ledger: Ledger, samples: int, ahead: int) -> None:
        self._ledger, self._samples = ledger, samples
        self._ahead = min(ahead, MOST_AHEAD)
        self._source: Iterable[Request] = iter(())
        self._claimed: deque[tuple[Request, list[int]]] = deque()
        self._with_others: list[Request] = []

    def begin(self, requests: Iterable[Request]) -> None:
        """Hand these out next."""
        self._source = iter(requests)

    def next(self) -> tuple[Request, list[int]] | None:
        """A request and what it lacks; None at the end."""
        while not self._claimed:
            ahead = list(islice(self._source, self._ahead))
            if not ahead:
                return None
            found = self._ledger.claim([request.key for request in ahead], self._samples)
            for request, missing in zip(ahead, found, strict=True):
                if missing is None:
                    self._with_others.append(request)
                else:
                    self._claimed.append((request, missing))
        return self._claimed.popleft()

    def begin_with_others(self) -> bool:
        """Hand out next what other processes had; False if there is nothing of the kind."""
        found, self._with_others = self._with_others, []
        self.begin(found)
        return bool(found)

    def release(self) -> None:
        """Give up what is claimed still, whether it was handed out or not."""
        self._claimed.clear()
        self._ledger.release_all()
