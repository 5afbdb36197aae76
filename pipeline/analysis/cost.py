"""What a student costs in answers of an LLM, tokens, seconds and euros, beside asking the LLM at every step.

Answers are counted: one answer is one call with the whole prompt. Tokens are what the label table's own answers took
where a model was asked, else estimated from the prompt (four characters each) and a typical answer. Prices and seconds
per answer are assumptions, kept with their sources in `assumptions.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.instructions import Description
from pipeline.json_file import read_json
from pipeline.tasks.base import Task
from pipeline.teacher.asking.budget import TYPICAL_ANSWER, rough_tokens
from pipeline.teacher.prompts.prompt import load_prompt

ASSUMPTIONS = Path(__file__).with_name("assumptions.json")
EPISODES = 1000
"""Episodes of deployment that the LLM's acting is priced for."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of one answer, in and out, and whether they were measured."""

    sent: float
    received: float
    measured: bool


def tokens_of_answer(task: Task, descriptions: Sequence[Description], metrics: Mapping[str, Any], root: Path) -> Tokens:
    """What one answer takes: as the label stage's metrics counted it, else estimated with the sampling prompt."""
    answers = sum((metrics.get("answers") or {}).values())
    if answers and metrics.get("tokens_in"):
        return Tokens(metrics["tokens_in"] / answers, metrics["tokens_out"] / answers, True)
    prompt = load_prompt("chain_of_thought", task.prompt, task.grammar.objects, root)
    sent = [rough_tokens("".join(turn["content"] for turn in prompt.messages(d))) for d in descriptions]
    return Tokens(sum(sent) / len(sent), TYPICAL_ANSWER, False)


def cost(
    tokens: Tokens, states: int, samples: int, taught_steps: int, llm_length: float | None, student: Mapping[str, float]
) -> dict[str, Any]:
    """The cost of a student of one task, and of the ways that ask the LLM at every step.

    states, samples  labels in the table, and answers asked for each
    taught_steps     environment steps of training with the teacher
    llm_length       steps of an episode in which the LLM acts alone; None if it was not evaluated
    student          `parameters`, `env_steps` and `seconds` of training

    Returns `student`, `tokens` and `ways`: each with `way`, `answers`, `tokens`, `seconds` (one call after the other)
    and `euros` (model -> amount).
    """
    ways = [
        ("the label table, asked once", states * samples),
        ("asking at every taught step of training, one answer each", taught_steps),
    ]
    if llm_length is not None:
        ways.append((f"the LLM acting alone, {EPISODES:,} episodes", round(llm_length * EPISODES)))
    return {
        "student": dict(student),
        "tokens": {"in": tokens.sent, "out": tokens.received, "measured": tokens.measured},
        "ways": [_way(name, answers, tokens) for name, answers in ways],
    }


def assumptions() -> dict[str, Any]:
    """The committed assumptions."""
    return read_json(ASSUMPTIONS)


def _way(name: str, answers: int, tokens: Tokens) -> dict[str, Any]:
    assumed = assumptions()
    return {
        "way": name,
        "answers": answers,
        "tokens": answers * (tokens.sent + tokens.received),
        "seconds": answers * assumed["seconds_per_answer"],
        "euros": {
            price["model"]: answers
            * (tokens.sent * price["eur_per_million_in"] + tokens.received * price["eur_per_million_out"])
            / 1e6
            for price in assumed["prices"]
        },
    }
