"""The answers of the replay server: what a label table says, as a model would write it."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.tables import LABELS, plan_of, read_table
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.prompts.prompt import LETTERS, shown

FLOOR = 1e-6
"""Probability of a plan that a table doesn't have, so that it can be scored."""

_SENTENCE = re.compile(r"The agent observes [^.]*?, and holds (?:a [^.]*|nothing)\.")
_CHOICE = re.compile(r"^([A-T])\) (.+)$", re.MULTILINE)
_TOKEN = re.compile(r" ?\w+| ?[^\w\s]|\s")


@dataclass(frozen=True)
class Entry:
    """What a teacher may decide in one state: texts as a model writes them, their probabilities, and plans' own."""

    task: str
    texts: tuple[str, ...]
    probs: tuple[float, ...]
    plans: dict[str, float]


class LabelIndex:
    """Label tables, looked up by the sentence in a question; the model name tells tasks with equal sentences apart."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read label tables. Raises TableError for one that can't be read, TeacherError if there is no row at all."""
        self.entries: dict[tuple[str, str], Entry] = {}
        self.tasks: list[str] = []
        for path in paths:
            for row in read_table(path, LABELS).to_pylist():
                self.entries[row["task"], shown(row["state_text"])] = _entry(row)
                if row["task"] not in self.tasks:
                    self.tasks.append(row["task"])
        if not self.entries:
            raise TeacherError(f"no label in: {', '.join(map(str, paths))}")

    def find(self, model: str, question: str) -> Entry | None:
        """The entry for the last description in a question, of the task that the model is named after if any is."""
        sentences = _SENTENCE.findall(question)
        if not sentences:
            return None
        tasks = [model] if model in self.tasks else self.tasks
        return next((self.entries[t, sentences[-1]] for t in tasks if (t, sentences[-1]) in self.entries), None)


def _entry(row: dict[str, Any]) -> Entry:
    shares = [(shown(plan["text"]), plan["prob"]) for plan in row["plans"]]
    unusable = [v for v in row["verdicts"] or () if v["verdict"] not in ("valid", "repaired")]
    shares += [(shown(v["example"]), v["prob"]) for v in unusable]
    rest = 1.0 - sum(prob for _, prob in shares)
    if rest > 1e-9:
        shares.append(("I am not sure.", rest))
    plans = {shown(str(plan_of(plan))): plan["prob"] for plan in row["plans"]}
    return Entry(row["task"], tuple(text for text, _ in shares), tuple(prob for _, prob in shares), plans)


def draw(entry: Entry, rng: random.Random) -> str:
    """One decision."""
    return rng.choices(entry.texts, entry.probs)[0]


def chain_of_thought(decision: str) -> str:
    """An answer in three parts, as the prompt asks for."""
    return (
        "Summary: The agent has described what it sees and what it holds.\n"
        "Reasoning: The door can only be opened with its key, so the next step follows from what is known so far.\n"
        f"Decision: {{{decision}}}"
    )


def choices_in(question: str) -> dict[str, str]:
    """The plans that a question offers, by letter."""
    return dict(_CHOICE.findall(question))


def letter_logprobs(entry: Entry, choices: dict[str, str]) -> dict[str, float]:
    """Log-probability of each letter, by the table, normalised over the letters."""
    probs = {letter: entry.plans.get(plan, 0.0) + FLOOR for letter, plan in choices.items() if letter in LETTERS}
    total = sum(probs.values())
    return {letter: math.log(prob / total) for letter, prob in probs.items()}


def tokens(text: str) -> list[str]:
    """A text cut into pieces that join to it again."""
    return _TOKEN.findall(text)


def cut(text: str, most_tokens: int | None, stops: Sequence[str]) -> tuple[str, str, int]:
    """A text up to the first stop, and up to so many tokens; why it ends there, and how many tokens are left of it."""
    ends = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    pieces = tokens(text[: min(ends)] if ends else text)
    if most_tokens is not None and len(pieces) > most_tokens:
        return "".join(pieces[:most_tokens]), "length", most_tokens
    return "".join(pieces), "stop", len(pieces)


def decision_logprobs(entry: Entry, decision: str, top: int) -> list[dict[str, Any]]:
    """Token logprobs of a chain-of-thought answer: certain up to the decision, then multiplying to its probability.

    Each of the decision's tokens comes with up to `top` alternatives, which the table's other decisions go on with.
    """
    whole = chain_of_thought(decision)
    start = whole.rindex(decision + "}")
    content = [_token(token, 0.0, {token: 0.0}, top) for token in tokens(whole[:start])]
    texts = [(tokens(text + "}"), prob) for text, prob in zip(entry.texts, entry.probs, strict=True)]
    for place, token in enumerate(tokens(decision + "}")):
        total = sum(prob for _, prob in texts)
        after: dict[str, float] = {}
        for pieces, prob in texts:
            if place < len(pieces):
                after[pieces[place]] = after.get(pieces[place], 0.0) + prob
        scores = {piece: math.log(prob / total) for piece, prob in after.items() if prob > 0}
        content.append(_token(token, scores.get(token, math.log(FLOOR)), scores, top))
        texts = [(pieces, prob) for pieces, prob in texts if place < len(pieces) and pieces[place] == token]
    return content


def single_logprobs(scores: dict[str, float], letter: str, top: int) -> list[dict[str, Any]]:
    """Token logprobs of an answer that is one letter."""
    return [_token(letter, scores[letter], scores, top)]


def _token(token: str, logprob: float, scores: dict[str, float], top: int) -> dict[str, Any]:
    best = sorted(scores.items(), key=lambda item: -item[1])[:top]
    return {
        "token": token,
        "logprob": logprob,
        "bytes": list(token.encode()),
        "top_logprobs": [{"token": t, "logprob": v, "bytes": list(t.encode())} for t, v in best],
    }


def echo_logprobs(entry: Entry, prompt: str) -> dict[str, Any]:
    """Legacy logprobs of an echoed prompt that ends with `{plan}`: the plan's tokens add up to its log-probability."""
    start = prompt.rindex("{") + 1
    plan = prompt[start:].removesuffix("}")
    before, after = tokens(prompt[:start]), [*tokens(prompt[start:]), "\n"]
    values: list[float | None] = [None, *([-1.0] * (len(before) - 1))]
    values += [math.log(entry.plans.get(plan, 0.0) + FLOOR), *([0.0] * (len(after) - 1))]
    offsets, place = [], 0
    for token in [*before, *after]:
        offsets.append(place)
        place += len(token)
    pieces = [*before, *after]
    tops = [None if value is None else {piece: value} for piece, value in zip(pieces, values, strict=True)]
    return {"tokens": pieces, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}
