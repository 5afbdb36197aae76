"""Packing: what a set's folder holds, that everybody can read it, and that a person's own words survive."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sets import DESCRIPTIONS, TASK, make_set, write_tables
from tiny import ROOT

from pipeline.label_sets.card import BEGIN, END, code
from pipeline.label_sets.folder import SetError, folder_of
from pipeline.label_sets.pack import pack
from pipeline.tables import LABELS, read_table, write_table
from stages.labels import app

ROWS = "print(len(labels), sum(p['prob'] for row in labels for p in row['plans']) + sum(labels['residual_mass']))"
COUNTS = {
    "datasets": ROWS,
    "by config": ROWS,
    "pandas": "labels = labels.to_dict('records')\n" + ROWS.replace("sum(labels['residual_mass'])", "RESIDUAL"),
    "polars": (
        "probs = labels.explode('plans')['plans'].drop_nulls().struct.field('prob')\n"
        "print(len(labels), probs.sum() + labels['residual_mass'].sum())"
    ),
    "DuckDB": "print(5, sum(prob for _, _, prob in rows) + RESIDUAL)",
}
"""What follows the card's own lines: number of labels, and the sum of all probabilities."""


def lines_for(reader: str, folder: Path) -> str:
    """The lines of a set's card that load the labels with a reader."""
    card = (folder / "README.md").read_text()
    if reader == "by config":
        call = re.search(r"`(load_dataset\(\"OWNER/NAME\".*?\))`", card)
        assert call is not None
        return f"from datasets import load_dataset\nlabels = {call.group(1)}['train']".replace(
            "OWNER/NAME", str(folder)
        )
    if reader == "DuckDB":
        (query,) = re.findall(r"```sql\n(.*?)```", card, re.S)
        return f"import duckdb\nrows = duckdb.sql({query!r}).fetchall()"
    (found,) = (block for block in re.findall(r"```python\n(.*?)```", card, re.S) if reader in block)
    return str(found)


def test_the_checksums_are_those_that_sha256sum_checks(packed_set: Path) -> None:
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=packed_set, capture_output=True, text=True, check=True)
    names = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
    assert names == {
        "README.md", "croissant.json", *(f"{TASK}/{t}.parquet" for t in ("labels", "responses", "prompts", "states"))
    }  # fmt: skip


