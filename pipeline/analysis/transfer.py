"""Students of one task on the layouts of another: what they learned beyond what they were taught.

A student sees the other task with its own eyes: cells that its task doesn't have are whatever its network was made to
take them for (`CellMap.kinds`; without colours, a red key is a key), or nothing it was ever trained on, like lava
to a student of SimpleDoorKey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.evaluation import evaluate_student
from pipeline.results.episodes import summaries
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.student import Student
from pipeline.tables import EPISODES
from pipeline.tasks.base import Task
from pipeline.tasks.spaces import CellMap


def transferable(source: Task, target: Task) -> bool:
    """Whether students of one task can act in the other: same suite, same actions, same kind of map."""
    return source.suite == target.suite and source.space == target.space and _is_map(source) and _is_map(target)


def _is_map(task: Task) -> bool:
    return isinstance(task.observation_space.spaces.get("map"), CellMap)


def transfer(
    tasks: Mapping[str, Task], students: Mapping[str, Sequence[Student]], layouts: Mapping[str, np.ndarray], seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Evaluate the students of each task on every task (its layouts uint32[episodes]), acting by sampling.

    Returns, by the task that students were trained on and by the one that they played: `students`, `success` with
    `success_low` and `success_high` (95% interval), `length`, `return`.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for source, own in students.items():
        for target, task in tasks.items():
            if not own or not transferable(tasks[source], task):
                continue
            about = {"task": target, "method": LLM4Teach.name, "split": "test"}
            episodes = [
                {**about, "seed": number, **row}
                for number, student in enumerate(own)
                for row in evaluate_student(task, student, layouts[target], "sampled", seed + number)
            ]
            (summary,) = summaries(pa.Table.from_pylist(episodes, schema=EPISODES))
            figures = summary.metrics()
            kept = ("success", "success_low", "success_high", "length", "return")
            found.setdefault(source, {})[target] = {"students": len(own), **{name: figures[name] for name in kept}}
    return found
