"""Checking a stranger's label set, in a process of its own with bounds on its memory and time.

Whatever a damaged or hostile file makes of the libraries that read it, a crash included, becomes one line.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.label_sets.folder import Limits, SetError, files_of
from pipeline.terminal import printable

_PATIENCE = 30
"""How much longer than on a machine of its own a checking may take, before it is given up."""


@dataclass(frozen=True)
class Verified:
    """A set that is as it says: its tasks, rows by table, and what could not be checked."""

    tasks: tuple[str, ...]
    rows: dict[str, int]
    notes: tuple[str, ...]


def verify(folder: Path, limits: Limits | None = None) -> Verified:
    """Check everything about a set that can be checked; see `check_set`. Raises SetError, in one line."""
    limits = limits or Limits()
    seconds = limits.seconds + sum(files_of(folder, limits).values()) // 2**20
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.label_sets.check_set"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(folder, limits, seconds, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        outcome = ours.recv() if ours.poll(_PATIENCE * seconds) else SetError("no answer from the process that read it")
    except EOFError:
        process.join()
        outcome = SetError(_ending(process.exitcode, seconds))
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(outcome, SetError):
        raise SetError(f"{printable(folder)}: {printable(outcome, 500)}")
    return outcome


def _ending(code: int | None, seconds: int) -> str:
    if code == -signal.SIGXCPU:
        return f"it took more than {seconds} s; stopped"
    how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
    return f"the process that read it ended with {how}"


def _work(folder: Path, limits: Limits, seconds: int, answer: Connection) -> None:
    """In the process: look, and answer with what was found or what is wrong."""
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from pipeline.label_sets.check_set import check_set

    try:
        facts = check_set(folder, limits)
        rows = {table: facts.total(table) for task in facts.tasks for table in task.rows}
        answer.send(Verified(tuple(task.task for task in facts.tasks), rows, tuple(facts.notes)))
    except SetError as error:
        answer.send(error)
    except MemoryError:
        answer.send(SetError(f"it takes more than {limits.memory // 2**20} MiB of memory"))
    except (OSError, RecursionError) as error:
        answer.send(SetError(str(error)))
