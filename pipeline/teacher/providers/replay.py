"""The provider `replay`: answers from a responses table instead of a server. Opens no socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline.tables import RESPONSES, TableError, read_table
from pipeline.teacher.answers.rows import hardened
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.methods.sample import row_of_answers
from pipeline.teacher.states import State


def ask(labelling: Labelling) -> LabelTables:
    """Label every state from `label.responses`, judged anew.

    The first answer to each of a state's first `samples` samples counts. Raises TeacherError if a state has fewer, and
    TableError for a table that can't be used.
    """
    task, states, settings, prompt = labelling.task, labelling.states, labelling.settings, labelling.method.prompt
    assert settings.responses is not None
    if settings.method == "logprob":
        raise TeacherError("label.method: logprob can't be replayed from drawn answers; use sample or hard")
    path = labelling.root / settings.responses
    answers = _answers(path, task.name)
    short = [state for state in states if len(answers.get(state.description.state_id, {})) < settings.samples]
    if short:
        have = len(answers.get(short[0].description.state_id, {}))
        raise TeacherError(
            f"{path}: {len(short)} of {len(states)} states have fewer than label.samples = {settings.samples} answers,"
            f" such as {short[0].description.sentence!r} with {have}; label them with another provider first"
        )

    def rows() -> Iterator[dict[str, Any]]:
        for state in states:
            by_sample = answers[state.description.state_id]
            chosen = [by_sample[index] for index in sorted(by_sample)[: settings.samples]]
            row = row_of_answers(task, settings, prompt, state, chosen, 0)
            yield hardened(row) if settings.method == "hard" else row

    return LabelTables("replay", rows(), _copies(path, states, settings.samples), [prompt.row()])


def _answers(path: Path, task: str) -> dict[str, dict[int, dict[str, Any]]]:
    """The first success of every sample, by state and sample index."""
    table = read_table(path, RESPONSES).drop_columns(["raw"])
    table = table.filter(pc.and_(pc.equal(table["task"], task), pc.is_null(table["error"])))
    found: dict[str, dict[int, dict[str, Any]]] = {}
    keys: dict[str, str] = {}
    for row in sorted(table.to_pylist(), key=lambda row: (row["state_id"], row["sample_index"], row["attempt"])):
        key = keys.setdefault(row["state_id"], row["request_key"])
        if key != row["request_key"]:
            raise TableError(f"{path}: two different requests about the state {row['state_id']}; keep only one set-up")
        found.setdefault(row["state_id"], {}).setdefault(row["sample_index"], row)
    return found


def _copies(path: Path, states: Sequence[State], samples: int) -> Iterator[dict[str, Any]]:
    """The replayed attempts, marked as such."""
    wanted = {state.description.state_id for state in states}
    for row in read_table(path, RESPONSES).to_pylist():
        if row["state_id"] in wanted and row["sample_index"] < samples:
            yield {**row, "source": "replay"}
