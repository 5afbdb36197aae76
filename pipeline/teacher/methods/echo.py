"""`scoring: echo`: the server scores each candidate plan as the continuation of a prompt, one request each.

The scores are normalised over the candidates by a softmax (paper A.3, second way).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipeline.instructions import Plan, Reading, Verdict
from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.calls import CallFailed, Choice
from pipeline.teacher.asking.requests import COMPLETIONS, Request, make_request
from pipeline.teacher.methods.candidates import candidate_plans
from pipeline.teacher.methods.scored import check_logprob, logprobs_of, scored_row
from pipeline.teacher.prompts.prompt import Prompt, shown
from pipeline.teacher.states import State


class Echo:
    """One request per candidate, which has the server score it as a continuation."""

    samples = 1

    def __init__(self, task: Task, settings: Label, prompt: Prompt) -> None:
        self.task, self.settings, self.prompt = task, settings, prompt

    def requests(self, state: State) -> Sequence[Request]:
        own = {"echo": True, "logprobs": 1, "max_tokens": 1}
        return [
            make_request(self.settings, state, COMPLETIONS, {"prompt": self._prefix(state) + text}, own)
            for text in map(self._text, candidate_plans(self.task, state.description))
        ]

    def total(self, states: Sequence[State]) -> int:
        return sum(len(candidate_plans(self.task, state.description)) for state in states)

    def _prefix(self, state: State) -> str:
        return self.prompt.system + self.prompt.question(state.description).rstrip("\n")

    def _text(self, plan: Plan) -> str:
        return (shown(str(plan)) if self.prompt.coloured else str(plan)) + "}"

    def judge(self, request: Request, choice: Choice) -> tuple[str, Reading]:
        text = self._echoed(request)
        self._score(request, choice.logprobs)
        plan = next(p for p in candidate_plans(self.task, request.state.description) if self._text(p) == text)
        return str(plan), Reading(plan, Verdict.VALID)

    def _echoed(self, request: Request) -> str:
        return str(request.body["prompt"])[len(self._prefix(request.state)) :]

    def _score(self, request: Request, logprobs: dict[str, Any] | None) -> float:
        if logprobs is None:
            raise CallFailed("the server sent no logprobs of the echoed prompt", 200, retry=False)
        start, end = len(self._prefix(request.state)), len(request.body["prompt"])
        try:
            return continuation_score(logprobs, start, end, self.settings.score_norm)
        except (KeyError, TypeError, AttributeError):
            raise CallFailed("malformed answer: logprobs in another shape than the API's", 200) from None

    def row(self, state: State, ledger: Ledger) -> dict[str, Any]:
        answers, scores, failures = [], {}, 0
        for plan, request in zip(candidate_plans(self.task, state.description), self.requests(state), strict=True):
            (answer,) = ledger.answers(request.key, 1)
            answers.append(answer)
            scores[plan] = self._score(request, logprobs_of(answer))
            failures += ledger.failures(request.key, 1)
        normalised = "softmax" if self.settings.score_norm == "sum" else "softmax of means per token"
        return scored_row(self.task, self.settings, self.prompt, state, scores, answers, failures, normalised)


def continuation_score(logprobs: dict[str, Any], start: int, end: int, norm: str) -> float:
    """Log-score of the text from character `start` to `end` of an echoed prompt: its tokens' sum, or mean."""
    values, place = [], 0
    for entry in logprobs["content"]:
        begin = entry.get("text_offset", place)
        place = begin + len(entry["token"])
        if place > start and begin < end and isinstance(entry["logprob"], float | int):
            check_logprob(entry["logprob"])
            values.append(float(entry["logprob"]))
    if not values or not all(map(math.isfinite, values)):
        raise CallFailed("the server sent no logprobs of the echoed prompt", 200, retry=False)
    return sum(values) if norm == "sum" else sum(values) / len(values)
