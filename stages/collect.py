"""The `collect` stage: rolls out behaviours and keeps each distinct state description once."""

from __future__ import annotations

from pathlib import Path

from pipeline.collection import collect_states
from pipeline.params import Params
from pipeline.student.make import check_learnable
from pipeline.tables import STATES, write_table
from pipeline.tasks.check import require_sound
from pipeline.tasks.forecast import say_how_long
from pipeline.tasks.registry import get_task


def collect(task_name: str, params: Params, root: Path = Path()) -> Path:
    """Write data/states/<task>.parquet, one row per distinct description.

    Raises Unknown, TaskFault for a task that is not what it says, ParamsError for one that students can't learn.
    """
    task = get_task(task_name)
    require_sound(task, task_name)
    check_learnable(task, params.train)
    say_how_long(task, params.collect.steps * len(params.collect.behaviours))
    rows = collect_states(task, params.collect)
    path = root / "data/states" / f"{task_name}.parquet"
    write_table(path, rows, STATES, params.collect.model_dump())
    visits = sum(row["state_count"] for row in rows)
    print(f"{task_name}: {len(rows)} distinct descriptions in {visits:,} states")
    return path
