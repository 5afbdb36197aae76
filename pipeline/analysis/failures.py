"""The failure gallery: held-out layouts on which most students fail, and their failed episodes, to be seen again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.evaluation import student_choice
from pipeline.student.policies import policy_of
from pipeline.student.student import Student
from pipeline.tasks.base import Task

SHOWN = 3
"""Layouts in the gallery of one task."""


def failing_layouts(episodes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """From EPISODES rows of several students that act in one way, the layouts with failures, most failures first.

    Returns `students`; `episodes`; `failures`; `most`, on how many layouts more than half of the students fail; and
    `layouts`: the first SHOWN with `layout_seed`, `failed` (seeds of the students) and `ends`.
    """
    failed: dict[int, list[tuple[int, str]]] = {}
    students: set[int] = set()
    count = 0
    for row in episodes:
        students.add(row["seed"])
        count += 1
        if not row["success"]:
            failed.setdefault(row["layout_seed"], []).append((row["seed"], row["end"]))
    ranked = sorted(failed.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        "students": len(students),
        "episodes": count,
        "failures": sum(len(each) for each in failed.values()),
        "most": sum(2 * len(each) > len(students) for each in failed.values()),
        "layouts": [
            {"layout_seed": layout, "failed": [seed for seed, _ in each], "ends": [end for _, end in each]}
            for layout, each in ranked[:SHOWN]
        ],
    }


def replayed_actions(
    task: Task, student: Student, layouts: np.ndarray, wanted: Sequence[int], acting: str, seed: int
) -> dict[int, list[Any]]:
    """The actions of a student's evaluation on some of its layouts, found by playing all of it again; one agent each.

    layouts  uint32[episodes], `acting` and `seed` as they were in the evaluation (`evaluation.play`)
    Returns layout seed -> actions up to the horizon; those after an episode's end are the next one's.
    """
    rows = [int(np.flatnonzero(layouts == layout)[0]) for layout in wanted]
    batch = task.make_batch(len(layouts), 0, None, None)
    batch.reset(layouts)
    choose = student_choice(student, batch.rows)
    rng, policy = np.random.default_rng(seed), policy_of(task.space)
    taken: dict[int, list[Any]] = {int(layout): [] for layout in wanted}
    for _ in range(task.horizon):
        noise = policy.noise(rng, batch.rows)
        actions = choose(batch, noise if acting == "sampled" else None)
        for layout, row in zip(taken, rows, strict=True):
            taken[layout].append(task.space.action(actions[row]))
        batch.step(actions)
    return taken


def scripted(actions: Sequence[Any]) -> Callable[[Any], Any]:
    """An actor that takes these actions one after the other, whatever it sees."""
    remaining = iter(actions)
    return lambda _: next(remaining)
