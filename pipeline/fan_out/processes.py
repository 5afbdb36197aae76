"""Jobs on this machine: one process per core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any

from pipeline.fan_out.jobs import AnyJob, Interrupted, Result, Work, WorkerLost
from pipeline.fan_out.view import Show

_stop: Any = None
_updates: Any = None
_working = _ending = False
_sharing = 1


def cores() -> int:
    """How many cores this process may use: those it is bound to where the system says so, else all there are.

    While a job is carried out it is the job's share of them.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // _sharing)


def share_cores(jobs: int) -> None:
    """From now on this process is one of so many that share the cores."""
    global _sharing
    _sharing = jobs


def fan_out_over_cores(
    jobs: Sequence[AnyJob], work: Work[AnyJob, Result], show: Show, stop_requested: threading.Event
) -> list[Result]:
    """Carry out all jobs, each core one at a time; see `fan_out`. Raises WorkerLost if a process is killed."""
    workers = min(len(jobs), cores())
    if workers <= 1:
        return [work(job, partial(show, k), stop_requested.is_set) for k, job in enumerate(jobs)]
    context = multiprocessing.get_context("spawn")
    stop, updates = context.Event(), context.SimpleQueue()
    relay = threading.Thread(target=_relay, args=(updates, show), daemon=True)
    relay.start()
    try:
        with ProcessPoolExecutor(workers, context, _start_worker, (stop, updates, workers)) as pool:
            with ctrl_c_held():
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
        updates.put(None)
        relay.join()


@contextmanager
def ctrl_c_held() -> Iterator[None]:
    """SIGINT waits. Processes started meanwhile never see it: Ctrl-C is for their parent, which tells them to stop."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(stop: Any, updates: Any, workers: int) -> None:
    """What a worker needs of its parent, one of so many."""
    global _stop, _updates
    share_cores(workers)
    _stop, _updates = stop, updates
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
        result = work(job, lambda done, of: _updates.put((number, done, of)), lambda: _ending or _stop.is_set())
    finally:
        _working = False
        if _ending:
            os._exit(1)
    _updates.put((number, 1, 1))
    return result


def _relay(updates: Any, show: Show) -> None:
    """Pass on what workers say, until None comes."""
    while (item := updates.get()) is not None:
        show(*item)
