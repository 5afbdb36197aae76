"""Closing the loop: the states that students met come back into the table that the teacher is asked about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.collection import MetState, as_rows, visit
from pipeline.evaluation import student_choice
from pipeline.instructions import Description
from pipeline.params import Collect
from pipeline.student.policies import policy_of
from pipeline.student.runs.saved import CONFIG, StudentError, load_student
from pipeline.student.student import Student
from pipeline.tables import STATES, read_table
from pipeline.tasks.base import Task

UNLABELLED = "unlabelled.json"
ROUND = "students"
"""What the behaviours of students are called: `students 1`, `students 2`, … by round."""


def with_run(task: Task, path: Path, run: Path, settings: Collect) -> tuple[list[dict[str, Any]], int]:
    """The rows of a states table with what the students of a run met, and how many of them are new.

    path  the table, as collecting or the round before wrote it
    run   the folder of a `train` stage's students, a folder per seed, with their `unlabelled.json`

    The students act by sampling for `settings.steps` steps in all, on training layouts. A description that they met
    without a label while they learned, and don't meet any more, has the count of then and no examples.
    """
    rows = read_table(path, STATES).to_pylist()
    known = {one["behaviour"] for row in rows for one in row["counts"]}
    behaviour = f"{ROUND} {1 + sum(name.startswith(f'{ROUND} ') for name in known)}"
    folders = sorted(place.parent for place in run.glob(f"*/{CONFIG}"))
    if not folders:
        raise FileNotFoundError(f"{run}: there are no students; wanted the folder that `llm4teach train` writes")
    met = students_met(task, [load_student(task, folder) for folder in folders], settings, behaviour)
    for description, count in _unlabelled(run / UNLABELLED).items():
        state = met.setdefault(description, MetState(description))
        state.counts[behaviour] = max(state.counts[behaviour], count)
    by_id = {row["state_id"]: row for row in rows}
    found = as_rows(task, met.values())
    for row in found:
        before = by_id.get(row["state_id"])
        if before is not None:
            row = {
                **before,
                "state_count": before["state_count"] + row["state_count"],
                "counts": [*before["counts"], *row["counts"]],
            }
        by_id[row["state_id"]] = row
    ordered = sorted(by_id.values(), key=lambda row: (-row["state_count"], row["state_text"]))
    return ordered, len(ordered) - len(rows)


def students_met(
    task: Task, students: Sequence[Student], settings: Collect, behaviour: str
) -> dict[Description, MetState]:
    """Every description that students meet in `settings.steps` steps of training layouts, all students together."""
    met: dict[Description, MetState] = {}
    rng = np.random.default_rng(settings.seed)
    policy = policy_of(task.space)
    for student in students:
        batch = task.make_batch(settings.envs, int(rng.integers(2**31)), None, "train")
        left = max(1, settings.steps // batch.environments // len(students))
        while left > 0:
            batch.reset()
            choose = student_choice(student, batch.rows)  # from the start of episodes, as a memory has to be
            for _ in range(min(left, task.horizon)):
                visit(batch, behaviour, rng, met)
                batch.step(choose(batch, policy.noise(rng, batch.rows)))
            left -= task.horizon
    return met


def _unlabelled(path: Path) -> dict[Description, int]:
    """What students met without a label while they learned. Raises FileNotFoundError or StudentError."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; `llm4teach train` writes it")
    try:
        content = json.loads(path.read_text())
        return {Description.from_sentence(sentence): int(count) for sentence, count in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise StudentError(f"{path}: wanted descriptions and how often each was met ({error})") from None
