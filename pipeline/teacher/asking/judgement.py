"""Whether a model's latest answers are worth going on for, and a finished table worth keeping."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.instructions import Reading
from pipeline.teacher.errors import LabellingStopped

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


def judged(rows: Iterable[dict[str, Any]], limit: float) -> Iterator[dict[str, Any]]:
    """Hands label rows on. Raises LabellingStopped after the last one if too much of the table is unusable.

    A run looks at its own latest answers only; so a table that many short runs have filled is judged here.
    """
    answers, unusable = 0, 0.0
    for row in rows:
        count = row["n_requested"] or 1
        answers += count
        unusable += count * row["residual_mass"]
        yield row
    if limit < 1 and answers >= JUDGED_AT_LEAST and unusable >= limit * answers:
        raise LabellingStopped(
            f"{unusable / answers:.0%} of the finished table's {answers} answers are unusable (label.invalid_stop ="
            f" {limit:g}), so it was not written; try another model or prompt, or set label.invalid_stop: 1 to keep it",
            then=None,
        )
