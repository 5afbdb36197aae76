"""From a state to requests, and from their answers to a label row: drawing answers (`sample` and `hard`).

`pipeline.teacher.logprobs` has the methods that read scores instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.instructions import Reading, SoftInstruction
from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.calls import Choice
from pipeline.teacher.ledger import Ledger
from pipeline.teacher.prompts import Prompt
from pipeline.teacher.providers import zhipu
from pipeline.teacher.reading import read_answer
from pipeline.teacher.requests import CHAT, Request, make_request, sampling
from pipeline.teacher.rows import Answer, Provenance, hardened, label_row, verdict_columns
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


class Sampling:
    """`sample`: frequencies of n answers; `hard`: the most frequent plan."""

    def __init__(self, task: Task, settings: Label, prompt: Prompt) -> None:
        self.task, self.settings, self.prompt = task, settings, prompt
        self.samples = settings.samples

    def requests(self, state: State) -> Sequence[Request]:
        content = {"messages": self.prompt.messages(state.description)}
        return [make_request(self.settings, state, CHAT, content, {})]

    def total(self, states: Sequence[State]) -> int:
        return len(states) * self.samples

    def judge(self, request: Request, choice: Choice) -> tuple[str, Reading]:
        return read_answer(choice.kept, self.prompt, self.task.grammar, request.state.description)

    def row(self, state: State, ledger: Ledger) -> dict[str, Any]:
        (request,) = self.requests(state)
        answers = ledger.answers(request.key, self.samples)
        row = row_of_answers(
            self.task, self.settings, self.prompt, state, answers, ledger.failures(request.key, self.samples)
        )
        return hardened(row) if self.settings.method == "hard" else row


def row_of_answers(
    task: Task, settings: Label, prompt: Prompt, state: State, answers: Sequence[dict[str, Any]], failures: int
) -> dict[str, Any]:
    """The label row that drawn answers (rows of the responses table, by sample) amount to."""
    read = [read_answer(answer["text"], prompt, task.grammar, state.description) for answer in answers]
    judged = [Answer(decision, reading, 1 / len(answers), 1) for decision, reading in read]
    return label_row(
        task.name,
        state.visits,
        "sample",
        SoftInstruction.from_readings(state.description, read),
        verdict_columns(judged),
        provenance(settings, prompt, answers),
        n_requested=settings.samples,
        n_error=failures,
    )


def provenance(settings: Label, prompt: Prompt, answers: Sequence[dict[str, Any]]) -> Provenance:
    """Who answered, with what settings, and when; several models or fingerprints are all named."""
    requested = {**sampling(settings), "seed": settings.seed, **settings.extra_body}
    sent = {name: value for name, value in requested.items() if value is not None}
    times = [answer["at"] for answer in answers]

    def all_of(column: str) -> str | None:
        return ", ".join(sorted({answer[column] for answer in answers if answer[column]})) or None

    return Provenance(
        settings.provider,
        settings.model,
        all_of("model_returned"),
        all_of("system_fingerprint"),
        prompt.sha256,
        sent,
        zhipu.effective(sent) if settings.provider == "zhipuai" else sent,
        min(times, default=None),
        max(times, default=None),
        sorted({answer["response_id"] for answer in answers if answer["response_id"]}),
    )
