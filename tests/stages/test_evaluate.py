"""The evaluate stage: one row per held-out episode, for students and for the teacher alone, and its metrics."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import TASK, llm4teach, params, publish, write_params

from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.params import ParamsError, Train
from pipeline.statistics import wilson_interval
from pipeline.student.make import make_student
from pipeline.student.runs.saved import StudentError, load_student, save_student
from pipeline.tables import EPISODES, read_table
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import SPLITS
from stages.evaluate import evaluate, evaluate_saved, layout_seeds
from stages.finetune import finetune
from stages.train import train

EPISODES_EACH = params().evaluate.episodes


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labels, and one student that is ready."""
    root = tmp_path_factory.mktemp("ready")
    publish(root)
    train(TASK, "llm4teach", params(), root)
    finetune(TASK, "llm4teach", params(), root)
    return root


def rows(root: Path, method: str) -> list[dict[str, Any]]:
    return read_table(root / "data/evaluations" / TASK / f"{method}.parquet", EPISODES).to_pylist()


@pytest.mark.parametrize(("method", "seed"), [("llm", None), ("llm4teach", 0)])
def test_each_held_out_layout_is_played_once_per_way_of_acting(root: Path, method: str, seed: int | None) -> None:
    task = get_task(TASK)
    metrics = evaluate(TASK, method, params(), root)
    assert json.loads((root / "data/evaluations" / TASK / f"{method}.json").read_text()) == metrics
    found = rows(root, method)
    assert len(found) == 2 * EPISODES_EACH
    for acting in ("sampled", "argmax"):
        mine = [row for row in found if row["acting"] == acting]
        seeds = [row["layout_seed"] for row in mine]
        assert len({task.layout_code(seed) for seed in seeds}) == EPISODES_EACH
        assert {task.split(seed) for seed in seeds} == {"test"}
        successes = sum(row["success"] for row in mine)
        assert metrics[acting]["success"] == successes / EPISODES_EACH
        expected = wilson_interval(successes, EPISODES_EACH)
        assert (metrics[acting]["success_low"], metrics[acting]["success_high"]) == pytest.approx(
            (expected.low, expected.high)
        )
        assert metrics[acting]["length"] == pytest.approx(np.mean([row["episode_length"] for row in mine]))
    assert {(row["task"], row["method"], row["seed"], row["split"]) for row in found} == {(TASK, method, seed, "test")}


def test_what_a_row_says_fits_together(root: Path) -> None:
    evaluate(TASK, "llm", params(), root)
    horizon = get_task(TASK).horizon
    found = rows(root, "llm")
    assert any(row["success"] for row in found)
    for row in found:
        assert (row["end"] == "success") == row["success"]
        assert 1 <= row["episode_length"] <= horizon
        expected = 1 - 0.9 * row["episode_length"] / horizon if row["success"] else 0
        assert row["episode_return"] == pytest.approx(expected)
        assert 0 <= row["idle_steps"] <= row["episode_length"]


def test_the_seed_decides_the_sampled_actions_only(root: Path) -> None:
    evaluate(TASK, "llm", params(), root)
    first, content = rows(root, "llm"), (root / "data/evaluations" / TASK / "llm.parquet").read_bytes()
    evaluate(TASK, "llm", params(), root)
    assert (root / "data/evaluations" / TASK / "llm.parquet").read_bytes() == content
    evaluate(TASK, "llm", params({"evaluate.seed": 1}), root)
    other = rows(root, "llm")
    assert [row["layout_seed"] for row in other] == [row["layout_seed"] for row in first]
    assert [row for row in other if row["acting"] == "argmax"] == [row for row in first if row["acting"] == "argmax"]
    assert other != first


