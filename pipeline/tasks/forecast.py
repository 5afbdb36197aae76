"""How long a schedule of many steps will take with a task's reference environments."""

from __future__ import annotations

import sys

from pipeline.fan_out.processes import cores
from pipeline.tasks.base import Task
from pipeline.tasks.group_processes import can_fork
from pipeline.tasks.pace import SLOW_S, seconds_per_step
from pipeline.tasks.reference_batch import ReferenceTask

LONG_S = 30.0
"""Seconds of waiting from which it is worth a line."""


def forecast(task: Task, steps: int) -> str | None:
    """How long so many environment steps take on this machine's cores, in words; None if that is not worth a line."""
    cost = seconds_per_step(task)
    seconds = cost * steps / (cores() if cost > SLOW_S and can_fork() else 1)
    if seconds < LONG_S:
        return None
    milliseconds = f"{1000 * cost:.2g}" if cost < 0.1 else f"{1000 * cost:.0f}"
    return f"{task.name}: {milliseconds} ms a step: about {_in_words(seconds)} for {steps:,} steps"


def say_how_long(task: Task, steps: int) -> None:
    """Print the forecast, if there is one, to stderr; nothing for a task with a faster batch of its own."""
    if isinstance(task, ReferenceTask) and (words := forecast(task, steps)):
        print(words, file=sys.stderr, flush=True)


def _in_words(seconds: float) -> str:
    """A duration: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
