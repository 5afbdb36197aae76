"""Labelling by calls to a server: the providers `openai` and `zhipuai`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

from pipeline.params import Label
from pipeline.teacher.asking.client import Client
from pipeline.teacher.asking.engine import Engine, Stopped
from pipeline.teacher.asking.progress import Progress
from pipeline.teacher.errors import INTERRUPTED, LabellingStopped
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.redaction import Redactor, api_key


def ask_online(labelling: Labelling, make_client: Callable[[Label], Client]) -> LabelTables:
    """Ask until the ledger holds every answer. Raises LabellingStopped, after which what was answered stays.

    `make_client` raises TeacherError if a key or a package is missing.
    """
    task, settings, method = labelling.task, labelling.settings, labelling.method
    redact = Redactor(api_key(settings.provider, settings.api_key_env))
    ledger = labelling.ledger
    with Progress(task.name, method.total(labelling.states)) as progress:
        client = make_client(settings)
        engine = Engine(client, task.name, method.samples, settings, ledger, method.judge, redact, progress)

        def stopped(why: str, exit_code: int = 1) -> LabellingStopped:
            return LabellingStopped(
                f"{task.name}: {why}\n{progress.kept} new answers of this run are kept, {progress.failures} calls"
                " failed; nothing that was answered will be asked again",
                exit_code=exit_code,
            )

        try:
            asyncio.run(_run(engine, labelling))
        except Stopped as stop:
            raise stopped(str(stop)) from None
        except sqlite3.Error as error:
            raise stopped(f"the ledger can't be written: {error}") from None
        except KeyboardInterrupt:
            raise stopped("interrupted", INTERRUPTED) from None
    return labelling.tables()


async def _run(engine: Engine, labelling: Labelling) -> None:
    try:
        await engine.run(labelling.requests())
    finally:
        await engine.client.close()
