"""Tables: what is written is read again, by this project and by others, and whatever is broken is told with its row."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny import DOORKEY, ROOT, TASK

from pipeline.instructions import Description, Grammar, Option, Plan, PlanShare, SoftInstruction
from pipeline.tables import (
    EPISODES,
    LABELS,
    PROMPTS,
    RESPONSES,
    STATES,
    TableError,
    instruction_columns,
    label_id,
    packed,
    read_instructions,
    read_table,
    unpacked,
    write_table,
)
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.rows import Provenance, label_row

KEY = Description(("key",))
GO, EXPLORE = Plan((Option("go to", ("key",)), Option("pick up", ("key",)))), Plan((Option("explore"),))
SOFT = SoftInstruction(
    KEY, (PlanShare(GO, 0.75, "go to <key>, pick up <key>", 3), PlanShare(EXPLORE, 0.125, "explore", None, -2.0)), 0.125
)
GRAMMAR = get_task(TASK).grammar


def row(instruction: SoftInstruction = SOFT, **changes: Any) -> dict[str, Any]:
    return {**label_row(TASK, 3, "sample", instruction, [], Provenance("test")), **changes}


def write(tmp_path: Path, *rows: dict[str, Any], schema: pa.Schema = LABELS) -> Path:
    path = tmp_path / "labels.parquet"
    write_table(path, rows, schema, {"a": 1})
    return path


def refusal(path: Path, grammar: Grammar | None = None) -> str:
    """Why the label table is refused, without the path that the message starts with."""
    with pytest.raises(TableError) as error:
        read_instructions(path, TASK, grammar)
    message = str(error.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_a_soft_instruction_survives_the_file(tmp_path: Path) -> None:
    other = SoftInstruction(Description(), (), 1.0)
    table = read_instructions(write(tmp_path, row(), row(other)), TASK, GRAMMAR)
    assert table == {KEY.state_id: SOFT, Description().state_id: other}


@pytest.mark.parametrize("schema", [STATES, LABELS, RESPONSES, PROMPTS, EPISODES])
def test_every_schema_survives_the_file_empty_or_not(tmp_path: Path, schema: pa.Schema) -> None:
    assert read_table(write(tmp_path, schema=schema), schema).num_rows == 0
    first = schema.names[0]
    table = read_table(write(tmp_path, {first: "x"}, {first: "y"}, schema=schema), schema)
    assert table[first].to_pylist() == ["x", "y"]
    assert table.schema.names == schema.names


def test_the_file_says_what_wrote_it_and_nothing_of_any_framework(tmp_path: Path) -> None:
    path = write(tmp_path, row())
    metadata = pq.read_schema(path).metadata
    assert set(metadata) == {b"schema_version", b"tool", b"params"}
    assert metadata[b"tool"].startswith(b"llm4teach ")
    assert json.loads(metadata[b"params"]) == {"a": 1}
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    assert write(tmp_path, row()).read_bytes() == write(tmp_path, row()).read_bytes()


def test_a_label_id_changes_with_what_defines_the_row() -> None:
    one = row()
    assert one["label_id"] == label_id(one)
    assert label_id({**one, "state_count": 99}) == one["label_id"]
    for name in ("task", "provider", "method", "prompt_sha256", "n_requested", "plans"):
        assert label_id({**one, name: None}) != one["label_id"] or one[name] is None
        assert label_id({**one, name: "another"}) != one["label_id"]


@pytest.mark.parametrize("task", DOORKEY)
def test_published_tables_can_be_used(task: str) -> None:
    path = ROOT / "data/published/doorkey" / task / "labels.parquet"
    table = read_instructions(path, task, get_task(task).grammar)
    assert len(table) >= 6
    ids = [row["label_id"] for row in read_table(path, LABELS).to_pylist()]
    assert len(set(ids)) == len(ids)


def with_plans(**changes: Any) -> dict[str, Any]:
    """The row with one plan only, of probability 1, and this changed in it."""
    one = row(SoftInstruction(KEY, (PlanShare(GO, 1.0, "go"),)))
    one["plans"][0].update(changes)
    return one


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(residual_mass=0.5), "probabilities sum to 1.375000, not 1: The agent observes a key"),
        (row(residual_mass=-0.125), "probabilities must lie in [0, 1]"),
        (row(residual_mass=float("nan")), "probabilities must lie in [0, 1]"),
        (row(residual_mass=None), "a value is missing in the plans or the residual mass"),
        (row(plans=None), "probabilities sum to 0.125000, not 1"),
        (row(plans=[None]), "a value is missing in the plans"),
        (with_plans(prob=None), "a value is missing in the plans"),
        (with_plans(options=None), "a value is missing in the plans"),
        (with_plans(options=[{"name": "explore", "args": None}]), "a value is missing in the plans"),
        (row(task="LavaDoorKey"), "a label of task 'LavaDoorKey', wanted 'SimpleDoorKey'"),
        (row(task=None), "a label of task None, wanted 'SimpleDoorKey'"),
        (row(state_id="0" * 64), "state_id is not the sha256 of 'The agent observes a key, and holds nothing.'"),
        (row(sees=["door"]), "state_id is not the sha256 of 'The agent observes a door"),
        (row(holds="key"), "state_id is not the sha256 of 'The agent observes a key, and holds a key.'"),
    ],
)
def test_a_broken_row_is_told_with_its_number(tmp_path: Path, bad: dict[str, Any], message: str) -> None:
    good = row(SoftInstruction(Description(), (), 1.0))
    assert refusal(write(tmp_path, good, bad)).startswith(f", row 1: {message}")


@pytest.mark.parametrize(
    ("name", "args"),
    [("teleport", ["key"]), ("go to", ["dragon"]), ("go to", []), ("explore", ["key"]), ("open", ["key"])],
)
def test_a_plan_that_the_task_does_not_know_is_refused(tmp_path: Path, name: str, args: list[str]) -> None:
    path = write(tmp_path, with_plans(options=[{"name": name, "args": args}]))
    assert refusal(path, GRAMMAR).startswith(", row 0: the task knows no such plan: " + name)
    assert len(read_instructions(path, TASK)) == 1


def test_a_description_answered_twice_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, row(), row())).startswith(", row 1: a second label for the same description")


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path)) == ": the label table is empty"


def test_a_missing_table_is_told_and_a_folder_is_none(tmp_path: Path) -> None:
    assert "there is no such file; the stage that writes it has not run" in refusal(tmp_path / "none.parquet")
    assert "there is no such file" in refusal(tmp_path)


def overwrite(start: int) -> Callable[[bytes], bytes]:
    return lambda whole: (
        whole[:start] + bytes(byte ^ 0x55 for byte in whole[start : start + 200]) + whole[start + 200 :]
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[len(whole) // 2 :],
        lambda _: b"",
        lambda _: b"hello",
        overwrite(4),
        overwrite(400),
    ],
    ids=["half", "a byte short", "second half", "nothing", "text", "start damaged", "middle damaged"],
)
def test_a_file_that_is_not_whole_is_told(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path, *(row(SoftInstruction(Description((f"thing{n}",)), (), 1.0)) for n in range(50)))
    path.write_bytes(damage(path.read_bytes()))
    message = refusal(path)
    assert message.startswith(": not a whole Parquet file (")
    assert "\n" not in message


def test_another_schema_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, row())
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["plans", "entropy"]), path)
    assert refusal(path) == ": columns missing: plans, entropy"
    pq.write_table(table.set_column(table.column_names.index("plans"), "plans", pa.array([1.5])), path)
    assert refusal(path).startswith(": a column has another type than the schema's (")
    pq.write_table(table.append_column("remark", pa.array(["more columns do no harm"])), path)
    assert len(read_instructions(path, TASK)) == 1


def test_a_newer_or_odd_schema_version_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, row())
    table = pq.read_table(path)
    for version in ("3", "one"):
        pq.write_table(table.replace_schema_metadata({"schema_version": version}), path)
        assert refusal(path) == f": schema version {version}; this program reads up to 2"
    for metadata in ({}, {"schema_version": "1"}):
        pq.write_table(table.replace_schema_metadata(metadata), path)
        assert len(read_instructions(path, TASK)) == 1


def test_states_of_the_first_schema_are_to_be_collected_anew(tmp_path: Path) -> None:
    path = tmp_path / "states.parquet"
    first = [name for name in STATES.names if name != "examples"]
    table = STATES.empty_table().select(first).append_column("example_key", pa.array([], pa.string()))
    pq.write_table(table.replace_schema_metadata({"schema_version": "1"}), path)
    with pytest.raises(TableError, match=r"columns missing: examples \(schema version 1\); write it anew"):
        read_table(path, STATES)


def test_arrays_survive_packing() -> None:
    arrays = {
        "map": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "clock": np.array([0.5, -1.5], np.float32),
        "none": np.zeros((0, 5), np.int64),
    }
    table = pa.table({"examples": pa.array([packed(arrays)], STATES.field("examples").type)})
    found = unpacked(table.to_pylist()[0]["examples"])
    assert list(found) == list(arrays)
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype
        np.testing.assert_array_equal(found[key], array)


def test_what_does_not_sum_to_one_is_not_written_either() -> None:
    odd = SoftInstruction(KEY, (PlanShare(GO, 1.0, "go"),))
    object.__setattr__(odd, "residual", 0.5)
    with pytest.raises(TableError, match=r"sum to 1\.5"):
        instruction_columns(odd)


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    """Killed after the new content is written and before it is in its place."""
    path = write(tmp_path, row())
    before = path.read_bytes()
    script = (
        "import os, signal, sys; from pathlib import Path; from pipeline.tables import PROMPTS, write_table\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_table(Path(sys.argv[1]), [{'system': 'new'}], PROMPTS)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(read_instructions(path, TASK)) == 1


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, row())
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, row(), row())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_pandas_is_not_needed_to_read(tmp_path: Path) -> None:
    path = write(tmp_path, row())
    script = (
        "import json, sys\n"
        "class NoPandas:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] == 'pandas': raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoPandas())\n"
        "import pyarrow.parquet as pq\n"
        "print(json.dumps(pq.read_table(sys.argv[1], columns=['state_text', 'plans']).to_pylist()))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    (read,) = json.loads(done.stdout)
    assert read["state_text"] == KEY.sentence
    assert [plan["prob"] for plan in read["plans"]] == [0.75, 0.125]


def test_reading_loads_nothing_slow(tmp_path: Path) -> None:
    """Every stage reads a table, and pandas alone would take longer than the reading."""
    script = (
        "import sys; from pathlib import Path; from pipeline.tables import read_instructions\n"
        "read_instructions(Path(sys.argv[1]), sys.argv[2])\n"
        "print([name for name in ('pandas', 'pyarrow.dataset', 'datasets') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(write(tmp_path, row())), TASK]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_datasets_reads_a_table_as_it_is(tmp_path: Path) -> None:
    """Offline, in a process of its own: the library takes its settings when it is loaded."""
    path = write(tmp_path, row())
    script = (
        "import json, sys, datasets; datasets.disable_progress_bars()\n"
        "rows = datasets.load_dataset('parquet', data_files=sys.argv[1], split='train', cache_dir=sys.argv[2])\n"
        "print(json.dumps([rows.features['entropy'].dtype, rows[0]['state_text'], rows[0]['plans'][0]['options']]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(tmp_path / "cache")],
        capture_output=True, text=True, env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kind, text, options = json.loads(done.stdout)
    assert (kind, text) == ("float64", KEY.sentence)
    assert options == [{"name": "go to", "args": ["key"]}, {"name": "pick up", "args": ["key"]}]
