"""Who answers: the one interface behind which every provider stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params import Label
from pipeline.tables import label_id
from pipeline.tasks.base import Task
from pipeline.teacher.published import read_published
from pipeline.teacher.states import State


@dataclass(frozen=True)
class Labelling:
    """The rows of the three tables that a labelling writes; each may be a stream that is read once, in this order."""

    labels: Iterable[dict[str, Any]]
    responses: Iterable[dict[str, Any]] = ()
    prompts: Iterable[dict[str, Any]] = ()


def ask(task: Task, states: Sequence[State], settings: Label, root: Path) -> Labelling:
    """Have the teacher of `settings.provider` answer for every state.

    Raises TeacherError for settings that can't be used, LabellingStopped if the table can't be completed now.
    """
    return Labelling(_published_rows(task, states, settings, root))


def _published_rows(task: Task, states: Sequence[State], settings: Label, root: Path) -> list[dict[str, Any]]:
    """The published rows with the collected visit counts. What was never met stays, with count 0."""
    from pipeline.teacher.rows import hardened

    counts = {state.description.state_id: state.visits for state in states}
    rows = []
    for row in read_published(task.name, root):
        row = {**row, "state_count": counts.get(row["state_id"], 0)}
        if settings.method == "hard":
            row = hardened(row)
        rows.append({**row, "label_id": label_id(row)})
    return rows