def test_each_student_draws_by_a_seed_of_its_own(root: Path, tmp_path: Path) -> None:
    """The same student twice: the layouts and the most probable actions are the same, what is sampled is not."""
    final = Path("data/students") / TASK / "llm4teach/final"
    for seed in ("0", "1"):
        shutil.copytree(root / final / "0", tmp_path / final / seed)
    evaluate(TASK, "llm4teach", params({"seeds": 2}), tmp_path)
    found = rows(tmp_path, "llm4teach")
    assert len(found) == 4 * EPISODES_EACH
    for acting in ("sampled", "argmax"):
        one, other = (
            [{**row, "seed": 0} for row in found if (row["seed"], row["acting"]) == (k, acting)] for k in (0, 1)
        )
        assert [row["layout_seed"] for row in one] == [row["layout_seed"] for row in other]
        assert (one == other) == (acting == "argmax")


def test_each_student_is_evaluated(root: Path, tmp_path: Path) -> None:
    """The second one idles, so that its episodes are others."""
    final, task = Path("data/students") / TASK / "llm4teach/final", get_task(TASK)
    shutil.copytree(root / final / "0", tmp_path / final / "0")
    idler = make_student(task, Train(schedule="tiny"), np.random.default_rng(0))
    weights = idler.weights()
    weights["heads.bias"][task.idle] = 9
    idler.load_weights(weights)
    save_student(tmp_path / final / "1", idler, {"schedule": "tiny", "network": "egocentric"})
    evaluate(TASK, "llm4teach", params({"seeds": 2, "evaluate.seed": 5}), tmp_path)
    found = rows(tmp_path, "llm4teach")
    for acting in ("sampled", "argmax"):
        episodes = []
        for seed in (0, 1):
            student = load_student(task, tmp_path / final / str(seed))
            mine = [row for row in found if (row["seed"], row["acting"]) == (seed, acting)]
            layouts = np.array([row["layout_seed"] for row in mine], np.uint32)
            expected = evaluate_student(task, student, layouts, acting, 5 + seed)
            assert [{name: row[name] for name in expected[0]} for row in mine] == expected
            episodes.append(expected)
        assert episodes[0] != episodes[1]


def test_json_is_all_that_is_printed(root: Path) -> None:
    write_params(root / "params.yaml")
    done = llm4teach(root, "evaluate", "--task", TASK, "--method", "llm", "--json")
    assert json.loads(done.stdout) == json.loads((root / "data/evaluations" / TASK / "llm.json").read_text())


def test_what_is_missing_or_too_much_is_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"final/1/config\.json: there is no such file"):
        evaluate(TASK, "llm4teach", params({"seeds": 2}), root)
    config = root / "data/students" / TASK / "llm4teach/final/0/config.json"
    before = config.read_text()
    config.write_text(before.replace("egocentric", "spiral"))
    with pytest.raises(StudentError, match="no such network: 'spiral'"):
        evaluate(TASK, "llm4teach", params(), root)
    config.write_text(before)

    def too_few(*_: Any) -> np.ndarray:
        raise ValueError("only 3 different layouts found for the test split, 20 wanted")

    monkeypatch.setattr(type(get_task(TASK)), "layout_seeds", too_few)
    with pytest.raises(ParamsError, match=r"evaluate\.episodes: SimpleDoorKey: only 3 different layouts"):
        evaluate(TASK, "llm", params(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["student", "optimiser"])
def test_students_that_are_not_finite_are_refused(root: Path, name: str) -> None:
    write_params(root / "params.yaml")
    path = root / "data/students" / TASK / f"llm4teach/final/0/{name}.safetensors"
    before = path.read_bytes()
    arrays = load_file(path)
    broken = max(name for name, array in arrays.items() if array.dtype.kind == "f")
    arrays[broken].flat[-1] = np.nan
    save_file(arrays, path)
    ended = llm4teach(root, "evaluate", "--task", TASK)
    path.write_bytes(before)
    where = f"data/students/{TASK}/llm4teach/final/0/{name}.safetensors"
    words = f"{where}: tensor '{broken}' has values that are not finite; its training has diverged"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"llm4teach: {words}\n")


