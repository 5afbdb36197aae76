"""Whether label rows follow from a set's own responses: the answers are read and judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.instructions import TOLERANCE, Description, Grammar, SoftInstruction
from pipeline.label_sets.folder import SetError
from pipeline.tables.instructions import instruction_columns
from pipeline.teacher.answers.reading import read_answer
from pipeline.teacher.answers.rows import Answer, hardened, verdict_columns
from pipeline.teacher.prompts.prompt import Prompt, shown
from pipeline.terminal import printable

_FROM_ANSWERS = ("model_returned", "system_fingerprint")


def prompt_of(system: str, template: str, examples: tuple[tuple[str, str], ...], grammar: Grammar) -> Prompt:
    """A prompt as it was put to the teacher of a task with this grammar."""
    return Prompt(system, template, examples, any(shown(thing) != thing for thing in grammar.objects))


def answer_columns(
    answers: Sequence[Mapping[str, Any]], description: Description, prompt: Prompt, grammar: Grammar
) -> dict[str, Any]:
    """What drawn answers (rows of responses, one per sample) say in a label row of method `sample`."""
    read = [read_answer(answer["text"], prompt, grammar, description) for answer in answers]
    verdicts = verdict_columns([Answer(decision, reading, 1 / len(answers), 1) for decision, reading in read])
    usable = sum(reading.verdict.usable for _, reading in read)
    times = [answer["at"] for answer in answers if answer["at"]]
    return {
        **instruction_columns(SoftInstruction.from_readings(description, read)),
        "verdicts": verdicts,
        "n_requested": len(answers),
        "n_valid": usable,
        "n_invalid": len(answers) - usable,
        "first_at": min(times, default=None),
        "last_at": max(times, default=None),
        "response_ids": sorted({answer["response_id"] for answer in answers if answer["response_id"]}),
        **{name: joined(answer[name] for answer in answers) for name in _FROM_ANSWERS},
    }


def joined(names: Any) -> str | None:
    """Several names as one text, each once."""
    return ", ".join(sorted({name for name in names if name})) or None


def check_replayed(
    row: Mapping[str, Any],
    answers: Sequence[Mapping[str, Any]],
    failures: int,
    description: Description,
    prompt: Prompt,
    grammar: Grammar,
    where: str,
) -> None:
    """Raise SetError unless a label row of method `sample` or `hard` is what its answers amount to."""
    if not answers:
        raise SetError(f"{where}: none of the responses answers it")
    expected = answer_columns(answers, description, prompt, grammar)
    if row["method"] == "hard":
        expected = hardened({**row, **expected})
    if row["provider"] != "replay":  # which keeps the failures of those who asked
        expected["n_error"] = failures
    for name, value in expected.items():
        if name in row and name != "label_id" and not _equal(row[name], value):
            raise SetError(
                f"{where}: {name} does not follow from its {len(answers)} answers:"
                f" it says {printable(row[name], 80)}, they say {printable(value, 80)}"
            )


def _equal(one: Any, two: Any) -> bool:
    """Equality of nested plain data, numbers within TOLERANCE; nothing and an empty list are the same."""
    if isinstance(one, float) and isinstance(two, float):
        return abs(one - two) <= TOLERANCE
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(_equal(one[key], two[key]) for key in one)
    if isinstance(one, list) or isinstance(two, list):
        first, second = one or [], two or []
        return len(first) == len(second) and all(map(_equal, first, second))
    return bool(one == two)
