"""What can be fanned out: jobs, the work that carries one out, and how it may end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar


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

    def __init__(
        self, message: str = "a worker was killed, perhaps for want of memory; the same command goes on from here"
    ) -> None:
        super().__init__(message)


class NoCluster(RuntimeError):
    """A cluster was given and can't be used."""
