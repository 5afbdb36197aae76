"""Whether a model's latest answers are worth going on for."""

from __future__ import annotations

from collections import deque

from pipeline.instructions import Reading

JUDGED_AT_LEAST, JUDGED_AT_MOST = 20, 200
"""The latest answers that are looked at: mostly unusable ones stop a run, also when a good model turns bad late."""


class Judgement:
    """The verdicts on a run's latest answers. `limit` is the share of unusable ones that is too many; 1: none is."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._latest: deque[str | None] = deque(maxlen=JUDGED_AT_MOST)
        self._unusable = 0

    def add(self, text: str, reading: Reading) -> None:
        """One more answer: its decision, and how it was judged."""
        if len(self._latest) == JUDGED_AT_MOST:
            self._unusable -= self._latest[0] is not None
        if reading.verdict.usable:
            self._latest.append(None)
            return
        why = f"{reading.verdict.value}{', ' if reading.why else ''}{reading.why}"
        self._latest.append(f"{text[:120]!r}: {why[:200]}")
        self._unusable += 1

    def refusal(self) -> str | None:
        """Why there should be no more questions, with examples; None if the answers are good enough."""
        total = len(self._latest)
        if self._limit >= 1 or total < JUDGED_AT_LEAST or self._unusable < self._limit * total:
            return None
        examples = list(dict.fromkeys(example for example in self._latest if example))[-3:]
        return (
            f"{self._unusable} of the latest {total} answers are unusable (label.invalid_stop = {self._limit:g}),"
            " such as\n" + "\n".join(f"  {example}" for example in examples)
        )
