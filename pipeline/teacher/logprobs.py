"""`logprob`: scores of candidate plans from token log-probabilities (paper A.3, second way).

`letters` names the candidates A, B, C, … in one request and reads the scores of the letters from the answer token's
alternatives. `echo` has the server score each candidate as the continuation of a prompt, one request each. Either
way the scores are normalised over the candidates by a softmax.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from pipeline.instructions import Description, Option, Plan, Reading, SoftInstruction, Verdict
from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.calls import CallFailed, Choice
from pipeline.teacher.ledger import Ledger
from pipeline.teacher.methods import provenance
from pipeline.teacher.prompts import LETTERS, Prompt, shown
from pipeline.teacher.requests import CHAT, COMPLETIONS, Request, make_request
from pipeline.teacher.rows import label_row
from pipeline.teacher.states import State

OUTSIDE = -9999.0
"""What OpenAI's API gives for a token outside of those it scores."""


def candidate_plans(task: Task, description: Description, most: int = len(LETTERS)) -> list[Plan]:
    """Plans that make sense in a state, at most `most`: the candidates that scores are asked for.

    For each known object, the task's options about it one after the other in the grammar's order (`go to <key>, pick
    up <key>`), alone and with what is held put down first; two objects' sequences in a row; and each option alone.
    """
    grammar = task.grammar
    known = [*description.sees, *([description.holds] if description.holds else [])]
    nothing = [Plan((Option(spec.name),)) for spec in grammar.options if not spec.about]
    put_down = [Option(s.name, (description.holds,)) for s in grammar.options if s.held and description.holds]
    runs: list[Plan] = []
    singles: list[Plan] = []
    for thing in dict.fromkeys(known):
        about = [
            Option(s.name, (thing,)) for s in grammar.options if s.about and not s.held and thing.endswith(s.about)
        ]
        singles += [Plan((option,)) for option in about]
        if len(about) > 1 and thing != description.holds:
            runs.append(Plan(tuple(about)))
    after = [Plan((drop, *run.options)) for drop in put_down for run in runs]
    chains = [Plan(one.options + two.options) for one in runs for two in runs if one != two]
    ordered = [*nothing, *runs, *after, *(Plan((drop,)) for drop in put_down), *singles, *chains]
    return list(dict.fromkeys(ordered))[:most]


def letter_scores(logprobs: dict[str, Any], count: int) -> dict[int, float]:
    """Log-scores of the first `count` letters, by number, at the first token that is one; empty if none is.

    Spellings of one letter (`A`, ` A`, `A)`) are added up. Letters outside of the alternatives have no score.
    """
    for entry in logprobs["content"]:
        if _letter(entry.get("token"), count) is None:
            continue
        spellings: dict[str, float] = {entry["token"]: entry.get("logprob", OUTSIDE)}
        for other in entry.get("top_logprobs") or ():
            spellings[other["token"]] = other["logprob"]
        scores: dict[int, float] = {}
        for token, logprob in spellings.items():
            number = _letter(token, count)
            if number is not None and isinstance(logprob, float | int) and OUTSIDE < logprob < math.inf:
                scores[number] = _log_add(scores.get(number, -math.inf), float(logprob))
        return scores
    return {}


def _letter(token: Any, count: int) -> int | None:
    name = token.strip(" \n\t().:*\"'▁Ġ") if isinstance(token, str) else ""
    return LETTERS.index(name) if len(name) == 1 and name in LETTERS[:count] else None


def _log_add(one: float, two: float) -> float:
    top = max(one, two)
    return top + math.log(math.exp(one - top) + math.exp(two - top))


def continuation_score(logprobs: dict[str, Any], start: int, end: int, norm: str) -> float:
    """Log-score of the text from character `start` to `end` of an echoed prompt: its tokens' sum, or mean."""
    values, place = [], 0
    for entry in logprobs["content"]:
        begin = entry.get("text_offset", place)
        place = begin + len(entry["token"])
        if place > start and begin < end and isinstance(entry["logprob"], float | int):
            values.append(float(entry["logprob"]))
    if not values or not all(map(math.isfinite, values)):
        raise CallFailed("the server sent no logprobs of the echoed prompt", 200, retry=False)
    return sum(values) if norm == "sum" else sum(values) / len(values)


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
            raise CallFailed("the server sent no logprobs; use label.method: sample, or scoring: echo", 200)
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
        found = letter_scores(_logprobs(answers[0]), len(plans))
        scores = {plans[number]: score for number, score in found.items()}
        failures = ledger.failures(request.key, 1)
        return _row(self.task, self.settings, self.prompt, state, scores, answers, failures, "softmax")


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
            scores[plan] = self._score(request, _logprobs(answer))
            failures += ledger.failures(request.key, 1)
        normalised = "softmax" if self.settings.score_norm == "sum" else "softmax of means per token"
        return _row(self.task, self.settings, self.prompt, state, scores, answers, failures, normalised)


def _logprobs(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["logprobs"])
    return found


def _row(
    task: Task,
    settings: Label,
    prompt: Prompt,
    state: State,
    scores: dict[Plan, float],
    answers: Sequence[dict[str, Any]],
    failures: int,
    normalised: str,
) -> dict[str, Any]:
    """The label row of scored candidates; without any score, all mass is residual."""
    if scores:
        instruction = SoftInstruction.from_logprobs(state.description, scores)
        verdicts = [
            {"verdict": "valid", "prob": 1.0, "count": len(answers), "example": str(instruction.shares[0].plan)}
        ]
    else:
        instruction = SoftInstruction(state.description, (), 1.0)
        verdicts = [{"verdict": "unparseable", "prob": 1.0, "count": len(answers), "example": answers[0]["text"][:200]}]
    return label_row(
        task.name,
        state.visits,
        "logprob",
        instruction,
        verdicts,
        provenance(settings, prompt, answers),
        n_requested=len(answers),
        n_error=failures,
        scores=(normalised, "as the server sent them"),
    )
