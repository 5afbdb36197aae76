"""What must hold of each row of a set's labels, states and prompts, whoever wrote them; no task is needed for it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.instructions import TOLERANCE, Description, SoftInstruction, Verdict
from pipeline.label_sets.folder import SetError
from pipeline.tables.instructions import instruction_of, label_id
from pipeline.tables.parquet import TableError
from pipeline.teacher.answers.rows import canonical_json
from pipeline.terminal import printable

METHODS = ("sample", "logprob", "hard")
_MARKUP = re.compile("[<>`&]")
_USABLE = {verdict.value for verdict in Verdict if verdict.usable}
_VERDICTS = {verdict.value for verdict in Verdict}
_TASK = re.compile(r"[A-Za-z][\w.-]*(:[\w./-]+)*")
_DTYPES = {np.dtype(kind).name for kind in "?bhilqBHILQefd"}
_NAMES = ("task", "method", "score_normalisation", "score_stage", "provider", "model_requested", "model_returned",
          "system_fingerprint", "prompt_sha256")  # fmt: skip


def plain_name(text: str | None, where: str, what: str) -> None:
    """Raise SetError for a name that is long, or that a terminal, a page or a card would not show but obey."""
    if text is not None and (len(text) > 500 or not text.isprintable() or _MARKUP.search(text)):
        raise SetError(f"{where}: {what} is no plain name: {printable(text, 60)!r}")


def task_name(text: str | None, where: str) -> str:
    """A task's name. Raises SetError if it is none."""
    if text is None or len(text) > 200 or not _TASK.fullmatch(text):
        raise SetError(f"{where}: {printable(text, 60)!r} is no task's name")
    return text


def checked_label(row: Mapping[str, Any], task: str, where: str) -> SoftInstruction:
    """A label row's instruction, once all that the row says of itself has been worked out again.

    Raises SetError: names, ids, sums, entropy, verdicts, counts, times, settings.
    """
    if row["task"] != task:
        raise SetError(f"{where}: a label of task {printable(row['task'], 60)!r} among those of {task!r}")
    for name in _NAMES:
        plain_name(row[name], where, name)
    checked_description(row, where)
    for plan in row["plans"] or ():
        for option in (plan or {}).get("options") or ():
            for word in (option["name"], *(option["args"] or ())):
                plain_name(word, where, "an option or its object")
    try:
        instruction = instruction_of(row, where)
    except TableError as error:
        raise SetError(printable(error, 400)) from None
    if [share.prob for share in instruction.shares] != [plan["prob"] for plan in row["plans"]]:
        raise SetError(f"{where}: plans are not by falling probability")
    if [share.plan.plan_id for share in instruction.shares] != [plan["plan_id"] for plan in row["plans"]]:
        raise SetError(f"{where}: a plan_id is not the sha256 of its plan, or equally probable plans are not in order")
    if not _close(row["entropy"], instruction.entropy):
        raise SetError(f"{where}: entropy is {row['entropy']}; the plans' is {instruction.entropy:.6f}")
    if row["method"] not in METHODS:
        raise SetError(f"{where}: method {row['method']!r}; allowed: {', '.join(METHODS)}")
    if row["state_count"] is None or row["state_count"] < 0:
        raise SetError(f"{where}: state_count is {row['state_count']}")
    _check_verdicts(row, where)
    for name in ("params_requested", "params_effective"):
        _json_object(row[name], f"{where}: {name}")
    if row["provider"] is None or row["parser_version"] is None:
        raise SetError(f"{where}: it does not say who answered (provider), or how it was read (parser_version)")
    if row["first_at"] and row["last_at"] and row["first_at"] > row["last_at"]:
        raise SetError(f"{where}: the first answer came after the last one")
    if row["label_id"] != label_id(row):
        raise SetError(f"{where}: label_id is not the sha256 of the row; the row was changed")
    return instruction


def checked_description(row: Mapping[str, Any], where: str) -> Description:
    """The description of a row of labels or states. Raises SetError unless text, id and parts agree."""
    for thing in (*(row["sees"] or ()), row["holds"]):
        plain_name(thing, where, "an object")
    if None in (row["sees"] or ()):
        raise SetError(f"{where}: an object without a name")
    description = Description(tuple(row["sees"] or ()), row["holds"])
    if row["state_text"] != description.sentence or list(description.sees) != list(row["sees"] or ()):
        raise SetError(f"{where}: state_text is not the sentence of what is seen and held")
    if row["state_id"] != description.state_id:
        raise SetError(f"{where}: state_id is not the sha256 of {description.sentence!r}")
    return description


