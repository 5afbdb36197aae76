"""The states that a teacher is asked about: distinct descriptions, and how often each was met."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from pipeline.instructions import Description
from pipeline.tables import STATES, TableError, read_table

_COLUMNS = pa.schema([STATES.field(name) for name in ("task", "state_id", "sees", "holds", "state_count")])


class State(NamedTuple):
    """A description, and how often it was met."""

    description: Description
    visits: int


def read_states(path: Path, task: str) -> list[State]:
    """The distinct descriptions of a table of collected states, most often met first, counts of repeats added up.

    Raises TableError if the table can't be read, is of another task, or an id is not the one of its description.
    """
    table = read_table(path, _COLUMNS)
    others = [name for name in table["task"].unique().to_pylist() if name != task]
    if others:
        raise TableError(f"{path}: states of task {others[0]!r}, wanted {task!r}")
    states = []
    for row in distinct(table).to_pylist():
        description = Description(tuple(row["sees"] or ()), row["holds"])
        if description.state_id != row["state_id"]:
            raise TableError(f"{path}: the state_id of {description.sentence!r} is not the sha256 of its text")
        states.append(State(description, row["state_count"]))
    return sorted(states, key=lambda state: (-state.visits, state.description.sentence))


def distinct(table: pa.Table) -> pa.Table:
    """One row per state_id with the sum of its counts; `sees` and `holds` are those of its first row.

    `table` has the columns state_id, sees, holds and state_count, in any number of rows.
    """
    numbered = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    grouped = numbered.group_by("state_id").aggregate([("row", "min"), ("state_count", "sum")])
    first = table.select(["state_id", "sees", "holds"]).take(grouped["row_min"])
    return first.append_column("state_count", grouped["state_count_sum"].cast(pa.int64()))


def merged(tables: Iterable[Iterable[State]]) -> list[State]:
    """Several lists of states as one, counts added up, most often met first."""
    visits: dict[Description, int] = {}
    for states in tables:
        for state in states:
            visits[state.description] = visits.get(state.description, 0) + state.visits
    found = [State(description, count) for description, count in visits.items()]
    return sorted(found, key=lambda state: (-state.visits, state.description.sentence))
