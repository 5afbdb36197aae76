"""The label stage with the published teacher: what it writes, counts and refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipeline.instructions import Description
from pipeline.params import Params, load_params
from pipeline.tables import RESPONSES, STATES, TableError, read_instructions, read_table, write_table
from pipeline.teacher.errors import TeacherError
from stages.label import label

ROOT = Path(__file__).resolve().parents[2]


def settings(**changes: Any) -> Params:
    params = load_params(ROOT / "params.yaml")
    return params.model_copy(update={"label": params.label.model_copy(update=changes)})


def collect(root: Path, task: str, counts: dict[Description, int]) -> None:
    rows = [
        {
            "task": task,
            "state_id": description.state_id,
            "state_text": description.sentence,
            "sees": list(description.sees),
            "holds": description.holds,
            "state_count": count,
        }
        for description, count in counts.items()
    ]
    write_table(root / "data/states" / f"{task}.parquet", rows, STATES)


NOTHING, KEY, HELD = Description(), Description(("key",)), Description((), "key")


def test_published_labels_take_the_collected_counts_and_invent_nothing(tmp_path: Path) -> None:
    collect(tmp_path, "SimpleDoorKey", {NOTHING: 60, KEY: 30, Description(("chest",)): 10})
    metrics = label("SimpleDoorKey", settings(), tmp_path)

    path = tmp_path / "data/labels/SimpleDoorKey/labels.parquet"
    assert len(read_instructions(path, "SimpleDoorKey")) == 6
    rows = {row["state_text"]: row for row in read_table(path, STATES_AND_COUNTS).to_pylist()}
    assert {text: row["state_count"] for text, row in rows.items() if row["state_count"]} == {
        NOTHING.sentence: 60,
        KEY.sentence: 30,
    }
    assert (metrics["states"], metrics["labelled"], metrics["unlabelled"], metrics["unmet"]) == (3, 2, 1, 4)
    assert metrics["coverage_states"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["coverage_visits"] == pytest.approx(0.9)
    assert json.loads((path.parent / "metrics.json").read_text()) == metrics


def test_datasets_reads_every_table_that_is_written(tmp_path: Path) -> None:
    """It can't read one without rows: where nobody was asked there is none, and an earlier labelling's is gone."""
    collect(tmp_path, "SimpleDoorKey", {NOTHING: 60})
    folder = tmp_path / "data/labels/SimpleDoorKey"
    write_table(folder / "responses.parquet", [{"task": "SimpleDoorKey"}], RESPONSES)
    label("SimpleDoorKey", settings(), tmp_path)
    assert {path.name for path in folder.iterdir()} == {"labels.parquet", "metrics.json"}
    path = str(folder / "labels.parquet")
    found = load_dataset("parquet", data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
    assert len(found) == 6


def test_the_tables_say_with_which_settings_they_were_made(tmp_path: Path) -> None:
    collect(tmp_path, "SimpleDoorKey", {NOTHING: 60})
    asked = settings(samples=3, extra_body={"min_p": 0.1})
    label("SimpleDoorKey", asked, tmp_path)
    metadata = pq.read_schema(tmp_path / "data/labels/SimpleDoorKey/labels.parquet").metadata
    assert json.loads(metadata[b"params"]) == asked.label.model_dump()


STATES_AND_COUNTS = STATES.empty_table().select(["state_text", "state_count"]).schema


def test_the_published_table_that_was_named_is_taken_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect(tmp_path, "SimpleDoorKey", {NOTHING: 1})
    for name in ("mine", "yours"):
        shutil.copytree(ROOT / "data/published/doorkey", tmp_path / "data/published" / name)
    with pytest.raises(TeacherError, match=r"label\.published is missing: .* mine, yours"):
        label("SimpleDoorKey", settings(), tmp_path)
    label("SimpleDoorKey", settings(published="yours"), tmp_path)
    folder = tmp_path / "data/published/yours/SimpleDoorKey"
    assert f"1 of 1 states labelled by published ({folder})" in capsys.readouterr().out


def test_metrics_weigh_states_by_their_visits(tmp_path: Path) -> None:
    collect(tmp_path, "SimpleDoorKey", {NOTHING: 75, HELD: 25})
    metrics = label("SimpleDoorKey", settings(), tmp_path)
    assert metrics["residual_mass_visits"] == pytest.approx(0.24 / 4)
    assert metrics["verdicts_visits"]["not executable here"] == pytest.approx(0.22 / 4)
    assert metrics["residual_mass"] == pytest.approx((0.24 + 0.02) / 6, abs=1e-6)


def test_hard_labels_put_all_mass_on_one_plan(tmp_path: Path) -> None:
    collect(tmp_path, "DivergedDoorKey", {NOTHING: 1})
    label("DivergedDoorKey", settings(method="hard"), tmp_path)
    table = read_instructions(tmp_path / "data/labels/DivergedDoorKey/labels.parquet", "DivergedDoorKey")
    assert all(len(one.shares) == 1 and one.residual == 0 for one in table.values())
    both = table[Description(("door1", "door2"), "key").state_id]
    assert str(both.shares[0].plan) == "go to <door1>, open <door1>"


def test_states_listed_twice_are_one_state(tmp_path: Path) -> None:
    row = {"task": "SimpleDoorKey", "state_id": NOTHING.state_id, "sees": [], "holds": None}
    rows = [{**row, "state_count": 3}, {**row, "state_count": 4}]
    write_table(tmp_path / "data/states/SimpleDoorKey.parquet", rows, STATES)
    metrics = label("SimpleDoorKey", settings(), tmp_path)
    assert (metrics["states"], metrics["coverage_visits"]) == (1, 1.0)


def test_missing_states_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"SimpleDoorKey\.parquet: there is no such file"):
        label("SimpleDoorKey", settings(), tmp_path)


def test_states_of_another_task_are_refused(tmp_path: Path) -> None:
    collect(tmp_path, "LavaDoorKey", {NOTHING: 1})
    (tmp_path / "data/states/LavaDoorKey.parquet").rename(tmp_path / "data/states/SimpleDoorKey.parquet")
    with pytest.raises(TableError, match="states of task 'LavaDoorKey', wanted 'SimpleDoorKey'"):
        label("SimpleDoorKey", settings(), tmp_path)


def test_a_state_whose_id_is_not_its_texts_is_refused(tmp_path: Path) -> None:
    row = {"task": "SimpleDoorKey", "state_id": "0" * 64, "sees": [], "holds": None, "state_count": 1}
    write_table(tmp_path / "data/states/SimpleDoorKey.parquet", [row], STATES)
    with pytest.raises(TableError, match="not the sha256"):
        label("SimpleDoorKey", settings(), tmp_path)


def test_tables_of_several_row_groups_are_whole(tmp_path: Path) -> None:
    states = ({"task": "T", "state_id": str(n), "sees": [], "holds": None, "state_count": n} for n in range(5000))
    write_table(tmp_path / "many.parquet", states, STATES)
    assert read_table(tmp_path / "many.parquet", STATES)["state_count"].to_pylist() == list(range(5000))


def test_a_failed_stream_leaves_the_old_table(tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield {"task": "new"}
        raise RuntimeError("half way")

    write_table(tmp_path / "table.parquet", [{"task": "old"}], STATES)
    with pytest.raises(RuntimeError, match="half way"):
        write_table(tmp_path / "table.parquet", broken(), STATES)
    assert read_table(tmp_path / "table.parquet", STATES)["task"].to_pylist() == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]
