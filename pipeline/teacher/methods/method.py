"""What a way of labelling is: how a state becomes requests, and their answers a label row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.instructions import Reading
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.calls import Choice
from pipeline.teacher.asking.requests import Request
from pipeline.teacher.prompts.prompt import Prompt
from pipeline.teacher.states import State


class Method(Protocol):
    """How a state becomes requests, and their answers a row.

    prompt   what is said to the teacher
    samples  answers wanted per request
    """

    prompt: Prompt
    samples: int

    def requests(self, state: State) -> Sequence[Request]:
        """What is asked about a state."""

    def total(self, states: Sequence[State]) -> int:
        """How many answers about these states make a table."""

    def judge(self, request: Request, choice: Choice) -> tuple[str, Reading]:
        """One answer's decision and how it was judged; raises CallFailed if the answer can't be used at all."""

    def row(self, state: State, ledger: Ledger) -> dict[str, Any]:
        """The label row of a state whose answers are all in the ledger."""
