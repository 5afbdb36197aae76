"""The `evaluate` stage: held-out episodes of the students, or of the teacher alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.evaluation import evaluate_student, evaluate_teacher, evaluation_layouts
from pipeline.files import write_bytes
from pipeline.params import Params
from pipeline.report.episodes import summaries
from pipeline.student.saved import load_student
from pipeline.tables import EPISODES, read_instructions, read_table, write_table
from pipeline.tasks.base import get_task


def evaluate(task_name: str, method: str, params: Params, root: Path = Path()) -> dict[str, Any]:
    """Write data/evaluations/<task>/<method>.parquet (a row per episode) and .json (metrics); returns the metrics.

    Raises UnknownTask, TableError, FileNotFoundError, StudentError for what a user can mend.
    """
    task = get_task(task_name)
    settings = params.evaluate
    layouts = evaluation_layouts(task, settings.episodes)
    rows: list[dict[str, Any]] = []
    if method == "llm":
        path = root / "data/labels" / task_name / "labels.parquet"
        labels = read_instructions(path, task_name, task.grammar)
        for acting in settings.acting:
            rows += [{"seed": None, **row} for row in evaluate_teacher(task, labels, layouts, acting, settings.seed)]
    else:
        for seed in range(params.seeds):
            student = load_student(task, root / "data/students" / task_name / method / "final" / str(seed))
            for acting in settings.acting:
                episodes = evaluate_student(task, student, layouts, acting, settings.seed + seed)
                rows += [{"seed": seed, **row} for row in episodes]
    for row in rows:
        row.update(task=task_name, method=method, split="test")
    path = root / "data/evaluations" / task_name / f"{method}.parquet"
    write_table(path, rows, EPISODES, settings.model_dump())
    metrics = {summary.acting: summary.metrics() for summary in summaries(read_table(path, EPISODES))}
    write_bytes(path.with_suffix(".json"), (json.dumps(metrics, indent=1) + "\n").encode())
    return metrics
