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
from pipeline.fan_out.view import Show

POLL_S = 0.5
"""Seconds between a job's looks at whether it is to stop, and between this process's at the news."""

KNOCK_S = 10.0
"""Seconds that a cluster's head may take to accept a connection."""


class _Desk:
    """Where jobs leave their news and look whether they are to stop: an actor on the cluster."""

    def __init__(self) -> None:
        self.stopping = False
        self.latest: dict[int, tuple[int, int]] = {}

    def report(self, number: int, done: int, of: int) -> bool:
        """Leave news; returns whether to stop."""
        self.latest[number] = (done, of)
        return self.stopping

    def stop(self) -> None:
        self.stopping = True

    def news(self) -> dict[int, tuple[int, int]]:
        """What came since the last call."""
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
        desk = ray.remote(num_cpus=0)(_Desk).remote()
        remote = ray.remote(num_cpus=1, max_retries=2)(_work)
        pending = [remote.remote(work, number, job, desk, os.getcwd()) for number, job in enumerate(jobs)]
        running = list(pending)
        while running and not stop_requested.is_set():
            _, running = ray.wait(running, num_returns=len(running), timeout=POLL_S)
            for number, (done, of) in ray.get(desk.news.remote()).items():
                show(number, done, of)
        if stop_requested.is_set():
            ray.get(desk.stop.remote())
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
        _knock(address)
        ray.init(address=address, logging_level=logging.ERROR, **settings)
    except (OSError, RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise NoCluster(f"RAY_ADDRESS={address}: no Ray cluster can be used there ({first})") from None
    return ray


def _knock(address: str) -> None:
    """Raises OSError if nobody listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


def _work(work: Callable[..., Any], number: int, job: Any, desk: Any, folder: str) -> Any:
    """On a node: carry out one job, with as little talk as it takes."""
    import ray

    os.chdir(folder)
    state = {"stop": ray.get(desk.report.remote(number, 0, 1)), "at": time.monotonic(), "done": (0, 1)}
    if state["stop"]:
        raise Interrupted

    def progress(done: int, of: int) -> None:
        state["done"] = (done, of)

    def stop() -> bool:
        if time.monotonic() - state["at"] > POLL_S:
            state["stop"] = ray.get(desk.report.remote(number, *state["done"]))
            state["at"] = time.monotonic()
        return bool(state["stop"])

    result = work(job, progress, stop)
    ray.get(desk.report.remote(number, 1, 1))
    return result


def _result(ray: Any, reference: Any) -> Any:
    """A job's result, or the error that ended it as it was raised there."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise (error.cause if isinstance(error.cause, Exception) else error) from None
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError):
        raise WorkerLost from None
