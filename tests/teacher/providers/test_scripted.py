"""The provider `scripted`: a task's own rule as a label table that says what it is."""

from pathlib import Path

import pytest

from pipeline.instructions import Description
from pipeline.params import Label
from pipeline.tables import LABELS, read_instructions, write_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling
from pipeline.teacher.providers.scripted import ask
from pipeline.teacher.states import State

LEVEL = "minigrid:MiniGrid-KeyCorridorS3R1-v0"
STATES = [State(Description(("color1 key", "locked color1 door")), 3), State(Description(("place to explore",)), 2)]


def test_the_rule_s_plans_become_labels_that_say_so(tmp_path: Path):
    task = get_task(LEVEL)
    tables = ask(Labelling(task, STATES, Label(provider="scripted"), tmp_path))
    assert tables.source == "scripted"
    rows = list(tables.labels)
    assert [(row["provider"], row["state_count"], row["model_requested"]) for row in rows] == [
        ("scripted", 3, None),
        ("scripted", 2, None),
    ]
    write_table(tmp_path / "labels.parquet", rows, LABELS, {})
    labels = read_instructions(tmp_path / "labels.parquet", LEVEL)
    plans = [str(labels[state.description.state_id].shares[0].plan) for state in STATES]
    assert plans == ["pick up <color1 key>", "explore"]


def test_a_task_without_a_rule_says_so(tmp_path: Path):
    with pytest.raises(TeacherError, match="scripted: SimpleDoorKey has no rule of its own"):
        ask(Labelling(get_task("SimpleDoorKey"), STATES, Label(provider="scripted"), tmp_path))