def test_croissant_names_every_table_with_its_sha256_and_every_flat_column(packed_set: Path) -> None:
    content = json.loads((packed_set / "croissant.json").read_text())
    assert content["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert content["license"] == "https://spdx.org/licenses/cc-by-4.0"
    for one in content["distribution"]:
        assert one["sha256"] == hashlib.sha256((packed_set / one["contentUrl"]).read_bytes()).hexdigest()
    assert len(content["distribution"]) == 4
    (labels,) = (record for record in content["recordSet"] if record["@id"] == f"{TASK}-labels")
    assert [field["name"] for field in labels["field"]] == [n for n in LABELS.names if n not in ("plans", "verdicts")]


def test_the_card_has_the_hubs_front_matter_with_a_config_per_table(packed_set: Path) -> None:
    head = yaml.safe_load((packed_set / "README.md").read_text().split("---\n")[1])
    assert head["license"] == "cc-by-4.0"
    assert head["task_categories"] == ["reinforcement-learning"]
    assert {(one["config_name"], one["data_files"]) for one in head["configs"]} == {
        (TASK, f"{TASK}/labels.parquet"),
        *((f"{TASK}-{table}", f"{TASK}/{table}.parquet") for table in ("responses", "prompts", "states")),
    }


def test_the_card_says_what_the_tables_say(packed_set: Path) -> None:
    card = (packed_set / "README.md").read_text()
    # Five states of four answers; of the states with a key in sight one in four answers flies, and so on.
    rows = read_table(packed_set / TASK / "labels.parquet", LABELS).to_pylist()
    residual = sum(row["residual_mass"] for row in rows) / 5
    agreement = sum(plan["prob"] ** 2 for row in rows for plan in row["plans"]) / 5
    assert f"| `{TASK}` | 5 | 4 | {residual:.1%} |" in card
    assert f"| {agreement:.3f} | 5 of 5, 100.00% of visits | 25 | 5 |" in card
    assert "25 attempts, of which 5 failed, took 2000 tokens in and 200 out; cost: 0.0200." in card
    assert "Answers are from 2026-03-01 to 2026-03-01 (UTC)." in card
    assert "`model-1`" in card
    assert "| unknown option | 25.0% | `fly to <key>` |" in card
    for line in (ROOT / "pipeline/teacher/prompts/chain_of_thought.system.txt").read_text().splitlines()[-2:]:
        assert line in card


def test_a_persons_own_words_survive_and_generated_ones_are_renewed(own_set: Path) -> None:
    path = own_set / "README.md"
    card = path.read_text()
    path.write_text(
        card.replace("pretty_name: A set for tests", "pretty_name: Mine\nannotations_creators:\n- machine-generated")
        .replace(BEGIN, f"Above.\n\n{BEGIN}\n\nNot to stay.")
        .replace(END, f"{END}\n\n## Mine\n\nBelow.")
    )
    pack(own_set)
    once = path.read_text()
    assert "Above.\n\n" + BEGIN in once
    assert END + "\n\n## Mine\n\nBelow.\n" in once
    assert "Not to stay." not in once
    head = yaml.safe_load(once.split("---\n")[1])
    assert (head["pretty_name"], head["annotations_creators"]) == ("Mine", ["machine-generated"])
    pack(own_set)
    assert path.read_text() == once


def test_what_a_model_wrote_can_do_nothing_in_a_card() -> None:
    assert code("a|b`c`\n<script>\x1b[31m") == "`a\\|b'c'\\n<script>\\x1b[31m`"


def test_the_published_set_is_what_packing_makes_of_it(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "data/published/doorkey", tmp_path / "doorkey"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    pack(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("reader", COUNTS)
def test_others_read_a_set_by_the_cards_own_lines_and_without_this_project(
    reader: str, packed_set: Path, tmp_path: Path
) -> None:
    residual = sum(read_table(packed_set / TASK / "labels.parquet", LABELS)["residual_mass"].to_pylist())
    script = "import sys\nsys.modules['pipeline'] = None  # whoever imports it fails\n"
    script += f"RESIDUAL = {residual}\n{lines_for(reader, packed_set)}\n{COUNTS[reader]}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd=packed_set,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub"), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    count, mass = done.stdout.split()
    assert int(count) == len(DESCRIPTIONS)
    assert float(mass) == pytest.approx(len(DESCRIPTIONS))


def test_tables_are_gathered_from_the_stages_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    write_tables(tmp_path / "data/labels")
    (tmp_path / "data/states").mkdir()
    (tmp_path / "data/labels" / TASK / "states.parquet").rename(tmp_path / "data/states" / f"{TASK}.parquet")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["pack", "mine", "--task", TASK, "--license", "cc0-1.0", "--name", "Mine"])
    assert done.exit_code == 0, done.output
    assert done.stdout == "mine: 5 labels of 1 tasks, 25 responses\n"
    assert {path.name for path in (tmp_path / "mine" / TASK).iterdir()} == {
        "labels.parquet", "responses.parquet", "prompts.parquet", "states.parquet"
    }  # fmt: skip
    done = CliRunner().invoke(app, ["pack", "mine", "--task", "LavaDoorKey"])
    assert done.exit_code == 2
    assert "data/labels/LavaDoorKey/labels.parquet: there is no such file; `llm4teach label --task" in done.stderr


def test_a_folder_without_labels_or_of_a_table_that_is_broken_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetError, match=r"there is no <task>/labels\.parquet"):
        pack(tmp_path / "empty")
    folder = make_set(tmp_path / "set")
    rows = read_table(folder / TASK / "labels.parquet", LABELS).to_pylist()
    write_table(folder / TASK / "labels.parquet", [{**rows[0], "residual_mass": 0.9}], LABELS)
    with pytest.raises(SetError, match=r"SimpleDoorKey/labels\.parquet, row 0: probabilities sum to"):
        pack(folder)


def test_a_tasks_folder_is_a_name_that_every_file_system_takes() -> None:
    assert folder_of("minigrid:MiniGrid-KeyCorridorS3R3-v0") == "minigrid-MiniGrid-KeyCorridorS3R3-v0"
