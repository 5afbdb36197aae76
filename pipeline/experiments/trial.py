"""One trial of an experiment: one student of one variant on one task, taught, finetuned and evaluated.

Its folder holds the student, its curve, its TensorBoard events and its episodes, and `trial.json` with the key of
everything that decided them, code included: a trial whose key is there is done, and is not carried out again. One with
another key was made with other settings or another version; nobody reads it, and the next `make paper` replaces it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.experiments.experiment import Experiment, Variant
from pipeline.files import write_bytes
from pipeline.json_file import JsonError, read_json
from pipeline.params import Params
from pipeline.student.methods.method import get_method
from pipeline.student.runs.checkpoint import run_key
from pipeline.student.runs.run import Run, carry_out, identity
from pipeline.student.runs.saved import load_student
from pipeline.student.runs.sources import sources_digest
from pipeline.tables import EPISODES, TableError, read_instructions, write_table
from pipeline.tasks.registry import get_task

DONE, LOG = "trial.json", "log"


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
    """All trials of an experiment on the tasks of params, seed by seed, so that there soon is one of every variant."""
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
        for task in experiment.tasks_of(params)
    ]


def _folder(name: str) -> str:
    """A variant's name as a folder's."""
    return "".join(c if c.isalnum() else "-" for c in name).strip("-").replace("--", "-")


def carry_out_trial(trial: Trial, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> str:
    """Make the trial's student unless it is there; returns `done` or `was done`. Raises Interrupted after a stop."""
    taught, final = _run(trial, "train"), _run(trial, "finetune")
    key = _key(trial, taught, final)
    if is_done(trial, key):
        return "was done"
    marker = trial.out / DONE
    marker.unlink(missing_ok=True)
    iterations = taught.schedule.iterations
    carry_out(taught, lambda done, _: progress(done, iterations), stop)
    carry_out(final, lambda done, of: progress(iterations - of + done, iterations), stop)
    episodes = _evaluate(trial, final)
    write_table(trial.out / "episodes.parquet", episodes, EPISODES, trial.params.evaluate.model_dump())
    shutil.rmtree(trial.out / LOG, ignore_errors=True)
    (_scratch(trial) / "log").rename(trial.out / LOG)
    shutil.rmtree(_scratch(trial), ignore_errors=True)
    about = {"experiment": trial.experiment, "variant": trial.variant.name, "task": trial.task, "seed": trial.seed}
    write_bytes(marker, (json.dumps({**about, "method": trial.variant.method, "key": key}, indent=1) + "\n").encode())
    return "done"


def trial_key(trial: Trial) -> str:
    """A hash of everything that decides the trial's numbers. Raises TableError if there is no label table."""
    return _key(trial, _run(trial, "train"), _run(trial, "finetune"))


def _key(trial: Trial, taught: Run, final: Run) -> str:
    """The trial's key from its two phases, which to make takes reading and changing the label table."""
    return run_key(
        {
            "taught": identity(taught),
            "final": identity(final),
            "evaluate": trial.params.evaluate.model_dump(),
            "sources": sources_digest(get_task(trial.task), get_method(trial.variant.method), more=("evaluation.py",)),
        }
    )


def is_done(trial: Trial, key: str) -> bool:
    """Whether the trial's folder holds what this key stands for."""
    try:
        return read_json(trial.out / DONE).get("key") == key
    except (OSError, JsonError):
        return False


def done_trials(experiments: Iterable[Experiment], params: Params, root: Path) -> set[Path]:
    """The folders of all trials that are done as params and this version would do them."""
    done = set()
    for trial in (one for experiment in experiments for one in trials(experiment, params, root)):
        try:
            if (trial.out / DONE).is_file() and is_done(trial, trial_key(trial)):
                done.add(trial.out)
        except (TableError, FileNotFoundError):  # its labels are gone, so nobody can tell what it would be
            continue
    return done


def _scratch(trial: Trial) -> Path:
    """Where checkpoints and the taught student stay until the trial is done."""
    return trial.out / ".running"


def _run(trial: Trial, phase: str) -> Run:
    """One phase of the trial."""
    task = get_task(trial.task)
    labels = None
    if phase == "train" and get_method(trial.variant.method).needs_labels:
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
        schedule=trial.variant.applied(trial.params.schedule),
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
