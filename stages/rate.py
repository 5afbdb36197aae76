"""`labels rate`: how good a set's teacher is, from its tables and, where the task is here, from its acting alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.label_sets.contents import read_contents
from pipeline.label_sets.folder import Limits, SetError, files_of
from pipeline.label_sets.rating import rated, rounds
from pipeline.label_sets.verify import verify
from pipeline.registry import Broken, Unknown
from pipeline.tables import STATES, read_instructions, read_table
from pipeline.tasks.registry import get_task

_WORDS = (
    ("set", "set", "{}"), ("task", "task", "{}"), ("labels", "labels", "{}"), ("unusable", "unusable", "{:.1%}"),
    ("entropy", "entropy", "{:.3f}"), ("agreement", "agreement", "{:.3f}"), ("coverage_visits", "coverage", "{:.2%}"),
    ("success", "success", "{:.1%}"), ("length", "length", "{:.1f}"), ("best", "best step", "{:.1%}"),
    ("detour", "detour", "{:.2f}"), ("ruin", "ruin", "{:.2%}"),
)  # fmt: skip


def rate(folder: Path, tasks: Sequence[str], episodes: int) -> list[dict[str, Any]]:
    """A row of figures per task of a set, which is verified first.

    tasks     only these; empty: all
    episodes  validation layouts that the teacher plays alone, where the task is installed; 0: none

    Figures that can't be had are None. Raises SetError.
    """
    verify(folder)
    facts = read_contents(folder, files_of(folder, Limits()), Limits())
    unknown = sorted(set(tasks) - {one.task for one in facts.tasks})
    if unknown:
        raise SetError(f"{folder}: has no labels of {', '.join(unknown)}")
    rows = []
    for one in facts.tasks:
        if tasks and one.task not in tasks:
            continue
        row = {"set": str(folder), **rated(one), **dict.fromkeys(("success", "length", "best", "detour", "ruin"))}
        states = folder / one.folder / "states.parquet"
        met = read_table(states, STATES).select(["state_id", "counts"]).to_pylist() if states.is_file() else []
        row["rounds"] = [asdict(each) for each in rounds(met, one.visits.keys())]
        if episodes:
            row |= _acting(one.task, folder / one.folder / "labels.parquet", episodes)
        rows.append(row)
    return rows


def _acting(name: str, labels: Path, episodes: int) -> dict[str, Any]:
    """The teacher acting alone; nothing for a task that is not installed."""
    from pipeline.analysis.acting import teacher_alone

    try:
        task = get_task(name)
    except (Unknown, Broken):
        return {}
    layouts = task.layout_seeds("validation", episodes)
    return asdict(teacher_alone(task, read_instructions(labels, name, task.grammar), layouts, 0))


def in_words(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as a table for a terminal."""
    lines = [[title for _, title, _ in _WORDS]]
    for row in rows:
        lines.append(["?" if row[key] is None else form.format(row[key]) for key, _, form in _WORDS])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) if k > 1 else cell.ljust(width) for k, (cell, width) in
                               enumerate(zip(line, widths, strict=True))) for line in lines)  # fmt: skip
