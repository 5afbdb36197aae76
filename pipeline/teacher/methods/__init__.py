"""From a state to requests, and from their answers or scores to a soft instruction: one file per way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.methods.letters import Letters
from pipeline.teacher.methods.method import Method
from pipeline.teacher.methods.plans import Plans
from pipeline.teacher.methods.sample import Sampling
from pipeline.teacher.prompts.prompt import Prompt, load_prompt
from pipeline.teacher.redaction import api_key, check_body

__all__ = ["Method", "make_method"]

_METHODS: dict[str, tuple[str, Callable[[Task, Label, Prompt], Method]]] = {
    "sample": ("chain_of_thought", Sampling),
    "hard": ("chain_of_thought", Sampling),
    "letters": ("letters", Letters),
    "plans": ("continuation", Plans),
    "plans-calibrated": ("continuation", Plans),
}
"""The usual prompt of each method, or of each way of scoring, and what makes it."""


def make_method(task: Task, settings: Label, root: Path) -> Method:
    """The label method with its prompt. Raises TeacherError for a prompt or a body that can't be used."""
    check_body(settings.extra_body, api_key(settings.provider, settings.api_key_env))
    prompt, make = _METHODS[settings.scoring if settings.method == "logprob" else settings.method]
    return make(task, settings, load_prompt(settings.prompt or prompt, task.prompt, task.grammar.objects, root))
