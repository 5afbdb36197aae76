"""The `collect` stage: rolls out behaviours and keeps each distinct state description once."""

from __future__ import annotations

from pathlib import Path

from pipeline.collection import collect_states
from pipeline.params import Params
from pipeline.rounds import with_run
from pipeline.student.make import check_learnable
from pipeline.tables import STATES, write_table
from pipeline.tasks.check import require_sound
from pipeline.tasks.forecast import say_how_long
from pipeline.tasks.registry import get_task


def collect(task_name: str, params: Params, root: Path = Path(), run: Path | None = None) -> Path:
    """Write data/states/<task>.parquet, one row per distinct description.

    run  a folder of taught students (data/students/<task>/<method>/taught): what they meet, and what they met in
         training and had no label, is added to the table as one more behaviour

    Raises Unknown, TaskFault for a task that is not what it says, ParamsError for one that students can't learn, and
    for a run TableError, StudentError or FileNotFoundError for what is not there or broken.
    """
    task = get_task(task_name)
    require_sound(task, task_name)
    check_learnable(task, params.train)
    path = root / "data/states" / f"{task_name}.parquet"
    if run is None:
        say_how_long(task, params.collect.steps * len(params.collect.behaviours))
        rows = collect_states(task, params.collect)
        more = ""
    else:
        rows, new = with_run(task, path, run, params.collect)
        more = f", {new} of them new"
    write_table(path, rows, STATES, params.collect.model_dump())
    visits = sum(row["state_count"] for row in rows)
    print(f"{task_name}: {len(rows)} distinct descriptions in {visits:,} states{more}")
    return path
