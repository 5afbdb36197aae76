"""One trial of an experiment: one student of one variant on one task, taught, finetuned and evaluated.

Its folder holds the student, its curve and its episodes, and `trial.json` with the key of everything that decided
them: a trial whose key is there is done, and is not carried out again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.experiments.experiment import Experiment, Variant, applied
from pipeline.files import write_bytes
from pipeline.params import Params
from pipeline.student.checkpoint import run_key
from pipeline.student.run import Run, carry_out, identity
from pipeline.student.saved import load_student
from pipeline.tables import EPISODES, read_instructions, write_table
from pipeline.tasks.base import get_task

DONE = "trial.json"


@dataclass(frozen=True)
class Trial:
    """One student to make; `data` is the folder that holds states and labels, `out` where the trial goes."""

    experiment: str
    variant: Variant
    task: str
    seed: int
    params: Params
    data: Path
    out: Path

    @property
    def name(self) -> str:
        return f"{self.experiment}: {self.variant.name}, {self.task}, seed {self.seed}"


def trials(experiment: Experiment, params: Params, root: Path) -> list[Trial]:
    """All trials of an experiment, seed by seed, so that an interrupted one has something of every variant."""
    return [
        Trial(
            experiment.name,
            variant,
            task,
            seed,
            params,
            root / "data",
            root / "data/paper" / experiment.name / _folder(variant.name) / task / str(seed),
        )
        for seed in range(experiment.seeds)
        for variant in experiment.variants
        for task in experiment.tasks
    ]


def _folder(name: str) -> str:
    """A variant's name as a folder's."""
    return "".join(c if c.isalnum() else "-" for c in name).strip("-").replace("--", "-")


def carry_out_trial(trial: Trial, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> str:
    """Make the trial's student unless it is there; returns `done` or `was done`. Raises Interrupted after a stop."""
    taught = _run(trial, "train")
    final = _run(trial, "finetune")
    key = run_key(
        {"taught": identity(taught), "final": identity(final), "evaluate": trial.params.evaluate.model_dump()}
    )
    marker = trial.out / DONE
    if marker.is_file() and json.loads(marker.read_text()).get("key") == key:
        return "was done"
    iterations = taught.schedule.iterations
    carry_out(taught, lambda done, _: progress(done, iterations), stop)
    carry_out(final, lambda done, of: progress(iterations - of + done, iterations), stop)
    episodes = _evaluate(trial, final)
    write_table(trial.out / "episodes.parquet", episodes, EPISODES, trial.params.evaluate.model_dump())
    shutil.rmtree(_scratch(trial), ignore_errors=True)
    about = {"experiment": trial.experiment, "variant": trial.variant.name, "task": trial.task, "seed": trial.seed}
    write_bytes(marker, (json.dumps({**about, "method": trial.variant.method, "key": key}, indent=1) + "\n").encode())
    return "done"


def _scratch(trial: Trial) -> Path:
    """Where checkpoints and the taught student stay until the trial is done."""
    return trial.out / ".running"


def _run(trial: Trial, phase: str) -> Run:
    """One phase of the trial."""
    task = get_task(trial.task)
    labels = None
    if phase == "train" and trial.variant.method == "llm4teach":
        labels = read_instructions(trial.data / "labels" / trial.task / "labels.parquet", trial.task)
        if trial.variant.labels is not None:
            labels = trial.variant.labels(labels, task, np.random.default_rng([trial.seed, 2]))
    scratch = _scratch(trial)
    return Run(
        task=trial.task,
        method=trial.variant.method,
        phase=phase,
        seed=trial.seed,
        schedule_name=trial.params.train.schedule,
        schedule=applied(trial.params.schedule, trial.variant.schedule),
        train=trial.params.train.model_copy(update=dict(trial.variant.train)),
        labels=labels,
        states=trial.data / "states" / f"{trial.task}.parquet",
        start=None if phase == "train" else scratch / "taught",
        out=scratch / "taught" if phase == "train" else trial.out,
        root=scratch,
    )


def _evaluate(trial: Trial, final: Run) -> list[dict[str, Any]]:
    """Held-out episodes of the trial's student, as the `evaluate` stage plays them."""
    task = get_task(trial.task)
    settings = trial.params.evaluate
    layouts = evaluation_layouts(task, settings.episodes)
    student = load_student(task, final.out)
    about = {"task": trial.task, "method": trial.variant.method, "seed": trial.seed, "split": "test"}
    return [
        {**about, **row}
        for acting in settings.acting
        for row in evaluate_student(task, student, layouts, acting, settings.seed + trial.seed)
    ]
