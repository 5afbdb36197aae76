"""`llm4teach labels …` on small tables: what people and programs read of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.tables import LABELS, RESPONSES, STATES, write_table
from pipeline.teacher.answers.rows import Provenance, label_row
from stages.labels import app

NOTHING, KEY, DOOR = Description(), Description(("key",)), Description(("door",))
EXPLORE, GO = Plan((Option("explore"),)), Plan((Option("go to", ("key",)),))


def table(path: Path, shares: dict[Description, dict[Plan, float]], visits: dict[Description, int]) -> Path:
    rows = []
    for description, probs in shares.items():
        residual = 1 - sum(probs.values())
        instruction = SoftInstruction(
            description, tuple(PlanShare(plan, prob, str(plan)) for plan, prob in probs.items()), residual
        )
        verdicts = [{"verdict": "valid", "prob": 1 - residual, "count": None, "example": "explore"}]
        if residual:
            verdicts.append({"verdict": "unknown option", "prob": residual, "count": None, "example": "fly"})
        rows.append(
            label_row("SimpleDoorKey", visits.get(description, 0), "sample", instruction, verdicts, Provenance("t"))
        )
    write_table(path, rows, LABELS)
    return path


def run(*arguments: str, fails: bool = False) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    if fails:
        assert result.exit_code == 2
        assert "Traceback" not in result.output
        return result.stderr
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in arguments else result.stdout


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    shares = {NOTHING: {EXPLORE: 1.0}, KEY: {GO: 0.5, EXPLORE: 0.25}}
    return str(table(tmp_path / "one/labels.parquet", shares, {NOTHING: 30, KEY: 10}))


def test_show_prints_a_state_and_its_distribution(one: str) -> None:
    text = run("show", one, "--state", "a key")
    assert "The agent observes a key, and holds nothing." in text
    assert " 50.0%  go to <key>" in text
    assert " 25.0%  (no usable plan)" in text
    assert "unknown option 25.0%: 'fly'" in text
    assert "observes nothing" not in text


def test_show_finds_a_state_by_its_id_and_limits(one: str) -> None:
    assert [s["state_text"] for s in run("show", one, "--state", KEY.state_id[:8], "--json")] == [KEY.sentence]
    assert [s["state_text"] for s in run("show", one, "--limit", "1", "--json")] == [NOTHING.sentence]
    assert "no labelled state has 'dragon'" in run("show", one, "--state", "dragon", fails=True)


def test_coverage_lists_what_is_missing_by_visits(one: str, tmp_path: Path) -> None:
    rows = [
        {"task": "SimpleDoorKey", "state_id": d.state_id, "sees": list(d.sees), "holds": d.holds, "state_count": n}
        for d, n in ((NOTHING, 60), (DOOR, 15), (KEY, 25))
    ]
    write_table(tmp_path / "data/states/SimpleDoorKey.parquet", rows, STATES)
    found = run("coverage", one, "--json")
    assert (found["states"], found["labelled"], found["coverage_visits"]) == (3, 2, 0.85)
    assert [m["state_text"] for m in found["missing"]] == [DOOR.sentence]
    write_table(tmp_path / "missed.parquet", rows[1:2], STATES)
    text = run("coverage", one, "--states", "missed.parquet", "--states", "data/states/SimpleDoorKey.parquet")
    assert "2 of 3 states are labelled" in text
    assert f"missing, met 30 times: {DOOR.sentence}" in text


def test_diff_gives_total_variation_by_state_and_by_visits(one: str, tmp_path: Path) -> None:
    shares = {NOTHING: {EXPLORE: 0.9}, KEY: {GO: 0.75}, DOOR: {EXPLORE: 1.0}}
    two = str(table(tmp_path / "two/labels.parquet", shares, {}))
    found = run("diff", one, two, "--json")
    by_state = {state["state_text"]: state["tv"] for state in found["states"]}
    assert by_state == pytest.approx({NOTHING.sentence: 0.1, KEY.sentence: 0.25})
    assert found["mean"] == pytest.approx(0.175)
    assert found["by_visits"] == pytest.approx((30 * 0.1 + 10 * 0.25) / 40)
    assert found["only_in_second"] == [DOOR.sentence]
    text = run("diff", one, two)
    assert text.index(KEY.sentence) < text.index(NOTHING.sentence)
    assert run("diff", one, one, "--json")["largest"] == 0


def test_stats_adds_up_tokens_cost_and_invalid_mass(one: str, tmp_path: Path) -> None:
    responses = [
        {"request_key": "a", "sample_index": 0, "tokens_in": 10, "tokens_out": 5, "cost": 0.5},
        {"request_key": "a", "sample_index": 1, "tokens_in": None, "tokens_out": 7, "cost": None, "error": "500"},
    ]
    write_table(tmp_path / "one/responses.parquet", responses, RESPONSES)
    found = run("stats", one, "--json")
    assert (found["tokens_in"], found["tokens_out"], found["cost"]) == (10, 12, 0.5)
    assert (found["attempts"], found["failed_attempts"]) == (2, 1)
    assert set(found["answers"].values()) == {0}  # these verdicts are shares, of nobody knows how many answers
    assert found["residual_mass"] == pytest.approx(0.125)
    assert found["residual_mass_visits"] == pytest.approx(0.0625)
    assert {"states", "provider", "verdicts"} <= set(found)
    assert not {"labelled", "unlabelled", "unmet", "coverage_states", "coverage_visits"} & set(found)  # of no states
    assert "residual mass" in run("stats", one)


def test_tables_are_found_by_folder_and_by_task(one: str) -> None:
    assert run("stats", "one", "--json") == run("stats", one, "--json")
    assert len(run("show", "ColoredDoorKey", "--json")) == 13
    assert "no label table" in run("stats", "Nowhere", fails=True)


@pytest.mark.usefixtures("one")
def test_a_file_of_the_users_own_that_is_no_table_is_named_and_not_to_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "notes.parquet").write_text("mine")
    for command in ("show", "stats", "coverage"):
        said = run(command, "notes.parquet", fails=True)
        assert said.startswith("llm4teach: notes.parquet: not a whole Parquet file (")
        assert "delete" not in said


def test_what_a_table_says_is_shown_by_a_terminal_and_not_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    red = Description(("\x1b[31mkey",))
    table(tmp_path / "odd/labels.parquet", {red: {EXPLORE: 1.0}}, {red: 1})
    assert "a \\x1b[31mkey" in run("show", "odd")
    rows = [{"task": "SimpleDoorKey", "state_id": red.state_id, "sees": list(red.sees), "state_count": 1}]
    write_table(tmp_path / "states.parquet", rows, STATES)
    table(tmp_path / "other/labels.parquet", {NOTHING: {EXPLORE: 1.0}}, {})
    for text in (
        run("show", "odd"), run("stats", "odd"), run("coverage", "other", "--states", "states.parquet"),
        run("show", "odd", "--state", "\x1b[31mdoor", fails=True),
    ):  # fmt: skip
        assert "\x1b" not in text
