"""What an experiment is: a question, tasks, and variants of how a student is taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.experiments.label_changes import LabelChange
from pipeline.params import Params, Schedule
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.methods.method import get_method


@dataclass(frozen=True)
class Times:
    """So many times what a key of the schedule in params.yaml says; the key `steps` is all its environment steps."""

    factor: float
    key: str


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to teach a student: what differs from params.yaml, beside the settings its method was tuned with.

    method    the name of a method that trains students
    schedule  changes to the schedule's keys, as values or as `Times`; `steps` stands for the environment steps of both
              phases together
    train     changes to the `train` section's keys
    labels    what is done to the label table first
    """

    name: str
    method: str = LLM4Teach.name
    schedule: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    labels: LabelChange | None = None

    def applied(self, schedule: Schedule) -> Schedule:
        """The schedule of params.yaml as this variant has it."""
        return applied(schedule, {**get_method(self.method).tuned, **self.schedule})


@dataclass(frozen=True, eq=False)
class Experiment:
    """A named experiment.

    question   what its figure answers
    paper      where the paper asks it; empty: nowhere
    tasks      on which it is made, where params.yaml has them; none: on all tasks of params.yaml
    reference  the variant that the others are compared with; none: the first one
    command    what a user types to run it
    seeds      students of each variant on each task; three are too few to tell ratios from chance (`ratio_interval`)
    """

    name: str
    question: str
    paper: str
    tasks: tuple[str, ...]
    variants: tuple[Variant, ...]
    reference: Variant | None = None
    command: str = "make paper"
    seeds: int = 5

    @property
    def basis(self) -> Variant:
        """The variant that the others are compared with."""
        return self.reference or self.variants[0]

    def tasks_of(self, params: Params) -> list[str]:
        """On which of the params' tasks it is made."""
        return [task for task in self.tasks or params.tasks if task in params.tasks]


def applied(schedule: Schedule, changes: Mapping[str, Any]) -> Schedule:
    """A schedule with changes (see `Variant`), checked anew; `steps` sets how long the teacher-free phase lasts."""
    before = {**schedule.model_dump(), "steps": schedule.iterations * schedule.steps}
    new = {key: v.factor * before[v.key] if isinstance(v, Times) else v for key, v in changes.items()}
    steps = new.pop("steps", None)
    changed = Schedule.model_validate({**schedule.model_dump(), **new})
    if steps is None:
        return changed
    iterations = round(steps / changed.steps)
    return changed.model_copy(update={"finetune": max(0, iterations - changed.taught) * changed.units})