def test_a_saved_student_plays_any_layouts(root: Path) -> None:
    folder = root / "data/students" / TASK / "llm4teach/final/0"
    evaluate(TASK, "llm4teach", params(), root)
    held_out, counts = evaluate_saved(TASK, folder, None, None, params())
    assert held_out == json.loads((root / "data/evaluations" / TASK / "llm4teach.json").read_text())
    assert counts == {"train": 0, "validation": 0, "test": EPISODES_EACH}
    some = evaluate_saved(TASK, folder, "3,10-40", None, params({"evaluate.seed": 4}))[0]["sampled"]
    task, layouts = get_task(TASK), np.array([3, *range(10, 41)], np.uint32)
    lengths = []
    for seed in (4, 0):
        played = evaluate_student(task, load_student(task, folder), layouts, "sampled", seed)
        lengths.append(np.mean([row["episode_length"] for row in played]))
        if seed == 4:
            assert some["success"] == np.mean([row["success"] for row in played])
    assert some["length"] == lengths[0] != lengths[1]


def test_layouts_are_told_apart_by_split(root: Path) -> None:
    folder = root / "data/students" / TASK / "llm4teach/final/0"
    task = get_task(TASK)
    splits = [task.split(seed) for seed in range(40)]
    counts = {split: splits.count(split) for split in SPLITS}
    assert all(counts.values())
    assert evaluate_saved(TASK, folder, "0-39", None, params())[1] == counts
    for split in SPLITS:
        nothing_else = {other: counts[other] * (other == split) for other in SPLITS}
        metrics, played = evaluate_saved(TASK, folder, "0-39", split, params())
        assert played == nothing_else
        assert metrics["argmax"]["episodes"] == counts[split]
    first = evaluation_layouts(task, EPISODES_EACH, "validation")
    played = evaluate_student(task, load_student(task, folder), first, "sampled", 0)
    metrics, counts = evaluate_saved(TASK, folder, None, "validation", params())
    assert counts == {"train": 0, "validation": EPISODES_EACH, "test": 0}
    assert metrics["sampled"]["length"] == np.mean([row["episode_length"] for row in played])
    trained_on = splits.index("train")
    with pytest.raises(ParamsError, match=f"--split: none of the layouts {trained_on} is a test one"):
        evaluate_saved(TASK, folder, str(trained_on), "test", params())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("3,x", r"--layouts: 'x' is no seed; wanted such as 0-99"),
        ("", "'' is no seed"),
        ("-4", "'-4' is no seed"),
        ("9-3", "'9-3' names no layout"),
        (str(2**32), "is no seed"),
        ("0-100000", "more than 100000 layouts"),
    ],
)
def test_layouts_that_are_none(words: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        layout_seeds(words)


def test_evaluating_a_saved_student_by_command(root: Path) -> None:
    write_params(root / "params.yaml")
    folder = f"data/students/{TASK}/llm4teach/final/0"
    before = sorted(root.rglob("*"))
    ended = llm4teach(root, "evaluate", "--task", TASK, "--student", folder, "--layouts", "0-9", "--json")
    assert json.loads(ended.stdout)["argmax"]["episodes"] == 10
    splits = [get_task(TASK).split(seed) for seed in range(10)]
    assert json.loads(ended.stdout)["layouts"] == {split: splits.count(split) for split in SPLITS}
    assert sorted(root.rglob("*")) == before
    ended = llm4teach(root, "evaluate", "--task", TASK, "--student", folder, "--layouts", "0-9")
    assert ended.stdout.splitlines()[-1].startswith(f"layouts: {splits.count('train')} train, ")
    assert ended.stdout.endswith("; --split test plays held-out ones only\n")
    for option in ("--layouts", "0-9"), ("--split", "test"):
        ended = llm4teach(root, "evaluate", "--task", TASK, *option)
        assert ended.returncode == 2
        assert "--layouts and --split go with" in ended.stderr
