"""Rating: what a set says of its teacher by its tables, and round by round."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sets import TASK, make_set
from typer.testing import CliRunner

from pipeline.label_sets.rating import Round, rounds
from pipeline.tables import LABELS, read_table
from stages.labels import app


def state(state_id: str, **counts: int) -> dict:  # type: ignore[type-arg]
    named = [{"behaviour": name.replace("_", " "), "count": count} for name, count in counts.items()]
    return {"state_id": state_id, "counts": named}


def test_rounds_say_what_was_known_before_and_what_is_labelled_now() -> None:
    """Students first meet c, and in the second round d, which nobody has labelled yet."""
    states = [
        state("a", options=5, random=10, students_1=10, students_2=10),
        state("b", random=10, students_1=60),
        state("c", students_1=30, students_2=80),
        state("d", students_2=10),
    ]
    assert rounds(states, {"a", "b", "c"}) == [
        Round("options", 5, 0.0, 1.0),
        Round("random", 20, 0.5, 1.0),
        Round("students 1", 100, 0.7, 1.0),
        Round("students 2", 100, 0.9, 0.9),
    ]


def test_ten_rounds_keep_their_order() -> None:
    found = rounds(
        [{"state_id": "a", "counts": [{"behaviour": f"students {k}", "count": 1} for k in range(1, 12)]}], ()
    )
    assert [one.behaviour for one in found] == [f"students {k}" for k in range(1, 12)]
    assert [one.known for one in found] == [0.0, *[1.0] * 10]


def test_two_sets_are_rated_side_by_side_from_their_tables_alone(tmp_path: Path) -> None:
    sure = make_set(tmp_path / "sure", texts=["explore"])
    mixed = make_set(tmp_path / "mixed")
    done = CliRunner().invoke(app, ["rate", str(sure), str(mixed), "--episodes", "0", "--json"])
    assert done.exit_code == 0, done.output
    one, two = json.loads(done.stdout)
    assert (one["task"], one["labels"], one["agreement"], one["entropy"], one["unusable"]) == (TASK, 5, 1.0, 0.0, 0.0)
    rows = read_table(mixed / TASK / "labels.parquet", LABELS).to_pylist()
    assert two["agreement"] == pytest.approx(sum(p["prob"] ** 2 for row in rows for p in row["plans"]) / 5)
    assert two["unusable"] == pytest.approx(sum(row["residual_mass"] for row in rows) / 5)
    assert (two["coverage_visits"], two["success"]) == (1.0, None)
    assert [one["behaviour"] for one in two["rounds"]] == ["random"]
    text = CliRunner().invoke(app, ["rate", str(sure), str(mixed), "--episodes", "0"]).stdout
    assert text.splitlines()[0].split()[:4] == ["set", "task", "labels", "unusable"]
    assert len(text.splitlines()) == 3


def test_a_task_that_the_set_does_not_have_is_said(packed_set: Path) -> None:
    done = CliRunner().invoke(app, ["rate", str(packed_set), "--task", "LavaDoorKey", "--episodes", "0"])
    assert (done.exit_code, "has no labels of LavaDoorKey" in done.stderr) == (2, True)
