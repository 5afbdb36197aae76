"""`method: sample`: the frequencies of n answers (paper A.3, first way); `hard`: the most frequent plan alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.instructions import Reading, SoftInstruction
from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.answers.provenance import provenance
from pipeline.teacher.answers.reading import read_answer
from pipeline.teacher.answers.rows import Answer, hardened, label_row, verdict_columns
from pipeline.teacher.asking.calls import Choice
from pipeline.teacher.asking.requests import CHAT, Request, make_request
from pipeline.teacher.prompts.prompt import Prompt
from pipeline.teacher.states import State


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
