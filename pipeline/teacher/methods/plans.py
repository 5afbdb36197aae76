"""`scoring: plans` and `plans-calibrated`: each candidate plan is scored as the continuation of a prompt.

One request per plan, with `echo` and `logprobs` on /v1/completions. `plans` takes the score as it is (paper A.3, second
way). A weak model says the same few plans whatever it is told, so `plans-calibrated` takes off what the plan scores
where there is no scene (contextual calibration; Zhao et al., ICML 2021, arXiv 2102.09690): what is left is what the
scene speaks for. Either way the scores are normalised over the candidates by a softmax.
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

NO_SCENE = "N/A"
"""What stands in place of the scene for calibration."""


class Plans:
    """One request per candidate, and one more without the scene where scores are calibrated."""

    samples = 1

    def __init__(self, task: Task, settings: Label, prompt: Prompt) -> None:
        self.task, self.settings, self.prompt = task, settings, prompt
        self.calibrated = settings.scoring == "plans-calibrated"

    def requests(self, state: State) -> Sequence[Request]:
        scenes = [state.description.sentence, *([NO_SCENE] if self.calibrated else [])]
        plans = candidate_plans(self.task, state.description)
        return [self._request(state, scene, plan) for scene in scenes for plan in plans]

    def _request(self, state: State, scene: str, plan: Plan) -> Request:
        own = {"echo": True, "logprobs": 1, "max_tokens": 1}
        text = {"prompt": self._prefix(scene) + self._text(plan)}
        return make_request(self.settings, state, COMPLETIONS, text, own)

    def total(self, states: Sequence[State]) -> int:
        return len({request.key for state in states for request in self.requests(state)})

    def _prefix(self, scene: str) -> str:
        return self.prompt.system + self.prompt.question_about(scene).rstrip("\n")

    def _text(self, plan: Plan) -> str:
        return (shown(str(plan)) if self.prompt.coloured else str(plan)) + "}"

    def judge(self, request: Request, choice: Choice) -> tuple[str, Reading]:
        start = self._start(request)
        self._score(request, choice.logprobs)
        text = str(request.body["prompt"])[start:]
        plan = next(p for p in candidate_plans(self.task, request.state.description) if self._text(p) == text)
        return str(plan), Reading(plan, Verdict.VALID)

    def _start(self, request: Request) -> int:
        """Where the plan begins in a request's prompt."""
        scenes = (request.state.description.sentence, NO_SCENE)
        prefixes = (self._prefix(scene) for scene in scenes)
        return next(len(prefix) for prefix in prefixes if str(request.body["prompt"]).startswith(prefix))

    def _score(self, request: Request, logprobs: dict[str, Any] | None) -> float:
        if logprobs is None:
            raise CallFailed("the server sent no logprobs of the echoed prompt", 200, retry=False)
        start, end = self._start(request), len(request.body["prompt"])
        try:
            return continuation_score(logprobs, start, end, self.settings.score_norm)
        except (KeyError, TypeError, AttributeError):
            raise CallFailed("malformed answer: logprobs in another shape than the API's", 200) from None

    def row(self, state: State, ledger: Ledger) -> dict[str, Any]:
        answers, scores, failures = [], dict[Plan, float](), 0
        for plan in candidate_plans(self.task, state.description):
            for scene, sign in ((state.description.sentence, 1), (NO_SCENE, -1))[: 1 + self.calibrated]:
                request = self._request(state, scene, plan)
                (answer,) = ledger.answers(request.key, 1)
                answers.append(answer)
                scores[plan] = scores.get(plan, 0.0) + sign * self._score(request, logprobs_of(answer))
                failures += ledger.failures(request.key, 1)
        normalised = "softmax" if self.settings.score_norm == "sum" else "softmax of means per token"
        normalised += ", less the scores without a scene" if self.calibrated else ""
        return scored_row(self.task, self.settings, self.prompt, state, scores, answers, failures, normalised)


def continuation_score(logprobs: dict[str, Any], start: int, end: int, norm: str) -> float:
    """Log-score of the text from character `start` to `end` of an echoed prompt: its tokens' sum, or mean.

    Raises CallFailed if there is none, or one is above 0.
    """
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