def _check_verdicts(row: Mapping[str, Any], where: str) -> None:
    """Shares and counts of the verdicts add up, to the residual mass and to n_valid and n_invalid."""
    entries = row["verdicts"] or ()
    names = [entry and entry["verdict"] for entry in entries]
    if not set(names) <= _VERDICTS or len(set(names)) != len(names):
        raise SetError(f"{where}: verdicts {printable(names, 80)}; each of {', '.join(sorted(_VERDICTS))} at most once")
    shares = [entry["prob"] for entry in entries]
    if any(prob is None or not 0 < prob <= 1 + TOLERANCE for prob in shares):
        raise SetError(f"{where}: shares of the verdicts must lie in (0, 1]")
    if entries and not _close(sum(shares), 1.0):
        raise SetError(f"{where}: the verdicts' shares sum to {sum(shares):.6f}, not 1")
    unusable = sum(entry["prob"] for entry in entries if entry["verdict"] not in _USABLE)
    if entries and row["method"] == "sample" and not _close(unusable, row["residual_mass"]):
        raise SetError(
            f"{where}: {unusable:.6f} of the answers are unusable, and residual_mass is {row['residual_mass']}"
        )
    for name, usable in (("n_valid", True), ("n_invalid", False)):
        counts = [entry["count"] for entry in entries if (entry["verdict"] in _USABLE) is usable]
        if row[name] is not None and (None in counts or sum(counts) != row[name]):
            raise SetError(f"{where}: {name} is {row[name]}, and the verdicts count {printable(counts, 40)}")
    if (
        row["method"] != "logprob"
        and row["n_valid"] is not None
        and row["n_requested"] != row["n_valid"] + row["n_invalid"]
    ):
        raise SetError(
            f"{where}: n_requested is {row['n_requested']}, answers judged {row['n_valid'] + row['n_invalid']}"
        )
    if row["n_error"] is not None and row["n_error"] < 0:
        raise SetError(f"{where}: n_error is {row['n_error']}")


def checked_state(row: Mapping[str, Any], task: str, where: str) -> None:
    """Raise SetError unless a row of the states table agrees with itself."""
    if row["task"] != task:
        raise SetError(f"{where}: a state of task {printable(row['task'], 60)!r} among those of {task!r}")
    checked_description(row, where)
    counts = [one and one["count"] for one in row["counts"] or ()]
    if row["state_count"] is None or row["state_count"] < 0 or None in counts or sum(counts) != row["state_count"]:
        raise SetError(
            f"{where}: state_count is {row['state_count']}, and the behaviours count {printable(counts, 60)}"
        )
    for one in row["counts"]:
        plain_name(one["behaviour"], where, "a behaviour")
    for example in row["examples"] or ():
        plain_name(example["key"], where, "the key of an example")
        if example["dtype"] not in _DTYPES or any(n is None or n < 0 for n in example["shape"] or ()):
            raise SetError(
                f"{where}: an example of type {printable(example['dtype'], 40)},"
                f" shape {printable(example['shape'], 60)}"
            )
        size = math.prod(example["shape"] or ()) * np.dtype(example["dtype"]).itemsize
        if size != len(example["values"] or b""):
            raise SetError(
                f"{where}: an example's values are {len(example['values'] or b'')} bytes; its shape wants {size}"
            )


def checked_prompt(row: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """A prompt's worked examples (user, assistant). Raises SetError unless its id is the sha256 of what it says."""
    try:
        examples = tuple((turn["user"], turn["assistant"]) for turn in json.loads(row["examples"] or ""))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SetError(f"{where}: examples is no JSON list of user and assistant messages") from None
    wanted = hashlib.sha256(canonical_json([row["system"], row["template"], examples]).encode()).hexdigest()
    if row["prompt_sha256"] != wanted:
        raise SetError(f"{where}: prompt_sha256 is not the sha256 of the prompt")
    return examples


def _json_object(text: str | None, where: str) -> None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SetError(f"{where} is no JSON object")


def _close(one: float | None, two: float) -> bool:
    return one is not None and math.isfinite(one) and abs(one - two) <= TOLERANCE
