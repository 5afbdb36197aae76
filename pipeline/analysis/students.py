"""Which students the analyses look at: those of the experiment `methods`, else those of the `finetune` stage."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from pipeline.student.runs.saved import WEIGHTS
from pipeline.tables import EPISODES, read_table


@dataclass(frozen=True)
class EvaluatedStudent:
    """A saved student of LLM4Teach, and where its held-out episodes are (each row's `seed` is the student's)."""

    task: str
    seed: int
    folder: Path
    episodes: Path


def taught_students(data: Path, task: str, done: Container[Path]) -> list[EvaluatedStudent]:
    """The task's students under `data` that are finished and evaluated, by seed; [] if there are none.

    The larger of the two sets: trials of `make paper` that are among `done`, or students of `make run`.
    """
    trials = data / "paper/methods/llm4teach" / task
    tried = [
        EvaluatedStudent(task, seed, trials / str(seed), trials / str(seed) / "episodes.parquet")
        for seed in _seeds(trials)
        if trials / str(seed) in done
    ]
    evaluation = data / "evaluations" / task / "llm4teach.parquet"
    final = data / "students" / task / "llm4teach/final"
    if not evaluation.is_file():
        return tried
    evaluated = set(read_table(evaluation, EPISODES)["seed"].to_pylist())
    run = [EvaluatedStudent(task, seed, final / str(seed), evaluation) for seed in _seeds(final) if seed in evaluated]
    return tried if len(tried) >= len(run) else run


def _seeds(folder: Path) -> list[int]:
    """The seeds of the students saved in a folder."""
    return sorted(int(path.parent.name) for path in folder.glob(f"*/{WEIGHTS}") if path.parent.name.isdigit())
