"""Jobs that other processes carry out in tests."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.fan_out import Interrupted


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
