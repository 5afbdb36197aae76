"""A tiny task without an environment, its states, a label table to serve, and the settings to ask for it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan, PlanShare, SoftInstruction
from pipeline.params import Label
from pipeline.tables import LABELS, write_table
from pipeline.tasks.base import Task, TaskPrompt
from pipeline.tasks.spaces import Space
from pipeline.teacher.answers.rows import Provenance, label_row
from pipeline.teacher.states import State
from pipeline.teacher.teacher import ask

THINGS = tuple(
    f"{colour} lamp"
    for colour in ["amber", "black", "coral", "denim", "ebony", "flame", "green", "hazel", "ivory", "jade", "khaki"]
)

IN_FLIGHT = 8
"""Calls at once of a labelling process of its own."""


class LampTask(Task):
    """Lamps that can be gone to; only what a teacher needs."""

    name = "Lamps"
    suite = "fake"
    horizon = 10
    space = Space("discrete", 2, ("wait", "go"))
    grammar = Grammar((OptionSpec("explore"), OptionSpec("go to", ("lamp",), ("walk to",))), THINGS)
    prompt = TaskPrompt(
        "There are lamps.", Description(("amber lamp",)).sentence, "A lamp.", "Go there.", "go to <amber lamp>"
    )
    idle = 0

    def make_env(self, render_mode: str | None = None) -> Any:
        raise NotImplementedError

    def describe(self, observation: Any) -> Description:
        raise NotImplementedError

    def follow(self, option: Option, observation: Any) -> Any:
        raise NotImplementedError

    def layout_code(self, seed: int) -> int:
        return seed

    def make_batch(self, size: int, seed: int, instructions: Any = None, split: Any = "train") -> Any:
        raise NotImplementedError


def lamp_states(count: int) -> list[State]:
    """So many different states, at most 2048; the n-th was met n + 1 times."""
    subsets = (s for size in range(len(THINGS) + 1) for s in itertools.combinations(THINGS, size))
    return [State(Description(s), number + 1) for number, s in enumerate(itertools.islice(subsets, count))]


def lamp_teacher(state: State) -> SoftInstruction:
    """What the served teacher thinks: explore more often than going to the first lamp."""
    if not state.description.sees:
        return SoftInstruction(state.description, (PlanShare(Plan((Option("explore"),)), 1.0, "explore"),))
    explore, go = Plan((Option("explore"),)), Plan((Option("go to", (state.description.sees[0],)),))
    return SoftInstruction(state.description, (PlanShare(explore, 0.6, str(explore)), PlanShare(go, 0.4, str(go))))


def write_lamp_labels(path: Path, states: Sequence[State]) -> Path:
    """A label table of the lamps' teacher, to be served."""
    verdicts = [{"verdict": "valid", "prob": 1.0, "count": None, "example": "explore"}]
    rows = [label_row("Lamps", s.visits, "sample", lamp_teacher(s), verdicts, Provenance("test")) for s in states]
    write_table(path, rows, LABELS)
    return path


def settings(url: str, **changes: Any) -> Label:
    """Settings that ask a local server."""
    base: dict[str, Any] = {"provider": "openai", "model": "Lamps", "base_url": url, "timeout_s": 60.0}
    return Label.model_validate({**base, **changes})


def label_all(states: Sequence[State], asked: Label, root: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Label the states and return the rows of the label and the responses table."""
    labelling = ask(LampTask(), states, asked, root)
    return list(labelling.labels), list(labelling.responses)


def content(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Label rows without what depends on when and in which call they were answered."""
    transient = ("first_at", "last_at", "response_ids", "n_error")
    return [{name: value for name, value in row.items() if name not in transient} for row in rows]


if __name__ == "__main__":
    url, count, samples, root = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    rows, _ = label_all(lamp_states(count), settings(url, samples=samples, seed=1, concurrency=IN_FLIGHT), root)
    write_table(root / "labels.parquet", rows, LABELS)
