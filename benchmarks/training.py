"""Training as the stages do it, but in memory: with the teacher, then without, iteration by iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from benchmarks.measure import ROOT
from pipeline.instructions import SoftInstruction
from pipeline.params import Params, Train, load_params
from pipeline.student.learner import Learner, Phase
from pipeline.student.make import make_student
from pipeline.student.methods.method import get_method
from pipeline.tasks.base import Task


def read_params(schedule: str | None, network: str) -> Params:
    """This project's params.yaml, with another schedule or network."""
    params = load_params(ROOT / "params.yaml")
    changes = {"network": network} | ({} if schedule is None else {"schedule": schedule})
    train = Train.model_validate(params.train.model_dump() | changes)
    return Params.model_validate(params.model_dump() | {"train": train.model_dump()})


def iterations(
    task: Task,
    params: Params,
    instructions: Mapping[str, SoftInstruction] | None,
    seed: int,
    prepare: Callable[[Learner], None] = lambda _: None,
    method: str = "llm4teach",
) -> Iterator[tuple[Learner, dict[str, float]]]:
    """Yields the learner and the curve row after each iteration of both phases; `seconds` counts all iterations.

    instructions  the label table; None for a method without one
    prepare       called with the learner of each phase before its first iteration
    """
    schedule = params.schedule
    before: Learner | None = None
    for name, labels in (("train", instructions), ("finetune", None)):
        phase = Phase.of(name, schedule)
        make = partial(make_student, task, params.train)
        learner = Learner(task, get_method(method), params.train, schedule, phase, make, labels, seed)
        if before is not None:
            learner.student.load_weights(before.student.weights())
            learner.student.load_optimiser(before.student.optimiser())
            learner.load_environments(before.environments())
            learner.seconds = before.seconds
        prepare(learner)
        while not learner.done:
            yield learner, learner.iterate()
        before = learner


def warm_up(task: Task, params: Params, instructions: Mapping[str, SoftInstruction]) -> None:
    """Load (or compile) all code of training, so that it isn't measured."""
    few = {name: s.model_copy(update={"i1": 1, "i2": 1, "finetune": 1}) for name, s in params.schedules.items()}
    for _ in iterations(task, params.model_copy(update={"schedules": few}), instructions, seed=0):
        pass
