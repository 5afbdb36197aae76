"""Soft instructions as rows of the label table, and back, checked either way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.instructions import TOLERANCE, Description, Grammar, Option, Plan, PlanShare, SoftInstruction
from pipeline.tables.parquet import TableError, read_table
from pipeline.tables.schemas import LABELS


def read_instructions(path: Path, task: str, grammar: Grammar | None = None) -> dict[str, SoftInstruction]:
    """The soft instructions of a label table, by state_id, every row checked; plans too, if their grammar is given.

    Raises TableError for a table that is missing, broken, empty, of another task, whose probabilities don't sum to
    one, whose text and id disagree, that answers one description twice, or has a plan that can't be carried out.
    """
    rows = read_table(path, LABELS).to_pylist()
    if not rows:
        raise TableError(f"{path}: the label table is empty")
    instructions: dict[str, SoftInstruction] = {}
    for number, row in enumerate(rows):
        where = f"{path}, row {number}"
        if row["task"] != task:
            raise TableError(f"{where}: a label of task {row['task']!r}, wanted {task!r}")
        if row["state_id"] in instructions:
            raise TableError(f"{where}: a second label for the same description ({row['state_text']!r})")
        instructions[row["state_id"]] = instruction_of(row, where)
        for share in instructions[row["state_id"]].shares:
            if grammar is not None and not grammar.allows(share.plan):
                raise TableError(f"{where}: the task knows no such plan: {share.plan}")
    return instructions


def instruction_of(row: Mapping[str, Any], where: str) -> SoftInstruction:
    """One label row as a SoftInstruction; `where` it stands is what a TableError begins with.

    Raises TableError for a missing value, an id that is not the text's, and what can't be a distribution over plans.
    """
    description = Description(tuple(row["sees"] or ()), row["holds"])
    if description.state_id != row["state_id"]:
        raise TableError(f"{where}: state_id is not the sha256 of {description.sentence!r}")
    try:
        shares = []
        for entry in row["plans"] or ():
            shares.append(PlanShare(plan_of(entry), entry["prob"], entry["text"], entry["count"], entry["logprob"]))
        return SoftInstruction(description, tuple(shares), row["residual_mass"])
    except ValueError as error:
        raise TableError(f"{where}: {error}") from None
    except TypeError:
        raise TableError(f"{where}: a value is missing in the plans or the residual mass") from None


def plan_of(entry: Mapping[str, Any]) -> Plan:
    """The plan of an entry of `plans`. Raises TypeError if a value is missing."""
    return Plan(tuple(Option(option["name"], tuple(option["args"])) for option in entry["options"]))


def instruction_columns(instruction: SoftInstruction) -> dict[str, Any]:
    """The columns of a label row that follow from the instruction alone."""
    total = instruction.residual + sum(share.prob for share in instruction.shares)
    if abs(total - 1) > TOLERANCE:
        raise TableError(f"probabilities sum to {total}: {instruction.description}")
    return {
        "state_id": instruction.description.state_id,
        "state_text": instruction.description.sentence,
        "sees": list(instruction.description.sees),
        "holds": instruction.description.holds,
        "plans": [
            {
                "plan_id": share.plan.plan_id,
                "text": share.text,
                "options": [{"name": o.name, "args": list(o.args)} for o in share.plan.options],
                "prob": share.prob,
                "count": share.count,
                "logprob": share.logprob,
            }
            for share in instruction.shares
        ],
        "residual_mass": instruction.residual,
        "entropy": instruction.entropy,
    }


def label_id(row: Mapping[str, Any]) -> str:
    """sha256 of everything that defines a label row: the state, the set-up that asked, and the answer."""
    defining = [
        "task", "state_id", "method", "plans", "residual_mass", "provider", "model_requested", "prompt_sha256",
        "parser_version", "params_requested", "n_requested",
    ]  # fmt: skip
    canonical = json.dumps([row.get(name) for name in defining], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
