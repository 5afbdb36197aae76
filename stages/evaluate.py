"""The `evaluate` stage: held-out episodes of the students, or of the teacher alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.evaluation import evaluate_student, evaluate_teacher, evaluation_layouts
from pipeline.files import write_bytes
from pipeline.params import Params, ParamsError
from pipeline.printing import percent, span
from pipeline.registry import UNTRAINED
from pipeline.results.episodes import summaries
from pipeline.student.runs.saved import load_student, read_config
from pipeline.tables import EPISODES, read_instructions, read_table, write_table
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import SPLITS, Split

MOST_LAYOUTS = 100_000


def evaluate(task_name: str, method: str, params: Params, root: Path = Path()) -> dict[str, Any]:
    """Write data/evaluations/<task>/<method>.parquet (a row per episode) and .json (metrics); returns the metrics.

    Raises Unknown, TableError, FileNotFoundError, StudentError for what a user can mend.
    """
    task = get_task(task_name)
    settings = params.evaluate
    layouts = evaluation_layouts(task, settings.episodes)
    rows: list[dict[str, Any]] = []
    if method == UNTRAINED:
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


def evaluate_saved(
    task_name: str, folder: Path, layouts: str | None, split: Split | None, params: Params
) -> tuple[dict[str, Any], dict[Split, int]]:
    """Play layouts with one saved student and write nothing.

    Returns the metrics by way of acting, and how many of the layouts are of each split.

    layouts  seeds in words, see `layout_seeds`; None: the first `evaluate.episodes` of the split
    split    plays layouts of this split only; None: all that `layouts` names, or test ones
    Raises Unknown, ParamsError, FileNotFoundError, StudentError for what a user can mend.
    """
    task, settings = get_task(task_name), params.evaluate
    seeds = evaluation_layouts(task, settings.episodes, split or "test") if layouts is None else layout_seeds(layouts)
    splits = np.array(task.splits(seeds))
    if split is not None:
        seeds, splits = seeds[splits == split], splits[splits == split]
    if not len(seeds):
        raise ParamsError(f"--split: none of the layouts {layouts} is a {split} one")
    student = load_student(task, folder)
    about = {"task": task_name, "method": read_config(folder).get("method", "student"), "seed": 0}
    rows = [
        {**about, "split": str(where), **row}
        for acting in settings.acting
        for where, row in zip(splits, evaluate_student(task, student, seeds, acting, settings.seed), strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=EPISODES)
    counts = {where: int((splits == where).sum()) for where in SPLITS}
    return {summary.acting: summary.metrics() for summary in summaries(table)}, counts


def layout_seeds(words: str) -> np.ndarray:
    """Seeds such as `0-99` or `3,17,100-120` as uint32[seeds]. Raises ParamsError for anything else."""
    seeds: list[int] = []
    for part in words.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) >= 2**32:
            raise ParamsError(f"--layouts: {part.strip()!r} is no seed; wanted such as 0-99 or 3,17, below 2^32")
        if int(last or first) - int(first) < MOST_LAYOUTS:
            seeds.extend(range(int(first), int(last or first) + 1))
        else:
            raise ParamsError(f"--layouts: {part.strip()}: more than {MOST_LAYOUTS} layouts")
    if not seeds:
        raise ParamsError(f"--layouts: {words!r} names no layout")
    return np.array(seeds, np.uint32)


def in_words(who: str, metrics: dict[str, Any]) -> list[str]:
    """The metrics, a line per way of acting."""
    return [
        f"{who}, {acting}: success {percent(values['success'])} "
        f"({span(values['success_low'], values['success_high'])}), length {values['length']:.1f}, "
        f"return {values['return']:.2f}"
        for acting, values in metrics.items()
    ]


def layouts_in_words(counts: dict[Split, int]) -> str:
    """How many layouts of each split were played."""
    played = ", ".join(f"{count} {split}" for split, count in counts.items() if count)
    return f"layouts: {played}" + ("; --split test plays held-out ones only" if counts["train"] else "")
