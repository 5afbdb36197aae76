"""One student's run through one phase, from its inputs to its folder: resumable, interruptible, reproducible."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import __version__
from pipeline.fan_out import Interrupted
from pipeline.instructions import SoftInstruction
from pipeline.params import Schedule, Train
from pipeline.student.learner import Learner, Phase
from pipeline.student.make import make_student, network_for, network_name
from pipeline.student.methods.method import get_method
from pipeline.student.runs.checkpoint import checkpoint_path, load_checkpoint, run_key, save_checkpoint
from pipeline.student.runs.saved import (
    CONFIG,
    CURVE,
    ENVIRONMENTS,
    WEIGHTS,
    StudentError,
    load_environments,
    load_student,
    save_environments,
    save_student,
)
from pipeline.student.runs.sources import sources_digest
from pipeline.student.runs.tracking import EventLog, read_curve, write_curve
from pipeline.student.warm_start import read_examples, warm_start
from pipeline.tasks.registry import get_task


@dataclass(frozen=True)
class Run:
    """What decides one student's numbers in one phase, and where they go.

    labels   the label table by state_id; None for a method without teacher, and in the teacher-free phase
    states   table of collected states for an offline warm start; None where there is none to be
    start    folder of the student to go on from; None for a new one
    out      folder to write
    """

    task: str
    method: str
    phase: str
    seed: int
    schedule_name: str
    schedule: Schedule
    train: Train
    labels: Mapping[str, SoftInstruction] | None
    states: Path | None
    start: Path | None
    out: Path
    root: Path

    @property
    def name(self) -> str:
        """What the progress view calls it."""
        return f"{self.phase} {self.task} {self.method}, seed {self.seed}"


def carry_out(run: Run, progress: Callable[[int, int], None], stop: Callable[[], bool]) -> dict[str, Any]:
    """Train one student through one phase; returns its last curve row. Raises Interrupted once `stop()` is true.

    progress  called with iterations done and to do, a few times per second at most
    """
    task = get_task(run.task)
    learner = _make_learner(run, run.schedule)
    phase = learner.phase
    seconds_before = 0.0
    earlier: list[dict[str, Any]] = []
    if run.start is not None:
        previous = load_student(task, run.start, run.train)
        learner.student.load_weights(previous.weights())
        learner.student.load_optimiser(previous.optimiser())
        _go_on(learner, run.start)
        earlier = read_curve(run.start / CURVE)
        seconds_before = float(earlier[-1]["seconds"]) if earlier else 0.0
    learner.seconds = seconds_before
    _load_compiled(run)
    if run.states is not None and run.labels is not None and run.train.warm_start:
        started = time.perf_counter()
        examples = read_examples(run.states, task, run.labels)
        warm_start(learner.student, examples, run.schedule, run.train.warm_start, np.random.default_rng([run.seed, 1]))
        learner.seconds += time.perf_counter() - started
    key = run_key(identity(run), learner.student.weights(), learner.student.optimiser(), learner.environments())
    path = checkpoint_path(run.root, run.task, run.method, run.phase, run.seed)
    curve: list[dict[str, float]] = []
    found = load_checkpoint(path, key)
    if found is not None:
        state, curve = found
        learner.load_state(state)

    log_dir = run.root / "log" / f"ppo-{run.method}" / run.task.lower() / f"seed{run.seed}"
    log = EventLog(log_dir, run.phase)
    for row in curve:
        log.add(row)
    saved_at = shown_at = time.monotonic()
    try:
        while not learner.done:
            if stop():
                save_checkpoint(path, key, learner.state(), curve)
                raise Interrupted
            row = learner.iterate()
            curve.append(row)
            log.add(row)
            now = time.monotonic()
            if now - shown_at > 0.2:
                progress(learner.iteration - phase.first, phase.last - phase.first)
                shown_at = now
            if now - saved_at > run.train.checkpoint_s:
                save_checkpoint(path, key, learner.state(), curve)
                saved_at = now
    finally:
        log.close()
    progress(phase.last - phase.first, phase.last - phase.first)
    save_checkpoint(path, key, learner.state(), curve)
    config = _config(run, learner.student.parameters)
    save_student(run.out, learner.student, config)
    if run.phase == "train":
        save_environments(run.out, learner.environments())
    write_curve(run.out / CURVE, [*earlier, *({"phase": run.phase, **row} for row in curve)])
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(run.out / name, log_dir / name)
    unlabelled: Counter[str] = Counter()
    for number, count in sorted(learner.unlabelled.items()):
        unlabelled[learner.batch.descriptions[number].sentence] += count  # states that differ may be described alike
    return {"unlabelled": dict(unlabelled), **(curve[-1] if curve else {})}


def _go_on(learner: Learner, start: Path) -> None:
    """Take up the episodes that were running when the student in a folder was saved, if they are there.

    Raises StudentError if they are those of other settings.
    """
    environments = load_environments(start)
    if environments is None:
        return
    try:
        learner.load_environments(environments)
    except (KeyError, ValueError) as error:
        raise StudentError(
            f"{start / ENVIRONMENTS}: not the episodes of these settings ({error}); run `train` again with them, or "
            "delete the file to begin new episodes"
        ) from None


def _load_compiled(run: Run) -> None:
    """Compile or load whatever one iteration needs, with a learner that is thrown away: it is no time of training."""
    few = run.schedule.model_copy(update={"envs": 2, "horizon": 2, "minibatch": 4, "epochs": 1})
    _make_learner(run, few).iterate()


def _make_learner(run: Run, schedule: Schedule) -> Learner:
    """The run's learner at the start of its phase."""
    task = get_task(run.task)
    return Learner(
        task,
        get_method(run.method),
        run.train,
        schedule,
        Phase.of(run.phase, schedule),
        partial(make_student, task, run.train),
        run.labels,
        run.seed,
    )


def identity(run: Run) -> dict[str, Any]:
    """Everything but what it starts from that decides the run's numbers: code, settings, labels."""
    task = get_task(run.task)
    labels = None
    if run.labels is not None:
        labels = [
            [state_id, [(str(share.plan), share.prob) for share in label.shares], label.residual]
            for state_id, label in sorted(run.labels.items())
        ]
    return {
        "sources": sources_digest(task, get_method(run.method), network_for(task, run.train)),
        "task": run.task,
        "method": run.method,
        "phase": run.phase,
        "seed": run.seed,
        "schedule": run.schedule.model_dump(),
        "train": run.train.model_dump(exclude={"checkpoint_s", "schedule"}),
        "labels": labels,
        "states": _digest(run.states) if run.train.warm_start and run.states else None,
    }


def _digest(path: Path) -> str | None:
    """sha256 of a file, None if it isn't there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _config(run: Run, parameters: int) -> dict[str, Any]:
    """What a reader of the student's folder wants to know."""
    return {
        "task": run.task,
        "method": run.method,
        "phase": run.phase,
        "seed": run.seed,
        "parameters": parameters,
        "schedule": run.schedule_name,
        **run.train.model_dump(exclude={"schedule", "checkpoint_s"}),
        "network": network_name(get_task(run.task), run.train),
        "settings": run.schedule.model_dump(),
        "version": __version__,
        "numpy": np.__version__,
    }
