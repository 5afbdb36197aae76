"""Closing the loop: what students met and the table lacks comes back, and is then labelled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import TASK, params, publish

from pipeline.instructions import Description
from pipeline.label_sets.rating import rounds
from pipeline.params import Collect, Train
from pipeline.rounds import with_run
from pipeline.student.make import make_student
from pipeline.student.runs.saved import StudentError, save_student
from pipeline.tables import LABELS, STATES, read_instructions, read_table, write_table
from pipeline.tasks.registry import get_task
from stages.collect import collect
from stages.label import label
from stages.train import train


def test_a_third_of_the_table_is_taken_away_and_comes_back_from_the_students(tmp_path: Path) -> None:
    """The teacher is the published one, whose answers to the lost states come back with the states."""
    settings = params()
    path = collect(TASK, settings, tmp_path)
    rows = read_table(path, STATES).to_pylist()
    lost = rows[1::3]
    assert len(lost) >= len(rows) // 3
    write_table(path, [row for row in rows if row not in lost], STATES)
    labels = publish(tmp_path)
    taken = {row["state_id"] for row in lost}
    table = read_table(labels, LABELS).to_pylist()
    write_table(labels, [row for row in table if row["state_id"] not in taken], LABELS)
    train(TASK, "llm4teach", settings, tmp_path)
    run = tmp_path / "data/students" / TASK / "llm4teach/taught"
    met = {Description.from_sentence(text).state_id for text in json.loads((run / "unlabelled.json").read_text())}
    assert met & taken

    collect(TASK, settings, tmp_path, run)
    after = read_table(path, STATES).to_pylist()
    assert met <= {row["state_id"] for row in after}
    for row in after:
        assert row["state_count"] == sum(one["count"] for one in row["counts"])
    before, *_, students = rounds(after, read_instructions(labels, TASK).keys())
    assert students.behaviour == "students 1"
    assert students.known < 1
    assert students.labelled < 1

    label(TASK, settings, tmp_path)
    *_, now = rounds(after, read_instructions(tmp_path / "data/labels" / TASK / "labels.parquet", TASK).keys())
    assert now.labelled == 1
    assert before.visits > 0


@pytest.fixture
def states(tmp_path: Path) -> Path:
    """A table with one state that students will meet again, and one that they never will."""
    path = tmp_path / "states.parquet"
    rows = [
        {
            "task": TASK, "state_id": d.state_id, "state_text": d.sentence, "sees": list(d.sees), "holds": d.holds,
            "state_count": 3, "counts": [{"behaviour": "random", "count": 3}], "examples": [],
        }
        for d in (Description(), Description(("dragon",)))
    ]  # fmt: skip
    write_table(path, rows, STATES)
    return path


def save(folder: Path, unlabelled: str) -> Path:
    student = make_student(get_task(TASK), Train(schedule="tiny", network="egocentric"), np.random.default_rng(0))
    save_student(folder / "0", student, {"schedule": "tiny", "network": "egocentric"})
    (folder / "unlabelled.json").write_text(unlabelled)
    return folder


def test_rounds_are_numbered_counts_add_up_and_what_is_not_met_again_has_its_count_of_then(
    states: Path, tmp_path: Path
) -> None:
    gone = Description(("key",), "dragon")
    run = save(tmp_path / "run", json.dumps({gone.sentence: 7}))
    settings = Collect(behaviours=["random"], steps=300, envs=4, seed=0)
    rows, new = with_run(get_task(TASK), states, run, settings)
    by_text = {row["state_text"]: row for row in rows}
    assert new == len(rows) - 2
    assert by_text[gone.sentence]["counts"] == [{"behaviour": "students 1", "count": 7}]
    assert by_text[gone.sentence]["examples"] == []
    first, second = by_text[Description().sentence]["counts"]
    assert (first, second["behaviour"]) == ({"behaviour": "random", "count": 3}, "students 1")
    assert sum(one["count"] for row in rows for one in row["counts"] if one["behaviour"] == "students 1") == 300 + 7
    write_table(states, rows, STATES)
    again, _ = with_run(get_task(TASK), states, run, settings)
    assert {one["behaviour"] for row in again for one in row["counts"]} == {"random", "students 1", "students 2"}


def test_what_is_no_run_is_said(states: Path, tmp_path: Path) -> None:
    task, settings = get_task(TASK), Collect(behaviours=["random"], steps=1, envs=1, seed=0)
    with pytest.raises(FileNotFoundError, match=r"there are no students; wanted the folder that `llm4teach train`"):
        with_run(task, states, tmp_path / "nowhere", settings)
    for text in ("{", "[]", '{"a sentence": 3}', '{"The agent observes nothing, and holds nothing.": "x"}'):
        run = save(tmp_path / "run", text)
        with pytest.raises(StudentError, match=r"unlabelled\.json: wanted descriptions and how often"):
            with_run(task, states, run, settings)


@pytest.mark.parametrize(
    "description", [Description(), Description(("a b", "key")), Description((), "red key"), Description(("door",), "x")]
)
def test_a_description_is_read_back_from_its_sentence(description: Description) -> None:
    assert Description.from_sentence(description.sentence) == description
    with pytest.raises(ValueError, match="is not the sentence of a description"):
        Description.from_sentence(description.sentence + " ")
