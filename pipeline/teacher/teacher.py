"""Who answers: the one interface behind which every provider stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.asking.judgement import judged
from pipeline.teacher.asking.probe import Finding, probe
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.states import State


def ask(task: Task, states: Sequence[State], settings: Label, root: Path) -> LabelTables:
    """Have the teacher of `settings.provider` answer for every state.

    A provider is the module of its name in `providers/`, with a function `ask(labelling) -> LabelTables`.
    Raises TeacherError for settings that can't be used, LabellingStopped if the table can't be completed now; the rows
    of a table that is mostly unusable end in LabellingStopped too.
    """
    provider = _provider(settings)
    tables: LabelTables = provider.ask(Labelling(task, states, settings, root))
    return replace(tables, labels=judged(tables.labels, settings.invalid_stop))


def probe_teacher(task: Task, states: Sequence[State], settings: Label, root: Path) -> list[Finding]:
    """What the server of `settings` can, by a few calls. Raises TeacherError for a provider without a server."""
    provider = _provider(settings)
    if not hasattr(provider, "make_client"):
        raise TeacherError(f"--probe: provider {settings.provider} makes no calls that could be tried")
    return probe(Labelling(task, states, settings, root), provider.make_client)


def _provider(settings: Label) -> ModuleType:
    return import_module(f"pipeline.teacher.providers.{settings.provider.replace('-', '_')}")
