"""What a person sees and does while jobs run: one progress view, and Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.fan_out.jobs import Job

Show = Callable[[int, int, int], None]
"""Takes a job's number, and how much of it is done of how much."""


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, in place of ending the process."""
    requested = threading.Event()
    before = {number: signal.signal(number, lambda *_: requested.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress_view(jobs: Sequence[Job], title: str) -> Iterator[Show]:
    """A function (job's number, done, of) that shows progress on stderr: bars on a terminal, a few lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(len(jobs), title) as show:
            yield show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        whole = bars.add_task(title, total=len(jobs))
        shares = [0.0] * len(jobs)
        rows: dict[int, Any] = {}

        def show(number: int, done: int, of: int) -> None:
            shares[number] = done / of if of else 1.0
            bars.update(whole, completed=sum(shares))
            if number not in rows:
                rows[number] = bars.add_task(f"  {jobs[number].name}")
            bars.update(rows[number], completed=done, total=of, visible=shares[number] < 1)

        yield show


@contextmanager
def _lines(jobs: int, title: str) -> Iterator[Show]:
    """Progress as lines on stderr, one per quarter of all there is to do for few jobs, one per job for many."""
    steps = max(4, jobs)
    shares = [0.0] * jobs
    shown = 0

    def show(number: int, done: int, of: int) -> None:
        nonlocal shown
        shares[number] = done / of if of else 1.0
        step = int(steps * sum(shares) / jobs)
        if step > shown:
            shown = step
            print(f"{title}: {step / steps:.0%}", file=sys.stderr, flush=True)

    yield show
