"""Labelling by calls to a server: the providers `openai` and `zhipuai`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.engine import Engine, Stopped
from pipeline.teacher.errors import Interrupted, LabellingStopped
from pipeline.teacher.ledger import Ledger
from pipeline.teacher.methods import Method
from pipeline.teacher.progress import Progress
from pipeline.teacher.providers.client import Client
from pipeline.teacher.redaction import Redactor, api_key
from pipeline.teacher.requests import Request
from pipeline.teacher.states import State


def make_client(settings: Label) -> Client:
    """The client of `settings.provider`. Raises TeacherError if a key or a package is missing."""
    if settings.provider == "zhipuai":
        from pipeline.teacher.providers.zhipu import ZhipuClient

        return ZhipuClient(settings)
    from pipeline.teacher.providers.openai_online import OpenAIClient

    return OpenAIClient(settings)


def ask_online(task: Task, states: Sequence[State], settings: Label, method: Method, ledger: Ledger) -> None:
    """Ask until the ledger holds every answer. Raises LabellingStopped or Interrupted; what was answered stays."""
    redact = Redactor(api_key(settings.provider, settings.api_key_env))
    with Progress(task.name, method.total(states)) as progress:
        engine = Engine(
            make_client(settings), task.name, method.samples, settings, ledger, method.judge, redact, progress
        )
        try:
            asyncio.run(_run(engine, states, method))
        except Stopped as stop:
            raise LabellingStopped(_left(task, progress, str(stop))) from None
        except sqlite3.Error as error:
            raise LabellingStopped(_left(task, progress, f"the ledger can't be written: {error}")) from None
        except KeyboardInterrupt:
            raise Interrupted(_left(task, progress, "interrupted")) from None


async def _run(engine: Engine, states: Sequence[State], method: Method) -> None:
    def all_requests() -> Iterator[Request]:
        for state in states:
            yield from method.requests(state)

    try:
        await engine.run(all_requests())
    finally:
        await engine.client.close()


def _left(task: Task, progress: Progress, why: str) -> str:
    return (
        f"{task.name}: {why}\n{progress.kept} new answers of this run are kept, {progress.failures} calls failed;"
        " nothing that was answered will be asked again"
    )
