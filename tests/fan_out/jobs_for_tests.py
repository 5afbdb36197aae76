"""Jobs that other processes carry out in tests."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

import ray

from pipeline.fan_out import Interrupted
from pipeline.fan_out.cluster import _Progress


@dataclass(frozen=True)
class Count:
    """Counts up in a file, one line each 0.05 s, and goes on where the file ends."""

    path: Path
    upto: int

    @property
    def name(self) -> str:
        return self.path.name


def count(job, progress, stop):
    """Returns the process and how many lines there were at the start."""
    before = len(job.path.read_text().splitlines()) if job.path.exists() else 0
    for number in range(before, job.upto):
        if stop():
            raise Interrupted
        with job.path.open("a") as file:
            file.write(f"{number}\n")
        time.sleep(0.05)
        progress(number + 1, job.upto)
    return os.getpid(), before


def fail(job, progress, stop):
    if job.upto == 2:
        raise ValueError(f"{job.name} can't be counted")
    return count(job, progress, stop)


def span(job, progress, stop):
    """Counts; returns when it began and ended, in seconds of the clock that all of a machine's processes share."""
    began = time.monotonic()
    count(job, progress, stop)
    return began, time.monotonic()


class PatientProgress(_Progress):
    """Lets a job begin once Ray has a core in use for each job that has begun or waits here, or once three have come.

    A job that gives up its core while it waits thus waits until another has taken it.
    """

    def __init__(self):
        super().__init__()
        self.inside = set()

    async def report(self, number, done, of):
        if done == of:
            self.inside.discard(number)
        elif number not in self.inside:
            self.inside.add(number)
            await asyncio.sleep(1)  # by then Ray's count is that of now
            while self._cores_in_use() < len(self.inside) < 3:
                await asyncio.sleep(0.1)
        return super().report(number, done, of)

    def _cores_in_use(self):
        return ray.cluster_resources()["CPU"] - ray.available_resources().get("CPU", 0)
