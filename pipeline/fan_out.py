"""Several students at once: one process per core, one progress view, and Ctrl-C that loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from pipeline.student.run import Interrupted, Run, carry_out

_stop: Any = None
_news: Any = None


def carry_out_all(runs: Sequence[Run], title: str) -> list[dict[str, Any]]:
    """Carry out all runs, each core one at a time; returns their last curve rows in order.

    On SIGINT or SIGTERM every run writes its checkpoint and Interrupted is raised. An error in a run is raised here
    once the others are done.
    """
    workers = min(len(runs), os.cpu_count() or 1)
    with _progress(runs, title) as show, _stoppable() as stop_requested:
        if workers == 1:
            return [carry_out(run, partial(show, k), stop_requested.is_set) for k, run in enumerate(runs)]
        context = multiprocessing.get_context("spawn")
        stop, news = context.Event(), context.SimpleQueue()
        relay = threading.Thread(target=_relay, args=(news, show), daemon=True)
        relay.start()
        try:
            with ProcessPoolExecutor(workers, context, _start_worker, (stop, news)) as pool:
                futures = [pool.submit(_work, k, run) for k, run in enumerate(runs)]
                while any(not future.done() for future in futures):
                    if stop_requested.wait(0.05):
                        stop.set()
                        for future in futures:
                            future.cancel()
                        break
            if stop_requested.is_set():
                raise Interrupted
            return [future.result() for future in futures]
        finally:
            news.put(None)
            relay.join()


def _start_worker(stop: Any, news: Any) -> None:
    """Workers leave Ctrl-C to their parent, which asks them to stop."""
    global _stop, _news
    _stop, _news = stop, news
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A parent killed outright can't say so; its workers then end too instead of running on unseen."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(number: int, run: Run) -> dict[str, Any]:
    return carry_out(run, lambda done, of: _news.put((number, done, of)), _stop.is_set)


def _relay(news: Any, show: Any) -> None:
    """Pass on what workers say, until None comes."""
    while (item := news.get()) is not None:
        show(*item)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, in place of ending the process."""
    requested = threading.Event()
    before = {number: signal.signal(number, lambda *_: requested.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(runs: Sequence[Run], title: str) -> Iterator[Any]:
    """A function (run, done, of) that shows progress on stderr: a bar on a terminal, now and then a line elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(runs, title) as show:
            yield show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars = [progress.add_task(f"{title} seed {run.seed}", total=None) for run in runs]
        yield lambda k, done, of: progress.update(bars[k], completed=done, total=of)


@contextmanager
def _lines(runs: Sequence[Run], title: str) -> Iterator[Any]:
    """Progress as lines on stderr, one per tenth of all iterations."""
    done_by_run = [0.0] * len(runs)
    shown = 0

    def show(number: int, done: int, of: int) -> None:
        nonlocal shown
        done_by_run[number] = done / of if of else 1.0
        tenth = int(10 * sum(done_by_run) / len(runs))
        if tenth > shown:
            shown = tenth
            print(f"{title}: {tenth * 10}%", file=sys.stderr, flush=True)

    yield show
