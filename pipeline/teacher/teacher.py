"""Who answers: the one interface behind which every provider stands."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.states import State


def ask(task: Task, states: Sequence[State], settings: Label, root: Path) -> LabelTables:
    """Have the teacher of `settings.provider` answer for every state.

    A provider is the module of its name in `providers/`, with a function `ask(labelling) -> LabelTables`.
    Raises TeacherError for settings that can't be used, LabellingStopped if the table can't be completed now.
    """
    provider = import_module(f"pipeline.teacher.providers.{settings.provider.replace('-', '_')}")
    tables: LabelTables = provider.ask(Labelling(task, states, settings, root))
    return tables
