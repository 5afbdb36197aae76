"""The figures of a label set, added up as its rows pass: what its card says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.instructions import SoftInstruction, Verdict

UNUSABLE = tuple(verdict.value for verdict in Verdict if not verdict.usable)


@dataclass(frozen=True)
class SetUp:
    """One way of asking: who, for what, with which settings and prompt (the columns of label rows)."""

    provider: str
    model_requested: str | None
    model_returned: str | None
    method: str
    params_requested: str
    params_effective: str
    prompt_sha256: str | None
    parser_version: int


@dataclass
class TaskFacts:
    """One task's tables in figures.

    task, folder  the task's name, and its folder in the set
    rows          rows of each table
    visits        how often the labelled states were met, by state_id
    residual, entropy, agreement   sums over labels: share of unusable answers; nats; the chance that two answers to
                  the same question are the same usable plan, Σ p²
    oddities      examples of unusable answers, with their verdict and their largest share in a state
    met           visits of all collected states, and of the labelled ones among them; None without a states table
    """

    task: str
    folder: str
    rows: dict[str, int] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)
    residual: float = 0.0
    entropy: float = 0.0
    agreement: float = 0.0
    setups: Counter[SetUp] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    oddities: dict[tuple[str, str], float] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    prompts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    spent: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    priced: bool = False
    states: int = 0
    states_labelled: int = 0
    met: int = 0
    met_labelled: int = 0

    def add_label(self, row: Mapping[str, Any], instruction: SoftInstruction) -> None:
        """One label row."""
        self.visits[row["state_id"]] = row["state_count"]
        self.residual += instruction.residual
        self.entropy += instruction.entropy
        self.agreement += sum(share.prob**2 for share in instruction.shares)
        self.setups[SetUp(**{name: row[name] for name in SetUp.__dataclass_fields__})] += 1
        if row["n_requested"] is not None:
            self.answers[row["n_requested"]] += 1
        for entry in row["verdicts"] or ():
            self.verdicts[entry["verdict"]] += entry["prob"]
            if entry["verdict"] in UNUSABLE:
                key = entry["verdict"], (entry["example"] or "")[:120]
                self.oddities[key] = max(self.oddities.get(key, 0.0), entry["prob"])
        times = [row["first_at"], row["last_at"], self.first_at, self.last_at]
        known = [time for time in times if time is not None]
        self.first_at, self.last_at = min(known, default=None), max(known, default=None)

    def add_responses(self, batch: pa.RecordBatch) -> None:
        """Some rows of the responses table."""
        self.spent["attempts"] += batch.num_rows
        self.spent["failed"] += batch.num_rows - batch["error"].null_count
        for name in ("tokens_in", "tokens_out"):
            self.spent[name] += pc.sum(batch[name]).as_py() or 0
        cost = pc.sum(batch["cost"]).as_py()
        self.priced |= cost is not None
        self.cost += cost or 0.0

    def add_state(self, row: Mapping[str, Any]) -> None:
        """One row of the states table."""
        labelled = row["state_id"] in self.visits
        self.states += 1
        self.states_labelled += labelled
        self.met += row["state_count"]
        self.met_labelled += row["state_count"] * labelled

    @property
    def labels(self) -> int:
        """Number of labels."""
        return self.rows["labels"]


@dataclass(frozen=True)
class SetFacts:
    """A whole set in figures; `notes` say what could not be checked, and why."""

    tasks: Sequence[TaskFacts]
    notes: Sequence[str] = ()

    def total(self, table: str) -> int:
        """Rows of a table over all tasks."""
        return sum(task.rows.get(table, 0) for task in self.tasks)
