"""The provider `published`: the teacher released with the paper, as label tables that are part of this project.

`data/published/<suite>/plan_frequencies.json` holds the released figures; `publish` turns them into one label table
per task, in canonical form and judged by the task's grammar, and `published_folder` finds the table of a task.
Rebuild them with `python -m pipeline.teacher.providers.published`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.instructions import Description, rename, with_colour_roles
from pipeline.json_file import read_json
from pipeline.plan_reader import read_plan
from pipeline.tables import LABELS, label_id, read_instructions, read_table, write_table
from pipeline.tasks.base import Task
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.rows import Answer, Provenance, hardened, label_row, tally, verdict_columns
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables

PUBLISHED = Path("data/published")
SOURCE = "plan_frequencies.json"
_SOURCE_TREE = Path(__file__).resolve().parents[3]
_ROLE = re.compile(r"\bcolor\d+\b")


def ask(labelling: Labelling) -> LabelTables:
    """The published rows with the collected visit counts. What was never met stays, with count 0.

    `label.from`, where it is given, is by now the folder of the task's tables in a set that was checked.
    """
    task, settings = labelling.task.name, labelling.settings
    folder = Path(settings.from_) if settings.from_ else published_folder(task, labelling.root, settings.published)
    counts = {state.description.state_id: state.visits for state in labelling.states}
    rows = []
    for row in read_published(folder, task):
        row = {**row, "state_count": counts.get(row["state_id"], 0)}
        if settings.method == "hard":
            row = hardened(row)
        rows.append({**row, "label_id": label_id(row)})
    return LabelTables(f"published ({folder})", rows)


def published_folders(task: str, root: Path) -> dict[str, Path]:
    """The folders with a published label table of a task, by their set: those under `root`, else this program's own."""
    return _sets(root, task) or _sets(_SOURCE_TREE, task)


def _sets(base: Path, task: str) -> dict[str, Path]:
    found = sorted((base / PUBLISHED).glob(f"*/{task}/labels.parquet"))
    return {path.parent.parent.name: path.parent for path in found}


def published_folder(task: str, root: Path, wanted: str | None = None) -> Path:
    """The folder of a task's published label table: the wanted set's, under `root` or beside this program, or else the
    only one of `published_folders`.

    Raises TeacherError if there is none or more than one, naming what there is.
    """
    found = published_folders(task, root) if wanted is None else {**_sets(_SOURCE_TREE, task), **_sets(root, task)}
    names = ", ".join(sorted(found))
    if not found:
        tasks = ", ".join(sorted({path.parent.name for path in (_SOURCE_TREE / PUBLISHED).glob("*/*/labels.parquet")}))
        raise TeacherError(
            f"label.provider: published: there is no published label table for {task}; there are: {tasks}"
        )
    if wanted is None and len(found) > 1:
        raise TeacherError(f"label.published is missing: several folders of data/published label {task}: {names}")
    if wanted is not None and wanted not in found:
        raise TeacherError(f"label.published: {wanted!r} has no labels of {task}; allowed: {names}")
    return found[wanted] if wanted else next(iter(found.values()))


def read_published(folder: Path, task: str) -> list[dict[str, Any]]:
    """The rows of a task's published label table, checked. Raises TableError."""
    path = folder / "labels.parquet"
    read_instructions(path, task)
    return read_table(path, LABELS).to_pylist()


def publish(task: Task, model: str | None, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Label rows of a task from released frequencies: `{"sees": [...], "holds": ..., "plans": {text: frequency}}`.

    Colours become roles by the state's canonical form. Entries that then describe the same state are two
    measurements of one distribution, and averaged.
    """
    measured: dict[Description, list[dict[str, float]]] = {}
    for entry in entries:
        description, roles = _canonical(Description(tuple(entry["sees"]), entry["holds"]))
        plans = {_renamed(text, roles): prob for text, prob in entry["plans"].items()}
        measured.setdefault(description, []).append(plans)
    rows = []
    for description, tables in measured.items():
        mean: dict[str, float] = {}
        for plans in tables:
            for text, prob in plans.items():
                mean[text] = mean.get(text, 0.0) + prob / len(tables)
        answers = [Answer(text, read_plan(text, task.grammar, description), prob) for text, prob in mean.items()]
        provenance = Provenance("published", model_requested=model, params_requested={"averaged_entries": len(tables)})
        rows.append(
            label_row(task.name, 0, "sample", tally(description, answers), verdict_columns(answers), provenance)
        )
    return sorted(rows, key=lambda row: row["state_text"])


def _canonical(description: Description) -> tuple[Description, dict[str, str]]:
    things = [*description.sees, *([description.holds] if description.holds else [])]
    return with_colour_roles(description, sorted({role for thing in things for role in _ROLE.findall(thing)}))


def _renamed(text: str, roles: Mapping[str, str]) -> str:
    """The raw text of a plan with each colour replaced by its role; blanks and errors stay as they are."""
    return _ROLE.sub(lambda match: rename(match.group(), roles), text)


def build(folder: Path) -> dict[str, int]:
    """Write `<folder>/<task>/labels.parquet` from `<folder>/plan_frequencies.json`; rows per task."""
    content = read_json(folder / SOURCE)
    written = {}
    for table in content["tables"]:
        for name in table["tasks"]:
            rows = publish(get_task(name), table["model"], table["entries"])
            write_table(folder / name / "labels.parquet", rows, LABELS, {"source": SOURCE, "model": table["model"]})
            written[name] = len(rows)
    return written


if __name__ == "__main__":
    for source in sorted((_SOURCE_TREE / PUBLISHED).glob(f"*/{SOURCE}")):
        for task_name, count in build(source.parent).items():
            print(f"{task_name}: {count} descriptions")
