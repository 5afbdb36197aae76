"""How far a labelling is, on stderr, with rate, failures, cost and time left: a bar, or a line now and then."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

LINE_S = 30.0
"""Seconds between lines where stderr is no terminal."""
REASONS = 20
"""Different reasons of failures that are told."""


class Progress:
    """Counts samples, and tells on stderr; each reason of a failure is told when it first occurs."""

    def __init__(self, title: str, total: int, console: Console | None = None) -> None:
        """`total`: samples of the whole table, those already there included; `console`: in place of stderr."""
        self._console = console or Console(stderr=True)
        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} {task.fields[failed]} failed{task.fields[cost]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            refresh_per_second=4,
        )
        self._title, self._total = title, total
        self._task = self._rich.add_task(title, total=total, rate="", failed=0, cost="")
        self._begun = self._told = time.monotonic()
        self._there = 0
        self._reasons: set[str] = set()
        self.kept = 0
        self.failures = 0

    def __enter__(self) -> Progress:
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rich.stop()

    def found(self, samples: int) -> None:
        """So many samples of a request were in the ledger already."""
        self._there += samples
        self._rich.advance(self._task, samples)

    def answered(self, samples: int, cost: float) -> None:
        """So many new samples were written down; `cost` is the whole run's so far."""
        self.kept += samples
        now = time.monotonic()
        speed = pace_in_words(self.kept, now - self._begun)
        priced = f", cost {cost:.4f}" if cost else ""
        if not self._rich.disable:
            self._rich.update(self._task, advance=samples, rate=speed, cost=priced)
        elif now - self._told >= LINE_S:
            self._told = now
            done = f"{self._there + self.kept} of {self._total} answers"
            self._tell(f"{done}, {speed}, {self.failures} calls failed{priced}")

    def failed(self, reason: str) -> None:
        """A call failed."""
        self.failures += 1
        self._rich.update(self._task, failed=self.failures)
        if reason not in self._reasons and len(self._reasons) < REASONS:
            self._reasons.add(reason)
            self._tell(f"a call failed: {reason[:300]}")

    def _tell(self, what: str) -> None:
        self._console.print(f"{escape(self._title)}: {escape(what)}", highlight=False, soft_wrap=True)


def pace_in_words(count: int, seconds: float) -> str:
    """How fast so many came in so many seconds: `12/s`, or `3.5 s each` where it is less than one per second."""
    if not count:
        return "none yet"
    each = seconds / count
    return f"{each:.1f} s each" if each > 1 else f"{1 / max(each, 1e-6):.0f}/s"
