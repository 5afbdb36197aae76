"""The `train` stage: PPO with the annealed teacher loss, until the annealing ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.fan_out import fan_out
from pipeline.files import write_bytes
from pipeline.label_sets.folder import folder_of
from pipeline.params import Params
from pipeline.student.methods.method import get_method
from pipeline.student.runs.run import Run, carry_out
from pipeline.tables import read_instructions
from pipeline.tasks.forecast import say_how_long
from pipeline.tasks.registry import get_task


def train(
    task_name: str, method: str, params: Params, root: Path = Path(), label_set: Path | None = None
) -> list[dict[str, Any]]:
    """Write data/students/<task>/<method>/taught/<seed>/ for every seed; returns each one's last curve row.

    label_set  folder of a label set to learn from; None: what the stage `label` wrote

    Raises Unknown, TableError, ParamsError for what a user can mend, Interrupted after Ctrl-C.
    """
    task = get_task(task_name)
    labels = None
    if get_method(method).needs_labels:
        place = root / "data/labels" / task_name if label_set is None else label_set / folder_of(task_name)
        labels = read_instructions(place / "labels.parquet", task_name, task.grammar)
    folder = root / "data/students" / task_name / method / "taught"
    runs = [
        Run(
            task=task_name,
            method=method,
            phase="train",
            seed=seed,
            schedule_name=params.train.schedule,
            schedule=params.schedule,
            train=params.train,
            labels=labels,
            states=root / "data/states" / f"{task_name}.parquet",
            start=None,
            out=folder / str(seed),
            root=root,
        )
        for seed in range(params.seeds)
    ]
    say_how_long(task, params.seeds * params.schedule.taught * params.schedule.steps)
    results = fan_out(runs, carry_out, f"train {task_name} {method}")
    missed: dict[str, int] = {}
    for result in results:
        for sentence, count in result["unlabelled"].items():
            missed[sentence] = missed.get(sentence, 0) + count
    write_bytes(folder / "unlabelled.json", (json.dumps(missed, indent=1) + "\n").encode())
    print(f"{task_name} {method}: {len(runs)} students taught for {params.schedule.taught} iterations")
    if missed:
        print(
            f"{task_name} {method}: {len(missed)} descriptions without a label were met, see {folder}/unlabelled.json"
        )
    return results
