"""Merging: answers are pooled, none counted twice, disagreement is told, and the result follows from its responses."""

from __future__ import annotations

from pathlib import Path

import pytest
from sets import DESCRIPTIONS, TASK, make_set
from tiny import ROOT
from typer.testing import CliRunner

from pipeline.instructions import Description
from pipeline.label_sets.merge import Merged, merge
from pipeline.label_sets.pack import pack
from pipeline.label_sets.verify import Verified, verify
from pipeline.tables import LABELS, RESPONSES, STATES, read_instructions, read_table
from stages.labels import app

KEY = Description(("key",))


def merged(tmp_path: Path, *folders: Path) -> tuple[Merged, Verified, Path]:
    target = tmp_path / "merged"
    result = merge(folders, target)
    pack(target)
    return result, verify(target), target


def shares(folder: Path, description: Description) -> dict[str, float]:
    found = read_instructions(folder / TASK / "labels.parquet", TASK)[description.state_id]
    return {str(share.plan): share.prob for share in found.shares}


def test_a_set_merged_with_itself_is_itself(tmp_path: Path, packed_set: Path) -> None:
    result, found, target = merged(tmp_path, packed_set, packed_set)
    assert (result.labels, result.pooled, result.twice, result.disagreed) == (5, 5, 20 + 5 - 5, [])
    assert found.rows == {"labels": 5, "responses": 25, "prompts": 1, "states": 5}
    before, after = (read_table(f / TASK / "labels.parquet", LABELS).to_pylist() for f in (packed_set, target))
    assert after == before
    assert read_table(target / TASK / "states.parquet", STATES).equals(
        read_table(packed_set / TASK / "states.parquet", STATES)
    )


def test_two_models_answers_are_pooled_by_number_of_answers(tmp_path: Path) -> None:
    one = make_set(tmp_path / "one", samples=4, texts=["go to <key>, pick up <key>"])
    two = make_set(tmp_path / "two", samples=12, model="model-2", texts=["explore"])
    result, found, target = merged(tmp_path, one, two)
    assert (result.pooled, result.twice, result.kept, found.notes) == (5, 0, 0, ())
    assert shares(target, KEY) == {"explore": 0.75, "go to <key>, pick up <key>": 0.25}
    row = read_table(target / TASK / "labels.parquet", LABELS).to_pylist()[1]
    assert (row["model_requested"], row["model_returned"]) == ("model-1, model-2",) * 2
    assert (row["n_requested"], row["n_error"], len(row["response_ids"])) == (16, 2, 16)
    distance, task, text = result.disagreed[0]
    assert (distance, task) == (1.0, TASK)
    assert text in {description.sentence for description in DESCRIPTIONS}


def test_a_second_round_that_has_the_first_ones_answers_adds_only_its_own(tmp_path: Path) -> None:
    """The same sixteen draws, of which the first set has eight: equal requests, so sample numbers meet."""
    first = make_set(tmp_path / "first", samples=8)
    second = make_set(tmp_path / "second", samples=16)
    result, _, target = merged(tmp_path, first, second)
    assert result.twice == 8 * 5
    rows = read_table(target / TASK / "responses.parquet", RESPONSES).to_pylist()
    answers = [row for row in rows if row["error"] is None and row["state_id"] == KEY.state_id]
    assert sorted(row["sample_index"] for row in answers) == list(range(16))
    assert {row["n_requested"] for row in read_table(target / TASK / "labels.parquet", LABELS).to_pylist()} == {16}


def test_other_draws_of_the_same_question_are_numbered_anew(tmp_path: Path) -> None:
    """Two people asked the same model the same thing: the same request and numbers, and answers of their own."""
    one = make_set(tmp_path / "one", samples=4)
    two = make_set(tmp_path / "two", samples=4, first=100)  # the number is part of the answers' ids here
    for folder in (two,):
        path = folder / TASK / "responses.parquet"
        from pipeline.tables import write_table

        rows = [{**r, "sample_index": r["sample_index"] - 100} for r in read_table(path, RESPONSES).to_pylist()]
        write_table(path, rows, RESPONSES)
        pack(folder)
    result, found, target = merged(tmp_path, one, two)
    assert result.twice == 0
    assert found.rows["responses"] == 50
    rows = read_table(target / TASK / "responses.parquet", RESPONSES).to_pylist()
    numbers = [row["sample_index"] for row in rows if row["state_id"] == KEY.state_id and row["error"] is None]
    assert sorted(numbers) == list(range(8))


def test_descriptions_of_one_set_alone_and_visits_of_both_are_kept(tmp_path: Path) -> None:
    one = make_set(tmp_path / "one", descriptions=DESCRIPTIONS[:3])
    two = make_set(tmp_path / "two", descriptions=DESCRIPTIONS[2:])
    result, found, target = merged(tmp_path, one, two)
    assert (result.labels, result.pooled) == (5, 1)
    states = {row["state_text"]: row for row in read_table(target / TASK / "states.parquet", STATES).to_pylist()}
    door = states[DESCRIPTIONS[2].sentence]  # the third of one, met 30 times, and the first of the other, met 10 times
    assert (door["state_count"], door["counts"]) == (40, [{"behaviour": "random", "count": 40}])
    labels = {row["state_text"]: row for row in read_table(target / TASK / "labels.parquet", LABELS).to_pylist()}
    assert labels[DESCRIPTIONS[2].sentence]["state_count"] == 40
    assert found.rows["states"] == 5


def test_labels_without_answers_are_kept_from_the_first_set_and_counted(tmp_path: Path, packed_set: Path) -> None:
    published = ROOT / "data/published/doorkey"
    result, found, target = merged(tmp_path, published, packed_set)
    assert (result.labels, result.pooled, result.kept) == (34, 0, 5)
    assert shares(target, KEY) == shares(published, KEY)
    assert "SimpleDoorKey: no responses" in found.notes[-1]


def test_the_command_merges_verifies_and_says_what_disagrees(tmp_path: Path) -> None:
    one = make_set(tmp_path / "one")
    two = make_set(tmp_path / "two", model="model-2", texts=["explore"])
    target = tmp_path / "both"
    done = CliRunner().invoke(app, ["merge", str(one), str(two), "--into", str(target), "--limit", "1"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"{target}: 5 labels, 5 of them pooled; 0 answers were there twice"
    assert lines[1].startswith("  they disagree by 1.000 (total variation): SimpleDoorKey: The agent observes a key")
    assert verify(target).rows["responses"] == 50
    (one / TASK / "labels.parquet").write_bytes(b"")
    for words, message in (
        ([str(one), str(two), "--into", str(tmp_path / "x")], "its sha256 is not the one"),
        ([str(two), str(two), "--into", str(target)], "is there already"),
        ([str(two), "--into", str(tmp_path / "x")], "at least two sets"),
    ):
        done = CliRunner().invoke(app, ["merge", *words])
        assert done.exit_code == 2
        assert message in done.stderr


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_order_of_sets_changes_no_distribution(tmp_path: Path, order: tuple[int, ...]) -> None:
    folders = [make_set(tmp_path / str(k), model=f"model-{k}", samples=4 + k) for k in range(3)]
    _, _, target = merged(tmp_path, *(folders[k] for k in order))
    assert shares(target, KEY)["pick up <key>"] == pytest.approx((1 + 2 + 2) / 15)
