"""What a method is: who teaches a student, what labels that takes, and how the method is shown.

A method of one's own is a class and an entry point in the group `llm4teach.methods`; params, commands, experiments and
the report then know it by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.params import Schedule, Train
from pipeline.registry import METHODS, UNTRAINED
from pipeline.student.student import Reduce, Rollout, Student, UpdateSettings
from pipeline.tasks.base import Batch, Task


@dataclass(frozen=True)
class Lesson:
    """What teaching has to do with: one student, one batch of environments.

    rng  of the teaching's own random numbers
    """

    task: Task
    train: Train
    schedule: Schedule
    batch: Batch
    rng: np.random.Generator


class Teaching:
    """Who teaches one student while it learns.

    unlabelled  how often each description (by its number in the batch) was met for which there was no advice
    """

    def __init__(self) -> None:
        self.unlabelled: Counter[int] = Counter()

    def advise(self, step: int, batch: Batch, teacher: np.ndarray, labelled: np.ndarray) -> None:
        """Advice for the batch's present states, at a step of the rollout: the teacher policy of Eq. 1.

        Fills teacher (float32[rows, *Space.teacher_shape]) and labelled (bool[rows]): False where there is none.
        """
        raise NotImplementedError

    def conclude(self, rollout: Rollout) -> None:
        """A rollout is complete: advice that is given for all its states at once goes into its arrays."""

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> None:
        """Learn from a rollout oneself, after the student has."""

    def state(self) -> dict[str, np.ndarray]:
        """What decides the future of the teaching, for a checkpoint."""
        return {}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""


class Method:
    """A way to make an agent.

    name          in params.yaml and on the command line
    title         in tables and figures
    needs_labels  whether the label table is read
    tuned         schedule settings in which it does better than with the shared ones, if it was tuned on its own
    colour        of its curves on a light and on a dark ground; None: one that is left
    line          of its curves, as matplotlib says it
    """

    name: ClassVar[str]
    title: ClassVar[str]
    needs_labels: ClassVar[bool] = False
    tuned: ClassVar[Mapping[str, float]] = {}
    colour: ClassVar[tuple[str, str] | None] = None
    line: ClassVar[str] = "-"

    @property
    def trained(self) -> bool:
        """Whether it has students; the teacher alone has none."""
        return self.name != UNTRAINED

    def teaching(self, lesson: Lesson) -> Teaching | None:  # noqa: ARG002
        """Who teaches a student of this method; None: nobody does, and lambda is 0."""
        return None

    def update(
        self,
        student: Student,
        rollout: Rollout,
        orders: np.ndarray,
        settings: UpdateSettings,
        reduce: Reduce | None = None,
    ) -> dict[str, float]:
        """The student learns from a rollout; see `Student.update`. Eq. 2, unless the method learns otherwise."""
        return student.update(rollout, orders, settings, reduce)


def get_method(name: str) -> Method:
    """The method of that name. Raises Unknown, naming those there are, or Broken."""

    def usable(kind: type[Method]) -> Method:
        made = kind()
        if not isinstance(made, Method):
            raise TypeError(f"made {made!r}, which is no Method")
        if made.name != name:
            raise ValueError(f"its name is {made.name!r}; wanted that of the entry point, {name!r}")
        return made

    method: Method = METHODS.get(name, usable)
    return method


def method_names(trained_only: bool = False) -> list[str]:
    """All registered methods, in the order of the paper's table, and those of installed packages after them."""
    return [name for name in METHODS.names() if not trained_only or name != UNTRAINED]
