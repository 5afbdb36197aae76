"""All of params.yaml, and how it is read."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.params.collect import Collect
from pipeline.params.evaluate import Evaluate
from pipeline.params.faults import explain
from pipeline.params.label import Label
from pipeline.params.schedule import Schedule
from pipeline.params.section import Distinct, ParamsError, Section
from pipeline.params.train import Train
from pipeline.registry import METHODS, TASKS, UNTRAINED
from pipeline.yaml_file import YamlError, read_yaml


class Params(Section):
    """All of params.yaml.

    tasks      what is learned
    methods    the students to train; the untrained teacher (`llm`) is evaluated beside them
    seeds      students per task and method, with seeds 0..seeds-1
    """

    tasks: Distinct[str]
    methods: Distinct[str]
    seeds: int = Field(ge=1, le=1000)
    collect: Collect
    label: Label
    train: Train
    schedules: dict[str, Schedule] = Field(min_length=1)
    evaluate: Evaluate

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: list[str]) -> list[str]:
        for task in tasks:
            if task not in TASKS:
                raise ValueError(f"unknown task {task!r}; allowed: {TASKS.allowed()}")
        return tasks

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, methods: list[str]) -> list[str]:
        allowed = [name for name in METHODS.names() if name != UNTRAINED]
        for method in methods:
            if method not in allowed:
                raise ValueError(f"unknown method {method!r}; allowed: {', '.join(allowed)}")
        return methods

    @model_validator(mode="after")
    def _known_schedule(self) -> Params:
        if self.train.schedule not in self.schedules:
            allowed = ", ".join(self.schedules)
            raise ValueError(f"train.schedule: unknown schedule {self.train.schedule!r}; allowed: {allowed}")
        return self

    @property
    def schedule(self) -> Schedule:
        """The schedule that `train` follows."""
        return self.schedules[self.train.schedule]


def load_params(path: Path) -> Params:
    """Read and check a params file. Raises ParamsError with one line per fault."""
    try:
        content = read_yaml(path)
    except YamlError as error:
        raise ParamsError(str(error)) from None
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: wanted keys and values, found {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError("\n".join(f"{path}: {explain(fault, Params)}" for fault in error.errors())) from None
