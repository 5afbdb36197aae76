"""Many jobs at once: one process per core, one progress view, and Ctrl-C that loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar


class Job(Protocol):
    """Something to carry out; `name` is what the progress view calls it."""

    @property
    def name(self) -> str: ...


AnyJob = TypeVar("AnyJob", bound=Job)
Result = TypeVar("Result")
Work = Callable[[AnyJob, Callable[[int, int], None], Callable[[], bool]], Result]
"""Carries out one job: it reports (done, of) now and then, and raises Interrupted soon after the last one says so."""


class Interrupted(Exception):
    """A job was asked to stop; what it needs to go on is on disk, and the same command goes on from there."""

    exit_code = 130

    def __init__(self, message: str = "stopped; everything is kept, and the same command goes on from here") -> None:
        super().__init__(message)


class WorkerLost(RuntimeError):
    """A process that carried out a job has gone, mostly because the system wanted its memory."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__("a worker was killed, perhaps for want of memory; the same command goes on from here")


_stop: Any = None
_news: Any = None
_working = _ending = False


def fan_out(jobs: Sequence[AnyJob], work: Work[AnyJob, Result], title: str) -> list[Result]:
    """Carry out all jobs, each core one at a time; returns their results in order.

    `work` is a function of a module, since it travels to other processes. On SIGINT or SIGTERM every job is asked to
    stop, and Interrupted is raised; so is WorkerLost if one is killed. An error in a job is raised here once the others
    are done.
    """
    workers = min(len(jobs), os.cpu_count() or 1)
    with _progress(jobs, title) as show, _stoppable() as stop_requested:
        if workers <= 1:
            return [work(job, partial(show, k), stop_requested.is_set) for k, job in enumerate(jobs)]
        context = multiprocessing.get_context("spawn")
        stop, news = context.Event(), context.SimpleQueue()
        relay = threading.Thread(target=_relay, args=(news, show), daemon=True)
        relay.start()
        try:
            with ProcessPoolExecutor(workers, context, _start_worker, (stop, news)) as pool:
                with _ctrl_c_held():
                    futures = [pool.submit(_work, work, k, job) for k, job in enumerate(jobs)]
                while any(not future.done() for future in futures):
                    if stop_requested.wait(0.05):
                        stop.set()
                        for future in futures:
                            future.cancel()
                        break
            if stop_requested.is_set():
                raise Interrupted
            return [future.result() for future in futures]
        except BrokenProcessPool:
            raise WorkerLost from None
        finally:
            news.put(None)
            relay.join()


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """SIGINT waits. Processes started meanwhile never see it: Ctrl-C is for their parent, which tells them to stop."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(stop: Any, news: Any) -> None:
    """What a worker needs of its parent."""
    global _stop, _news
    _stop, _news = stop, news
    signal.signal(signal.SIGTERM, _end_worker)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _end_worker(*_: Any) -> None:
    """SIGTERM ends a worker, but lets the job at hand write what it needs to go on."""
    global _ending
    _ending = True
    if not _working:
        os._exit(1)


def _die_with_parent() -> None:
    """A parent killed outright can't say so; its workers then end too instead of running on unseen."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(work: Callable[..., Any], number: int, job: Any) -> Any:
    global _working
    _working = True
    try:
        result = work(job, lambda done, of: _news.put((number, done, of)), lambda: _ending or _stop.is_set())
    finally:
        _working = False
        if _ending:
            os._exit(1)
    _news.put((number, 1, 1))
    return result


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
def _progress(jobs: Sequence[Job], title: str) -> Iterator[Any]:
    """A function (job's number, done, of) that shows progress on stderr: bars on a terminal, a few lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(len(jobs), title) as show:
            yield show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        whole = progress.add_task(title, total=len(jobs))
        shares = [0.0] * len(jobs)
        bars: dict[int, Any] = {}

        def show(number: int, done: int, of: int) -> None:
            shares[number] = done / of if of else 1.0
            progress.update(whole, completed=sum(shares))
            if number not in bars:
                bars[number] = progress.add_task(f"  {jobs[number].name}")
            progress.update(bars[number], completed=done, total=of, visible=shares[number] < 1)

        yield show


@contextmanager
def _lines(jobs: int, title: str) -> Iterator[Any]:
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
