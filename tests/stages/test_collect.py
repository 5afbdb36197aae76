"""The collect stage: each distinct description once, with true examples, from layouts of the training split only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import DOORKEY, TASK, params

from pipeline.collection import EXAMPLES, collect_states
from pipeline.instructions import Description, Grammar, OptionSpec
from pipeline.params import Collect
from pipeline.registry import Unknown
from pipeline.tables import STATES, read_table, unpacked
from pipeline.tasks.doorkey.engine import DoorKeyBatch
from pipeline.tasks.registry import get_task
from stages.collect import collect


def rows(root: Path, task: str = TASK, **changes: Any) -> list[dict[str, Any]]:
    path = collect(task, params({f"collect.{name}": value for name, value in changes.items()}), root)
    assert path == root / "data/states" / f"{task}.parquet"
    return read_table(path, STATES).to_pylist()


@pytest.mark.parametrize("name", DOORKEY)
def test_examples_show_the_state_that_they_stand_for(tmp_path: Path, name: str) -> None:
    task = get_task(name)
    found = rows(tmp_path, name)
    assert len(found) >= 4
    for row in found:
        description = Description(tuple(row["sees"]), row["holds"])
        assert (row["task"], row["state_id"], row["state_text"]) == (name, description.state_id, description.sentence)
        (examples,) = unpacked(row["examples"]).values()
        assert examples.dtype == np.uint8
        assert len(examples) == min(EXAMPLES, row["state_count"])
        for example in examples:
            assert task.describe({"map": example}) == description


def test_every_state_is_counted_once_per_behaviour(tmp_path: Path) -> None:
    found = rows(tmp_path, steps=803, envs=16)
    assert len({row["state_id"] for row in found}) == len(found)
    assert [row["state_count"] for row in found] == sorted((row["state_count"] for row in found), reverse=True)
    by_behaviour: dict[str, int] = {}
    for row in found:
        assert row["state_count"] == sum(entry["count"] for entry in row["counts"])
        for entry in row["counts"]:
            by_behaviour[entry["behaviour"]] = by_behaviour.get(entry["behaviour"], 0) + entry["count"]
    assert by_behaviour == {"random": 800, "options": 800}  # 803 steps make 50 whole rounds of 16 environments


def test_options_get_further_than_random_actions(tmp_path: Path) -> None:
    held = Description(("door",), "key").state_id
    (found,) = [row for row in rows(tmp_path, steps=32_000, envs=64) if row["state_id"] == held]
    counts = {entry["behaviour"]: entry["count"] for entry in found["counts"]}
    assert counts["options"] > 2 * counts["random"] > 0


def test_where_no_option_can_start_one_idles() -> None:
    """Of a task that knows no `explore`, the first state is collected all the same."""
    task = get_task(TASK)
    task.grammar = Grammar((OptionSpec("go to", ("key",)), OptionSpec("open", ("door",))), ("key", "door"))
    collected = collect_states(task, Collect(behaviours=["options"], steps=64, envs=8, seed=0))
    assert {row["state_text"]: row["state_count"] for row in collected}[Description().sentence] > 0
    assert sum(row["state_count"] for row in collected) == 64


def test_only_training_layouts_are_visited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    original = DoorKeyBatch.__init__

    def recorded(self: DoorKeyBatch, *arguments: Any) -> None:
        made.append(arguments[-1])
        original(self, *arguments)

    monkeypatch.setattr(DoorKeyBatch, "__init__", recorded)
    rows(tmp_path)
    assert set(made) == {"train"}


def test_the_seed_decides_the_table(tmp_path: Path) -> None:
    for folder in ("one", "same"):
        rows(tmp_path / folder)
    rows(tmp_path / "other", seed=1)
    one, same, other = (
        (tmp_path / f / "data/states" / f"{TASK}.parquet").read_bytes() for f in ("one", "same", "other")
    )
    assert one == same != other


def test_an_unknown_task_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match="there are SimpleDoorKey"):
        collect("Nope", params(), tmp_path)
