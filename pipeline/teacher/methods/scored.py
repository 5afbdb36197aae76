"""The label row of candidate plans that were scored by token log-probabilities (paper A.3, second way)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from pipeline.instructions import Plan, SoftInstruction
from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.answers.provenance import provenance
from pipeline.teacher.answers.rows import label_row
from pipeline.teacher.asking.calls import CallFailed
from pipeline.teacher.prompts.prompt import Prompt
from pipeline.teacher.states import State


def logprobs_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The logprobs of an answer, in the shape of the chat API."""
    found: dict[str, Any] = json.loads(answer["logprobs"])
    return found


def check_logprob(value: float) -> None:
    """Raise CallFailed for the logarithm of no probability. Rounding may take a certain token a little above 0."""
    if 1e-3 < value < math.inf:
        raise CallFailed(f"malformed answer: a logprob above 0 ({value:g})", 200)


def scored_row(
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
