"""How far a labelling is: one line on stderr with rate, failures, cost and time left."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """Counts samples; shows a line on stderr, where that is a terminal."""

    def __init__(self, title: str, total: int) -> None:
        """`total`: samples of the whole table, those already there included."""
        console = Console(stderr=True)
        self._rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} {task.fields[failed]} failed{task.fields[cost]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            refresh_per_second=4,
        )
        self._task = self._rich.add_task(title, total=total, rate="", failed=0, cost="")
        self._begun = time.monotonic()
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
        self._rich.advance(self._task, samples)

    def answered(self, samples: int, cost: float) -> None:
        """So many new samples were written down; `cost` is the whole run's so far."""
        self.kept += samples
        if self._rich.disable:
            return
        rate = f"{self.kept / max(time.monotonic() - self._begun, 0.001):.0f}/s"
        self._rich.update(self._task, advance=samples, rate=rate, cost=f", cost {cost:.4f}" if cost else "")

    def failed(self) -> None:
        """A call failed."""
        self.failures += 1
        self._rich.update(self._task, failed=self.failures)
