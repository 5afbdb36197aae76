"""Faults that the replay server makes on purpose: which, how often, how many times."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from pipeline.teacher.errors import TeacherError

KINDS = {
    "429": "too many requests, with Retry-After",
    "500": "internal error",
    "502": "bad gateway, with an HTML body",
    "503": "overloaded, with Retry-After",
    "401": "the key is refused, and echoed in the message",
    "404": "no such model",
    "reset": "the connection ends in the middle of the body",
    "malformed": "status 200 with half a JSON body",
    "empty": "status 200 with an empty body",
    "no-choices": "status 200 without a choice",
    "error-200": "status 200 with an error object",
    "one": "one choice, however many were asked for",
    "null-logprobs": "no logprobs, though asked for",
    "legacy": "the legacy shape: `text` in place of `message`",
    "parts": "content as a list of parts",
    "slow": "the body comes in small pieces, over `slow_s` seconds",
    "hang": "no answer at all",
    "nonsense": "answers that are no plan",
}


@dataclass
class Fault:
    """One kind of fault: how likely per request, and how many times at most (None: no end)."""

    kind: str
    probability: float = 1.0
    times: int | None = None


def parse_faults(text: str) -> list[Fault]:
    """Faults from `kind[:probability[:times]]`, separated by commas: `429:0.1,reset:1:3`. Raises TeacherError."""
    faults = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, *rest = part.split(":")
        if kind not in KINDS:
            raise TeacherError(f"--faults: unknown kind {kind!r}; there are: {', '.join(KINDS)}")
        try:
            probability = float(rest[0]) if rest else 1.0
            times = int(rest[1]) if len(rest) > 1 else None
        except ValueError:
            raise TeacherError(f"--faults: {part!r}: wanted kind[:probability[:times]], such as 429:0.1:5") from None
        if not 0 <= probability <= 1 or len(rest) > 2:
            raise TeacherError(f"--faults: {part!r}: wanted kind[:probability[:times]], the probability in [0, 1]")
        faults.append(Fault(kind, probability, times))
    return faults


class FaultInjector:
    """Decides which fault, if any, a request meets."""

    def __init__(self, faults: list[Fault], seed: int) -> None:
        self._faults = faults
        self._rng = random.Random(f"faults {seed}")
        self.made: dict[str, int] = {}

    def next(self) -> str | None:
        """The fault of the next request; the first in the list that strikes."""
        for fault in self._faults:
            if fault.times != 0 and self._rng.random() < fault.probability:
                if fault.times is not None:
                    fault.times -= 1
                self.made[fault.kind] = self.made.get(fault.kind, 0) + 1
                return fault.kind
        return None


class RateLimit:
    """A bucket of `per_second` requests that fills steadily; holds one second's worth, and at least one request."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.size = max(1.0, per_second)
        self._left = self.size
        self._at = time.monotonic()

    def take(self) -> float:
        """Take one request: 0 if it is allowed, else the seconds until it would be."""
        now = time.monotonic()
        self._left = min(self.size, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self.per_second

    def headers(self) -> dict[str, str]:
        """The state of the bucket, as OpenAI's headers say it."""
        return {
            "x-ratelimit-limit-requests": str(int(self.size)),
            "x-ratelimit-remaining-requests": str(int(self._left)),
            "x-ratelimit-reset-requests": f"{max(0.0, 1 - self._left) / self.per_second:.3f}s",
        }
