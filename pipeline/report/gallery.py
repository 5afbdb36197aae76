"""Films of failed episodes: each is played again exactly as it was evaluated."""

from __future__ import annotations

import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

from pipeline.params import Params
from pipeline.report.analysis import Failure, chosen_failures
from pipeline.report.films import film
from pipeline.tasks.registry import get_task


def gallery(
    task_name: str, failures: dict[str, Any], params: Params, data: Path, folder: Path, done: Container[Path]
) -> list[Failure]:
    """Film the worst failures of one task's students (see `chosen_failures`) into a folder; [] if none can be filmed.

    Students that are gone since the analysis, or trained anew and now successful, are passed over. Raises StudentError
    for a broken one.
    """
    chosen, task = chosen_failures(failures), get_task(task_name)
    if not chosen or task.agents > 1:
        return []
    from pipeline.analysis.failures import replayed_actions, scripted
    from pipeline.analysis.students import taught_students
    from pipeline.evaluation import evaluation_layouts
    from pipeline.student.runs.saved import load_student

    print(f"report: {task_name}: failure gallery", file=sys.stderr)
    students = {student.seed: student.folder for student in taught_students(data, task_name, done)}
    layouts = evaluation_layouts(task, params.evaluate.episodes)
    films = []
    for acting, layout, count in chosen:
        place, seed = layout["layout_seed"], layout["failed"][0]
        if seed not in students or place not in layouts:
            continue
        student = load_student(task, students[seed])
        actions = replayed_actions(task, student, layouts, [place], acting, params.evaluate.seed + seed)[place]
        path = folder / f"{task_name}-failure-{place}-{acting}.gif"
        outcome = film(task, scripted(actions), place, path)
        if outcome is None:  # the task can't be filmed
            return []
        if outcome["success"]:
            path.unlink()
            continue
        typed = students[seed].relative_to(data.parent)
        films.append(Failure(task_name, place, acting, len(layout["failed"]), count, seed, typed, path, outcome))
    return films
