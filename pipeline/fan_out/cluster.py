"""Jobs on a Ray cluster: one core each, wherever one is free.

The nodes must see the project's folder at the same path (a shared file system, as clusters have), since that is where
jobs read and write. What a job needs to go on is there too, so one whose node dies is simply carried out again.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.fan_out.jobs import AnyJob, Interrupted, NoCluster, Result, Work, WorkerLost
from pipeline.fan_out.processes import share_cores
from pipeline.fan_out.view import Show

POLL_S = 0.5
"""Seconds between a job's reports, and between this process's looks at them."""

CONNECT_TIMEOUT_S = 10.0
"""Seconds that a cluster's head may take to accept a connection."""


class _Progress:
    """An actor that holds how far each job is, and whether all of them are to stop."""

    def __init__(self) -> None:
        self.stopping = False
        self.latest: dict[int, tuple[int, int]] = {}

    def report(self, number: int, done: int, of: int) -> bool:
        """Set how far a job is; returns whether it is to stop."""
        self.latest[number] = (done, of)
        return self.stopping

    def stop(self) -> None:
        self.stopping = True

    def take(self) -> dict[int, tuple[int, int]]:
        """(done, of) of each job that has reported since the last call."""
        latest, self.latest = self.latest, {}
        return latest


def fan_out_over_cluster(
    jobs: Sequence[AnyJob], work: Work[AnyJob, Result], show: Show, stop_requested: threading.Event, address: str
) -> list[Result]:
    """Carry out all jobs on the Ray cluster at an address; see `fan_out`.

    Raises NoCluster if there is none or Ray is not installed, WorkerLost if a job's process died time and again.
    """
    ray = _connected(address)
    try:
        progress = ray.remote(num_cpus=0)(_Progress).remote()
        remote = ray.remote(num_cpus=1, max_retries=2)(_work)
        pending = [remote.remote(work, number, job, progress, os.getcwd()) for number, job in enumerate(jobs)]
        running = list(pending)
        while running and not stop_requested.is_set():
            _, running = ray.wait(running, num_returns=len(running), timeout=POLL_S)
            for number, (done, of) in ray.get(progress.take.remote()).items():
                show(number, done, of)
        if stop_requested.is_set():
            ray.get(progress.stop.remote())
            ray.wait(running, num_returns=len(running))  # those that have not begun end at once, too
            raise Interrupted
        return [_result(ray, one) for one in pending]
    finally:
        ray.shutdown()


def _connected(address: str) -> Any:
    """The ray module, connected to a cluster whose workers find this project's code."""
    try:
        import ray
    except ModuleNotFoundError:
        raise NoCluster(
            f"RAY_ADDRESS={address} names a cluster, but ray is not installed; pip install 'ray' mends that"
        ) from None
    code = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(dict.fromkeys([code, *filter(None, sys.path)]))
    settings: dict[str, Any] = {"runtime_env": {"env_vars": {"PYTHONPATH": path}}, "log_to_driver": False}
    try:
        _check_listening(address)
        ray.init(address=address, logging_level=logging.ERROR, **settings)
    except (OSError, RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise NoCluster(f"RAY_ADDRESS={address}: no Ray cluster can be used there ({first})") from None
    return ray


def _check_listening(address: str) -> None:
    """Raises OSError if nobody listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()


def _work(work: Callable[..., Any], number: int, job: Any, progress: Any, folder: str) -> Any:
    """On a node: carry out one job, which asks the actor every POLL_S whether it is to stop."""
    os.chdir(folder)
    share_cores(os.cpu_count() or 1)  # Ray gives each job one
    latest, stopping, asked_at = (0, 1), _report(progress, number, 0, 1), time.monotonic()
    if stopping:
        raise Interrupted

    def show(done: int, of: int) -> None:
        nonlocal latest
        latest = done, of

    def stop() -> bool:
        nonlocal stopping, asked_at
        if time.monotonic() - asked_at > POLL_S:
            stopping, asked_at = _report(progress, number, *latest), time.monotonic()
        return stopping

    result = work(job, show, stop)
    _report(progress, number, 1, 1)
    return result


def _report(progress: Any, number: int, done: int, of: int) -> bool:
    """Tell the actor how far a job is; returns whether it is to stop.

    Waits for a future, because a job that waits in `ray.get` hands its core to another one meanwhile.
    """
    return bool(progress.report.remote(number, done, of).future().result())


def _result(ray: Any, reference: Any) -> Any:
    """A job's result, or the error that ended it as it was raised there."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError):
        raise WorkerLost from None
