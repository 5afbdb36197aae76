"""`scoring: letters`: one request per state names the candidate plans A, B, C, …

The scores of the letters are read from the answer token's alternatives, and normalised by a softmax.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipeline.instructions import Reading, Verdict
from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.calls import CallFailed, Choice
from pipeline.teacher.asking.requests import CHAT, Request, make_request
from pipeline.teacher.methods.candidates import candidate_plans
from pipeline.teacher.methods.scored import check_logprob, logprobs_of, scored_row
from pipeline.teacher.prompts.prompt import LETTERS, Prompt
from pipeline.teacher.states import State

OUTSIDE = -9999.0
"""What OpenAI's API gives for a token outside of those it scores."""


class Letters:
    """One request per state, which names the candidates by letters."""

    samples = 1

    def __init__(self, task: Task, settings: Label, prompt: Prompt) -> None:
        self.task, self.settings, self.prompt = task, settings, prompt

    def requests(self, state: State) -> Sequence[Request]:
        choices = [str(plan) for plan in candidate_plans(self.task, state.description)]
        content = {"messages": self.prompt.messages(state.description, choices)}
        own = {"max_tokens": min(self.settings.max_tokens, 8), "logprobs": True, "top_logprobs": len(LETTERS)}
        return [make_request(self.settings, state, CHAT, content, own)]

    def total(self, states: Sequence[State]) -> int:
        return len(states)

    def judge(self, request: Request, choice: Choice) -> tuple[str, Reading]:
        if choice.logprobs is None:
            why = "the server sent no logprobs; use label.method: sample, or scoring: plans"
            raise CallFailed(why, 200, retry=False)
        plans = candidate_plans(self.task, request.state.description)
        try:
            scores = letter_scores(choice.logprobs, len(plans))
        except (KeyError, TypeError, AttributeError):
            raise CallFailed("malformed answer: logprobs in another shape than the API's", 200) from None
        if not scores:
            return choice.text, Reading(None, Verdict.UNPARSEABLE, "no letter of a plan")
        return choice.text, Reading(plans[max(scores, key=scores.__getitem__)], Verdict.VALID)

    def row(self, state: State, ledger: Ledger) -> dict[str, Any]:
        (request,) = self.requests(state)
        answers = ledger.answers(request.key, 1)
        plans = candidate_plans(self.task, state.description)
        found = letter_scores(logprobs_of(answers[0]), len(plans))
        scores = {plans[number]: score for number, score in found.items()}
        failures = ledger.failures(request.key, 1)
        return scored_row(self.task, self.settings, self.prompt, state, scores, answers, failures, "softmax")


def letter_scores(logprobs: dict[str, Any], count: int) -> dict[int, float]:
    """Log-scores of the first `count` letters, by number, at the answer's first token, whichever that is.

    Blanks before it are passed over. Empty if no letter is among its alternatives. Spellings of one letter (`A`, ` A`,
    `A)`) are added up. Letters outside of the alternatives have no score.
    Raises CallFailed for a logprob above 0.
    """
    for entry in logprobs["content"]:
        if not str(entry["token"]).strip("\u2581\u0120 \n\t"):
            continue
        spellings: dict[str, float] = {entry["token"]: entry.get("logprob", OUTSIDE)}
        for other in entry.get("top_logprobs") or ():
            spellings[other["token"]] = other["logprob"]
        scores: dict[int, float] = {}
        for token, logprob in spellings.items():
            number = _letter(token, count)
            if number is not None and isinstance(logprob, float | int) and OUTSIDE < logprob < math.inf:
                check_logprob(logprob)
                scores[number] = _log_add(scores.get(number, -math.inf), float(logprob))
        return scores
    return {}


def _letter(token: Any, count: int) -> int | None:
    name = token.strip(" \n\t().:*\"'▁Ġ") if isinstance(token, str) else ""
    return LETTERS.index(name) if len(name) == 1 and name in LETTERS[:count] else None


def _log_add(one: float, two: float) -> float:
    top = max(one, two)
    return top + math.log(math.exp(one - top) + math.exp(two - top))
