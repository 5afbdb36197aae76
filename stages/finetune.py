"""The `finetune` stage: the teacher-free phase, PPO alone from the saved students."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.fan_out import fan_out
from pipeline.params import Params
from pipeline.student.runs.run import Run, carry_out
from pipeline.student.runs.saved import read_config
from pipeline.tasks.forecast import say_how_long
from pipeline.tasks.registry import get_task


def finetune(task_name: str, method: str, params: Params, root: Path = Path()) -> list[dict[str, Any]]:
    """Read the students in taught/<seed>/, write final/<seed>/; returns each one's last curve row.

    Raises Unknown, FileNotFoundError, StudentError, ParamsError for what a user can mend, Interrupted after Ctrl-C.
    """
    task = get_task(task_name)
    folder = root / "data/students" / task_name / method
    runs = [
        Run(
            task=task_name,
            method=method,
            phase="finetune",
            seed=seed,
            schedule_name=params.train.schedule,
            schedule=params.schedule,
            train=params.train,
            labels=None,
            states=None,
            start=folder / "taught" / str(seed),
            out=folder / "final" / str(seed),
            root=root,
        )
        for seed in range(params.seeds)
    ]
    for run in runs:
        read_config(folder / "taught" / str(run.seed))  # before hours of work on the others, not after
    untaught = params.schedule.iterations - params.schedule.taught
    say_how_long(task, params.seeds * untaught * params.schedule.steps)
    results = fan_out(runs, carry_out, f"finetune {task_name} {method}")
    print(f"{task_name} {method}: {len(runs)} students finished after {params.schedule.iterations} iterations")
    return results
