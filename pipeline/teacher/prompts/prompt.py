"""What a teacher is told: prompts from text files that a user edits, filled in by the task, hashed into provenance.

A prompt is three files, `<name>.system.txt`, `<name>.user.txt` and (for the worked example) `<name>.answer.txt`, found
in `prompts/` under the project's root or else beside this program. Placeholders are `$rules`, `$state`, `$choices`,
and in the example `$summary`, `$reasoning`, `$plan`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

from pipeline.instructions import Description
from pipeline.tasks.base import TaskPrompt
from pipeline.teacher.answers.rows import canonical_json
from pipeline.teacher.errors import TeacherError

BUILT_IN = Path(__file__).parent
COLOUR_WORDS = ("red", "blue", "green", "yellow", "purple", "grey")
"""What the roles color1, color2, ... are called when a model is asked: models know colours better than roles."""

_ROLE = re.compile(r"\bcolor(\d+)\b")
_WORD = re.compile(rf"\b(?:{'|'.join(COLOUR_WORDS)}|gray)\b", re.IGNORECASE)


def shown(text: str) -> str:
    """A text with colour roles as a model sees it: `color1 key` is `red key`."""
    return _ROLE.sub(lambda match: COLOUR_WORDS[(int(match.group(1)) - 1) % len(COLOUR_WORDS)], text)


def roles(text: str) -> str:
    """A model's text with colour words as roles again: the inverse of `shown`, in any case."""
    return _WORD.sub(lambda match: f"color{_number(match.group())}", text)


def _number(word: str) -> int:
    return COLOUR_WORDS.index("grey" if word.lower() == "gray" else word.lower()) + 1


@dataclass(frozen=True)
class Prompt:
    """A prompt filled in for a task.

    system    the system message
    template  the user's message, with `$state` (and `$choices`) still open
    example   the worked example as the messages of user and assistant; empty if the prompt has none
    coloured  whether colour words stand for roles
    """

    system: str
    template: str
    example: tuple[tuple[str, str], ...]
    coloured: bool

    @cached_property
    def sha256(self) -> str:
        """sha256 (64 hex digits) of everything the prompt says."""
        return hashlib.sha256(canonical_json([self.system, self.template, self.example]).encode()).hexdigest()

    def row(self) -> dict[str, Any]:
        """The row of the prompts table."""
        examples = canonical_json([{"user": user, "assistant": answer} for user, answer in self.example])
        return {"prompt_sha256": self.sha256, "system": self.system, "template": self.template, "examples": examples}

    def question(self, description: Description, choices: Sequence[str] = ()) -> str:
        """The user's message for a description."""
        return self.question_about(description.sentence, choices)

    def question_about(self, scene: str, choices: Sequence[str] = ()) -> str:
        """The user's message for a scene in words."""
        listed = "\n".join(f"{letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
        values = {"state": scene, "choices": listed}
        if self.coloured:
            values = {name: shown(value) for name, value in values.items()}
        return Template(self.template).safe_substitute(values)

    def messages(self, description: Description, choices: Sequence[str] = ()) -> list[dict[str, str]]:
        """The chat messages that ask about a description."""
        turns = [{"role": "system", "content": self.system}]
        for user, answer in self.example:
            turns += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
        return [*turns, {"role": "user", "content": self.question(description, choices)}]

    def read_back(self, text: str) -> str:
        """A model's text in the words of descriptions."""
        return roles(text) if self.coloured else text


LETTERS = "ABCDEFGHIJKLMNOPQRST"
"""Names of the choices; as many as the most top_logprobs that the OpenAI API gives."""


def load_prompt(name: str, task: TaskPrompt, objects: Sequence[str], root: Path) -> Prompt:
    """The prompt of that name, filled in for a task whose objects are given.

    Raises TeacherError if its files can't be read or have a placeholder that doesn't exist.
    """
    coloured = any(_ROLE.search(thing) for thing in objects)
    show = shown if coloured else str
    values = {
        "rules": show(task.rules),
        "example_state": show(task.example_state),
        "state": show(task.example_state),
        "summary": show(task.example_summary),
        "reasoning": show(task.example_reasoning),
        "plan": show(task.example_plan),
    }
    system = _fill(_find(name, "system", root), values)
    user = _find(name, "user", root)
    template = user.read_text()
    if "state" not in _placeholders(user, template, {"state", "choices"}):
        raise TeacherError(f"{user}: the placeholder $state is missing, so every question would be the same")
    answer = _look(name, "answer", root)
    example = ((Template(template).safe_substitute(values), _fill(answer, values)),) if answer else ()
    return Prompt(system, template, example, coloured)


def _look(name: str, part: str, root: Path) -> Path | None:
    places = [root / "prompts" / f"{name}.{part}.txt", BUILT_IN / f"{name}.{part}.txt"]
    return next((path for path in places if path.is_file()), None)


def _find(name: str, part: str, root: Path) -> Path:
    path = _look(name, part, root)
    if path is None:
        known = sorted(path.name.removesuffix(".system.txt") for path in BUILT_IN.glob("*.system.txt"))
        wanted = root / "prompts" / f"{name}.{part}.txt"
        raise TeacherError(f"label.prompt: {name!r}: there is no {wanted}; make it, or use one of: {', '.join(known)}")
    return path


def _fill(path: Path, values: Mapping[str, str]) -> str:
    text = path.read_text()
    _placeholders(path, text, set(values))
    return Template(text).substitute(values).strip() + "\n"


def _placeholders(path: Path, text: str, allowed: set[str]) -> set[str]:
    """The placeholders in a prompt file. Raises TeacherError for an unknown one and a stray dollar sign."""
    found = set()
    for match in Template.pattern.finditer(text):
        if match.group("invalid") is not None:
            raise TeacherError(f"{path}: a $ that is no placeholder; write $$ for a dollar sign")
        found.add(match.group("named") or match.group("braced"))
    found.discard(None)
    for name in sorted(found - allowed):
        raise TeacherError(f"{path}: unknown placeholder ${name}; allowed: {', '.join(sorted(allowed))}")
    return found
