"""Where students leave their teacher, and whether they are right to: by description, over the students' own episodes.

A student departs in a step if the action it finds most probable is one that the teacher gives less than 5%. The
departure is judged against the teacher's most probable action by the shortest ways to success of one who knows the
whole layout (turns count):

better   the student's action comes nearer to success, the teacher's does not
worse    the other way round
both     both come nearer: there are several shortest ways
neither  neither does, as when both search; full information can't say who searches better
spared   (counted besides) the teacher's action would have been death, the student's is not
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.analysis.rollouts import Actor, rollouts
from pipeline.instructions import SoftInstruction
from pipeline.student.student import Student
from pipeline.tasks.base import Batch, Task
from pipeline.tasks.outlook import Outlook

RARE = 0.05
"""What the teacher gives less than this, it does not advise."""
VERDICTS = ("better", "worse", "both", "neither")
SHOWN = 8
"""Descriptions in the table, those with the most departures."""


@dataclass
class Tally:
    """Counts of steps in states with one description."""

    steps: int = 0
    unadvised: int = 0
    departed: int = 0
    spared: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    changes: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.steps += other.steps
        self.unadvised += other.unadvised
        self.departed += other.departed
        self.spared += other.spared
        self.verdicts += other.verdicts
        self.changes += other.changes


def tally(outlook: Outlook, teacher: np.ndarray, likeliest: np.ndarray, sampled: np.ndarray) -> Tally:
    """Count the departures in labelled states.

    teacher    float[n, actions]  Eq. 1
    likeliest  int[n]  the student's most probable action
    sampled    int[n]  the action it drew, whose share of rare ones estimates the mass it puts on them
    """
    row = np.arange(len(likeliest))
    advised = teacher.argmax(axis=1)
    departed = teacher[row, likeliest] < RARE
    student_nearer, teacher_nearer = outlook.shortens[row, likeliest], outlook.shortens[row, advised]
    only = [student_nearer & ~teacher_nearer, ~student_nearer & teacher_nearer]
    kinds = np.select([*only, student_nearer], [0, 1, 2], 3)
    spared = departed & (outlook.after[row, advised] < 0) & (outlook.after[row, likeliest] >= 0)
    return Tally(
        len(likeliest),
        int((teacher[row, sampled] < RARE).sum()),
        int(departed.sum()),
        int(spared.sum()),
        Counter(VERDICTS[k] for k in kinds[departed]),
        Counter(zip(advised[departed].tolist(), likeliest[departed].tolist(), strict=True)),
    )


def count_departures(
    task: Task,
    students: Sequence[Student],
    instructions: Mapping[str, SoftInstruction],
    layouts: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    """Play the layouts (uint32[episodes]) with each student, acting by sampling, and count where it departs.

    Returns `students`, `episodes` (of all students), `unlabelled_steps`, `total` (see `_figures`) and `descriptions`:
    the same figures of the SHOWN descriptions with the most departures, with the `description` in words.
    """
    tallies: dict[str, Tally] = {}
    unlabelled = 0
    for number, student in enumerate(students):
        for batch, step in rollouts(task, instructions, layouts, _by_student(student), seed + number):
            unlabelled += int((~step.labelled).sum())
            for d in np.unique(step.description[step.labelled]):
                here = step.labelled & (step.description == d)
                o = step.outlook
                outlook = Outlook(o.after[here], o.effect[here], o.handles[here], o.known[here])
                counted = tally(outlook, step.teacher[here], step.likeliest[here], step.actions[here])
                tallies.setdefault(batch.descriptions[d].sentence, Tally()).add(counted)
    total = Tally()
    for each in tallies.values():
        total.add(each)
    most = sorted(tallies.items(), key=lambda item: (-item[1].departed, item[0]))[:SHOWN]
    return {
        "students": len(students),
        "episodes": len(students) * len(layouts),
        "unlabelled_steps": unlabelled,
        "total": _figures(total, task.space.names),
        "descriptions": [
            {"description": text, **_figures(each, task.space.names)} for text, each in most if each.departed
        ],
    }


def _by_student(student: Student) -> Callable[[Batch], Actor]:
    """A student from the start of its episodes to their end."""

    def make(batch: Batch) -> Actor:
        rows = batch.rows
        features, memory = student.features(rows), student.memory(rows)
        log_probs, values = np.zeros(rows, np.float32), np.zeros(rows, np.float32)

        def act(batch: Batch, uniforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            likeliest, drawn = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
            student.encode(batch.observation, features, memory)
            aside = {name: array.copy() for name, array in memory.items()}  # acting moves a memory on
            student.act(features, None, likeliest, log_probs, values, aside)
            student.act(features, uniforms, drawn, log_probs, values, memory)
            return likeliest, drawn

        return act

    return make


def _figures(counted: Tally, actions: Sequence[str]) -> dict[str, Any]:
    """`steps`; `mass` on actions that the teacher gives less than RARE; `departed`, the share of steps; each verdict
    and `spared` as a share of the departures; and the most frequent change of action, `advised` and `done`."""
    departures = max(1, counted.departed)
    (advised, done), _ = counted.changes.most_common(1)[0] if counted.changes else ((None, None), 0)
    return {
        "steps": counted.steps,
        "mass": counted.unadvised / max(1, counted.steps),
        "departures": counted.departed,
        "departed": counted.departed / max(1, counted.steps),
        **{verdict: counted.verdicts[verdict] / departures for verdict in VERDICTS},
        "spared": counted.spared / departures,
        "advised": None if advised is None else actions[advised],
        "done": None if done is None else actions[done],
    }
