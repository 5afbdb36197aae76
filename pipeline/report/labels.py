"""A label table as a person reads it: what the teacher was told, what it answered, and what was not usable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.instructions import SoftInstruction
from pipeline.tables import LABELS, STATES, read_instructions, read_table

SHOWN = 40
METHOD_WORDS = {"sample": "sampled answers", "logprob": "token log-probabilities", "hard": "most probable plan only"}


@dataclass(frozen=True)
class LabelledState:
    """One description and the teacher's answer.

    plans     (text, probability), by falling probability
    unusable  (reason, example, probability) of the answers that were no usable plan
    """

    text: str
    count: int
    plans: tuple[tuple[str, float], ...]
    residual: float
    unusable: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class LabelReport:
    """The label table of one task.

    states          the SHOWN most often met descriptions that have a label, most often met first
    rows            labels in the table
    covered_states, covered_visits  share of collected descriptions, and of visits to them, that have a label; None
                    if the table of collected states is not there
    residual        mean mass of unusable answers, each description weighed by how often it was met
    unlabelled      collected descriptions without a label, most often met first
    """

    task: str
    states: tuple[LabelledState, ...]
    rows: int
    provider: str
    model: str
    method: str
    covered_states: float | None
    covered_visits: float | None
    residual: float
    unlabelled: tuple[str, ...]


def read_labels(task: str, labels: Path, states: Path) -> LabelReport:
    """Read the label table of a task, and the table of collected states if there is one.

    Raises TableError if either is broken.
    """
    instructions = read_instructions(labels, task)
    rows = read_table(labels, LABELS).to_pylist()
    visits: dict[str, int] = {}
    texts: dict[str, str] = {}
    if states.exists():
        for row in read_table(states, STATES).select(["state_id", "state_text", "state_count"]).to_pylist():
            visits[row["state_id"]] = row["state_count"] or 0
            texts[row["state_id"]] = row["state_text"]
    labelled = {row["state_id"] for row in rows}
    met = {row["state_id"]: visits.get(row["state_id"], row["state_count"] or 0) for row in rows}
    rows.sort(key=lambda row: (-met[row["state_id"]], row["state_text"]))
    weight = sum(met.values())
    residual = sum(row["residual_mass"] * (met[row["state_id"]] if weight else 1) for row in rows)
    total = sum(visits.values())
    return LabelReport(
        task=task,
        states=tuple(_labelled(row, instructions[row["state_id"]], met[row["state_id"]]) for row in rows[:SHOWN]),
        rows=len(rows),
        provider=_distinct(rows, "provider"),
        model=_distinct(rows, "model_returned") or _distinct(rows, "model_requested"),
        method=", ".join(METHOD_WORDS.get(method, method) for method in sorted({row["method"] for row in rows})),
        covered_states=len(labelled & visits.keys()) / len(visits) if visits else None,
        covered_visits=sum(visits[s] for s in labelled & visits.keys()) / total if total else None,
        residual=residual / (weight or len(rows)),
        unlabelled=tuple(texts[s] for s in sorted(visits.keys() - labelled, key=lambda s: -visits[s])),
    )


def _labelled(row: Mapping[str, Any], instruction: SoftInstruction, count: int) -> LabelledState:
    plans = tuple((str(share.plan), share.prob) for share in instruction.shares)
    unusable = tuple(
        (entry["verdict"], entry["example"] or "", entry["prob"] or 0.0)
        for entry in row["verdicts"] or ()
        if entry["verdict"] not in ("valid", "repaired")
    )
    return LabelledState(row["state_text"], count, plans, row["residual_mass"], unusable)


def _distinct(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    return ", ".join(sorted({row[column] for row in rows if row[column]}))
