"""Which students are analysed: of two sets the larger, and of each only those that are finished and evaluated."""

from __future__ import annotations

from pathlib import Path

from pipeline.analysis.students import taught_students
from pipeline.tables import EPISODES, write_table

TASK = "SimpleDoorKey"
TRIALS, FINAL = Path("paper/methods/llm4teach") / TASK, Path("students") / TASK / "llm4teach/final"


def saved(data: Path, folder: Path, *names: str) -> None:
    for name in names:
        (data / folder / name).mkdir(parents=True)
        (data / folder / name / "student.safetensors").touch()


def evaluated(data: Path, *seeds: int) -> Path:
    path = data / f"evaluations/{TASK}/llm4teach.parquet"
    write_table(path, [{"task": TASK, "seed": seed} for seed in seeds], EPISODES)
    return path


def test_there_may_be_none(tmp_path: Path) -> None:
    assert taught_students(tmp_path, TASK, ()) == []


def test_trials_count_once_they_are_done_and_are_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    saved(tmp_path, TRIALS, "0", "2", "10", "11", "old")
    done = [tmp_path / TRIALS / name for name in ("10", "2", "0", "old")]
    found = taught_students(tmp_path, TASK, done)
    assert [(one.task, one.seed) for one in found] == [(TASK, 0), (TASK, 2), (TASK, 10)]
    assert found[1].folder == tmp_path / TRIALS / "2"
    assert found[1].episodes == tmp_path / TRIALS / "2/episodes.parquet"


def test_the_larger_set_is_taken_and_the_trials_of_two_that_are_equal(tmp_path: Path) -> None:
    saved(tmp_path, TRIALS, "0")
    saved(tmp_path, FINAL, "0", "1", "2")
    done = [tmp_path / TRIALS / "0"]
    evaluated(tmp_path, 1)
    assert [one.folder for one in taught_students(tmp_path, TASK, done)] == done
    path = evaluated(tmp_path, 1, 2)
    found = taught_students(tmp_path, TASK, done)
    assert [(one.seed, one.folder, one.episodes) for one in found] == [
        (seed, tmp_path / FINAL / str(seed), path) for seed in (1, 2)
    ]
