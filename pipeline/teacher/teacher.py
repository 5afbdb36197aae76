"""Who answers: the one interface behind which every provider stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params import Label
from pipeline.tables import label_id
from pipeline.tasks.base import Task
from pipeline.teacher.budget import TYPICAL_ANSWER, Estimate, price, rough_tokens
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.ledger import Ledger, cache_folder
from pipeline.teacher.logprobs import Echo, Letters
from pipeline.teacher.methods import Method, Sampling
from pipeline.teacher.prompts import load_prompt
from pipeline.teacher.published import published_folder, read_published
from pipeline.teacher.redaction import api_key, check_body
from pipeline.teacher.rows import hardened
from pipeline.teacher.states import State


@dataclass(frozen=True)
class Labelling:
    """The rows of the three tables that a labelling writes; each may be a stream that is read once.

    source  who answered, in words
    """

    source: str
    labels: Iterable[dict[str, Any]]
    responses: Iterable[dict[str, Any]] = ()
    prompts: Iterable[dict[str, Any]] = ()


def ask(task: Task, states: Sequence[State], settings: Label, root: Path) -> Labelling:
    """Have the teacher of `settings.provider` answer for every state.

    Raises TeacherError for settings that can't be used, LabellingStopped if the table can't be completed now.
    """
    if settings.provider == "published":
        folder = published_folder(task.name, root, settings.published)
        return Labelling(f"published ({folder})", _published_rows(task, states, settings, folder))
    method = make_method(task, settings, root)
    if settings.provider == "replay":
        from pipeline.teacher.replay import replay

        return replay(task, states, settings, method.prompt, root)
    if settings.provider in ("batch-file", "openai-batch"):
        _check_batch_budget(estimate(task, states, settings, root), settings, task.name)
    ledger = Ledger(ledger_path(root))
    if settings.provider == "batch-file":
        from pipeline.teacher.batch_file import ask_by_files

        ask_by_files(task, states, settings, method, ledger, root)
    elif settings.provider == "openai-batch":
        from pipeline.teacher.providers.openai_batch import ask_by_batches

        ask_by_batches(task, states, settings, method, ledger, root)
    else:
        from pipeline.teacher.online import ask_online

        ask_online(task, states, settings, method, ledger)
    return Labelling(
        settings.provider,
        (method.row(state, ledger) for state in states),
        _responses(task.name, states, method, ledger),
        [method.prompt.row()],
    )


def ledger_path(root: Path) -> Path:
    return cache_folder(root) / "ledger.sqlite"


def make_method(task: Task, settings: Label, root: Path) -> Method:
    """The label method with its prompt. Raises TeacherError for a prompt or a body that can't be used."""
    check_body(settings.extra_body, api_key(settings.provider, settings.api_key_env))
    kinds: dict[str, tuple[str, type[Sampling] | type[Letters] | type[Echo]]] = {
        "sample": ("chain_of_thought", Sampling),
        "hard": ("chain_of_thought", Sampling),
        "letters": ("letters", Letters),
        "echo": ("continuation", Echo),
    }
    name, kind = kinds[settings.scoring if settings.method == "logprob" else settings.method]
    prompt = load_prompt(settings.prompt or name, task.prompt, task.grammar.objects, root)
    return kind(task, settings, prompt)


def estimate(task: Task, states: Sequence[State], settings: Label, root: Path) -> Estimate:
    """What is left to ask, roughly; opens no connection and asks nothing."""
    if settings.provider in ("published", "replay"):
        return Estimate(len(states), 0, 0, 0, 0, 0.0)
    method, path = make_method(task, settings, root), ledger_path(root)
    ledger = Ledger(path) if path.exists() else None
    wanted = samples = requests = tokens_in = 0
    for state in states:
        missing_here = 0
        for request in method.requests(state):
            missing = method.samples if ledger is None else len(ledger.missing(request.key, method.samples))
            calls = -(-missing // (1 if settings.provider == "zhipuai" else settings.answers_per_call))
            missing_here += missing
            requests += calls
            tokens_in += calls * rough_tokens(request.text)
        samples += missing_here
        wanted += missing_here > 0
    each = min(settings.max_tokens, TYPICAL_ANSWER) if settings.method != "logprob" else 1
    cost = price(settings, tokens_in, samples * each)
    return Estimate(wanted, samples, requests, tokens_in, samples * each, cost)


def _check_batch_budget(expected: Estimate, settings: Label, task: str) -> None:
    """A batch is paid as a whole, so its estimate must be within the budget before it is made."""
    tokens = expected.tokens_in + expected.tokens_out
    for name, bound, value in (
        ("max_requests", settings.max_requests, expected.requests),
        ("max_total_tokens", settings.max_total_tokens, tokens),
        ("max_cost", settings.max_cost, expected.cost or 0.0),
    ):
        if bound is not None and value > bound:
            raise LabellingStopped(
                f"{task}: {expected.requests} requests with about {tokens} tokens are missing, beyond label.{name} ="
                f" {bound}; nothing was sent",
                then=None,
            )


def _responses(task: str, states: Sequence[State], method: Method, ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Every attempt at the answers; tasks with equal prompts share answers, so the asker may have been another one."""
    keys = (request.key for state in states for request in method.requests(state))
    return ({**row, "task": task} for row in ledger.attempts(keys, method.samples))


def _published_rows(task: Task, states: Sequence[State], settings: Label, folder: Path) -> list[dict[str, Any]]:
    """The published rows with the collected visit counts. What was never met stays, with count 0."""
    counts = {state.description.state_id: state.visits for state in states}
    rows = []
    for row in read_published(folder, task.name):
        row = {**row, "state_count": counts.get(row["state_id"], 0)}
        if settings.method == "hard":
            row = hardened(row)
        rows.append({**row, "label_id": label_id(row)})
    return rows
