"""Groups of environments, in this process or each in one of its own: asked together, answered in order.

Processes are forked, so a task need not be picklable, and they share the batch's arrays; only the names of calls and
new descriptions travel through pipes.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from pipeline.fan_out.jobs import WorkerLost
from pipeline.fan_out.processes import ctrl_c_held
from pipeline.tasks.environment_group import EnvironmentGroup

PATIENCE_S = 2.0
"""Seconds that a process may take to end by itself."""

MakeGroup = Callable[[], EnvironmentGroup]


class Groups(Protocol):
    """The groups of a batch."""

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of every group, each with its own arguments; returns their results in order."""


class GroupsHere:
    """Groups in this process."""

    def __init__(self, makers: Sequence[MakeGroup]) -> None:
        self._groups = [make() for make in makers]

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return [getattr(group, method)(*given) for group, given in zip(self._groups, arguments, strict=True)]


class GroupsInProcesses:
    """Groups in a process each; they end with this object, with this process, and never see Ctrl-C."""

    def __init__(self, makers: Sequence[MakeGroup], task: str) -> None:
        """task: what messages call it"""
        self._task = task
        context = multiprocessing.get_context("fork")
        self._connections: list[Connection] = []
        self._processes: list[BaseProcess] = []
        sys.stdout.flush()  # what is buffered would be printed once by each process
        sys.stderr.flush()
        with ctrl_c_held():
            for make in makers:
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, ours, make), daemon=True)
                process.start()
                theirs.close()  # so that its end is noticed here
                self._connections.append(ours)
                self._processes.append(process)
        weakref.finalize(self, _end, os.getpid(), self._connections, self._processes)

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Groups.call`. Raises what a group raises, and WorkerLost if its process is gone."""
        for number, given in enumerate(arguments):
            with self._noticing_its_end(number):
                self._connections[number].send((method, given))
        answers = []
        for number, connection in enumerate(self._connections):
            with self._noticing_its_end(number):
                answers.append(connection.recv())
        for _, error, where in answers:
            if error is not None:
                raise error from RuntimeError(f"in a process that runs environments:\n{where}")
        return [result for result, _, _ in answers]

    @contextmanager
    def _noticing_its_end(self, number: int) -> Iterator[None]:
        """Raises WorkerLost if the process that is spoken to is gone."""
        try:
            yield
        except (EOFError, OSError):
            process = self._processes[number]
            process.join(PATIENCE_S)
            raise WorkerLost(
                f"{self._task}: a process that runs environments has ended ({_why(process)}); run the same command "
                "again"
            ) from None


def can_fork() -> bool:
    """Whether this process may have processes that share its memory."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def _serve(connection: Connection, parents: Connection, make: MakeGroup) -> None:
    """In a process of its own: make a group, and answer calls until there are no more.

    parents  the other end, of which this process has a copy; while it is open, the parent's end goes unnoticed
    """
    parents.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent's way of ending is not its processes'
    group: EnvironmentGroup | None = None
    with suppress(EOFError, OSError):  # the parent is gone
        while (call := connection.recv()) is not None:
            method, given = call
            answer: tuple[Any, Exception | None, str]
            try:
                group = group or make()
                answer = getattr(group, method)(*given), None, ""
            except Exception as error:
                answer = None, _portable(error), traceback.format_exc()
            connection.send(answer)


def _portable(error: Exception) -> Exception:
    """The error, or its text if it can't travel."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _why(process: BaseProcess) -> str:
    """How a process ended, in a few words."""
    code = process.exitcode
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"{signal.Signals(-code).name}, perhaps for want of memory"


def _end(owner: int, connections: Sequence[Connection], processes: Sequence[BaseProcess]) -> None:
    """Let processes end, and end those that don't."""
    if os.getpid() != owner:  # a copy of the parent's object in one of its processes
        return
    for connection in connections:
        with suppress(OSError):
            connection.send(None)
    for process, connection in zip(processes, connections, strict=True):
        process.join(PATIENCE_S)
        process.kill()
        process.join()
        connection.close()
