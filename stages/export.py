"""`llm4teach export`: a saved student as one file that goes elsewhere."""

from __future__ import annotations

from pathlib import Path

from pipeline.export.page import page
from pipeline.files import write_bytes
from pipeline.label_sets.folder import folder_of
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task


def export(task_name: str, student: Path, out: Path, label_set: Path | None = None, root: Path = Path()) -> None:
    """Write a student's page.

    label_set  whose plans the page shows; None: those that the stage `label` wrote, if there are any

    Raises Unknown, FileNotFoundError, StudentError, TableError.
    """
    task = get_task(task_name)
    place = root / "data/labels" / task_name if label_set is None else label_set / folder_of(task_name)
    labels = place / "labels.parquet"
    known = label_set is not None or labels.is_file()
    text = page(task, student, read_instructions(labels, task_name, task.grammar) if known else {})
    write_bytes(out, text.encode())
    print(f"{out}: {len(text.encode()) / 1000:.0f} kB, opens in any browser")
