"""The published label tables: built from the released figures, canonical, checked, and what the stage makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.instructions import Description
from pipeline.tables import LABELS, read_instructions, read_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.inspection import find_table
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.providers.published import build, publish, published_folder, read_published

FOLDER = Path(__file__).resolve().parents[3] / "data/published/doorkey"
TASK = "SimpleDoorKey"
TASKS = {"SimpleDoorKey": 6, "LavaDoorKey": 6, "ColoredDoorKey": 13, "DivergedDoorKey": 9}


@pytest.mark.parametrize(("task", "count"), TASKS.items())
def test_each_task_has_a_checked_table(task: str, count: int) -> None:
    assert len(read_instructions(FOLDER / task / "labels.parquet", task)) == count


def test_committed_tables_are_what_the_builder_makes_of_the_figures(tmp_path: Path) -> None:
    (tmp_path / "plan_frequencies.json").write_text((FOLDER / "plan_frequencies.json").read_text())
    assert build(tmp_path) == TASKS
    for task in TASKS:
        built, committed = (folder / task / "labels.parquet" for folder in (tmp_path, FOLDER))
        assert read_table(built, LABELS).equals(read_table(committed, LABELS))


def test_the_doors_colour_becomes_color1_and_the_two_measurements_are_averaged() -> None:
    table = read_instructions(FOLDER / "ColoredDoorKey/labels.parquet", "ColoredDoorKey")
    state = Description(("color1 door", "color1 key", "color2 key"))
    shares = {str(share.plan): share.prob for share in table[state.state_id].shares}
    assert shares == pytest.approx(
        {
            "go to <color1 key>, pick up <color1 key>": (0.72 + 0.94) / 2,
            "pick up <color1 key>": (0.24 + 0.06) / 2,
            "go to <color2 key>, pick up <color2 key>": 0.04 / 2,
        }
    )


def test_every_description_is_canonical_for_the_task() -> None:
    task = get_task("ColoredDoorKey")
    colours = {"color1": "red", "color2": "blue"}
    for instruction in read_instructions(FOLDER / "ColoredDoorKey/labels.parquet", "ColoredDoorKey").values():
        seen = instruction.description
        raw = Description(
            tuple(" ".join(colours.get(word, word) for word in thing.split()) for thing in seen.sees),
            " ".join(colours.get(word, word) for word in seen.holds.split()) if seen.holds else None,
        )
        assert task.canonical(raw)[0] == seen  # type: ignore[attr-defined]


def test_unusable_plans_are_residual_mass_with_their_verdict() -> None:
    rows = {row["state_text"]: row for row in read_table(FOLDER / "SimpleDoorKey/labels.parquet", LABELS).to_pylist()}
    row = rows["The agent observes nothing, and holds a key."]
    assert row["residual_mass"] == pytest.approx(0.24)
    assert {entry["verdict"]: entry["prob"] for entry in row["verdicts"]} == pytest.approx(
        {"valid": 0.76, "not executable here": 0.22, "unknown object": 0.02}
    )


def test_a_task_without_a_published_table_is_told_which_have_one(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"no published label table for Elsewhere; there are: .*SimpleDoorKey"):
        published_folder("Elsewhere", tmp_path)


def publish_own(root: Path, name: str) -> None:
    """A set of one table under a project's root, whose model has the set's name."""
    entry = {"sees": ["key"], "holds": None, "plans": {"pick up <key>": 1.0}}
    folder = root / "data/published" / name
    folder.mkdir(parents=True)
    content = {"tables": [{"tasks": ["SimpleDoorKey"], "model": name, "entries": [entry]}]}
    (folder / "plan_frequencies.json").write_text(json.dumps(content))
    build(folder)


def model_of(root: Path, wanted: str | None = None) -> str | None:
    (model,) = {row["model_requested"] for row in read_published(published_folder(TASK, root, wanted), TASK)}
    return model


def test_a_users_own_published_table_comes_first(tmp_path: Path) -> None:
    publish_own(tmp_path, "own")
    assert model_of(tmp_path) == "own"
    assert find_table(TASK, tmp_path) == tmp_path / "data/published/own/SimpleDoorKey/labels.parquet"
    assert model_of(tmp_path, "doorkey") == "chatglm-turbo"
    publish_own(tmp_path, "doorkey")
    assert model_of(tmp_path, "doorkey") == "doorkey"


def test_of_several_published_tables_one_must_be_named(tmp_path: Path) -> None:
    for name in ("zeta", "alpha"):
        publish_own(tmp_path, name)
    with pytest.raises(TeacherError, match=r"label\.published is missing: .* SimpleDoorKey: alpha, zeta$"):
        published_folder(TASK, tmp_path)
    assert (model_of(tmp_path, "zeta"), model_of(tmp_path, "alpha")) == ("zeta", "alpha")
    with pytest.raises(TeacherError, match=r"published: 'beta' has no labels of .*; allowed: alpha, doorkey, zeta$"):
        published_folder(TASK, tmp_path, "beta")
    with pytest.raises(TeacherError, match=r"ambiguous; give one of .*/alpha/SimpleDoorKey/labels\.parquet, .*/zeta/"):
        find_table(TASK, tmp_path)


def test_figures_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sum to 0\.9"):
        publish(get_task("SimpleDoorKey"), None, [{"sees": [], "holds": None, "plans": {"explore": 0.9}}])
