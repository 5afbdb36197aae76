"""One labelling: what is asked about which states, where its answers are kept, and the tables that they become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.answers.ledger import Ledger, ledger_path
from pipeline.teacher.asking.requests import Request
from pipeline.teacher.methods import Method, make_method
from pipeline.teacher.states import State


@dataclass(frozen=True)
class LabelTables:
    """The rows of the three tables that a labelling writes; each may be a stream that is read once.

    source  who answered, in words
    """

    source: str
    labels: Iterable[dict[str, Any]]
    responses: Iterable[dict[str, Any]] = ()
    prompts: Iterable[dict[str, Any]] = ()


@dataclass(frozen=True)
class Labelling:
    """What a provider is given: a task, the states to label, the settings, and the project's folder."""

    task: Task
    states: Sequence[State]
    settings: Label
    root: Path

    @cached_property
    def method(self) -> Method:
        """How states are asked about. Raises TeacherError for a prompt or a body that can't be used."""
        return make_method(self.task, self.settings, self.root)

    @cached_property
    def ledger(self) -> Ledger:
        """Where answers are kept, made if it isn't there. Raises TeacherError if it can't be."""
        return Ledger(ledger_path(self.root))

    def requests(self) -> Iterator[Request]:
        """Every request once, state by state; what several states need is asked with the first."""
        seen = set[str]()
        for state in self.states:
            for request in self.method.requests(state):
                if request.key not in seen:
                    seen.add(request.key)
                    yield request

    def missing(self) -> int:
        """How many samples have no answer yet."""
        return sum(len(self.ledger.missing(request.key, self.method.samples)) for request in self.requests())

    def tables(self) -> LabelTables:
        """The tables of a ledger that holds every answer."""
        return LabelTables(
            self.settings.provider,
            (self.method.row(state, self.ledger) for state in self.states),
            self._responses(),
            [self.method.prompt.row()],
        )

    def _responses(self) -> Iterator[dict[str, Any]]:
        """Every attempt at the answers; tasks with equal prompts share answers, so another one may have asked."""
        keys = (request.key for request in self.requests())
        return ({**row, "task": self.task.name} for row in self.ledger.attempts(keys, self.method.samples))
