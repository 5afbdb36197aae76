"""The finished trials of the experiments, as `make paper` left them: one group per variant and task."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.experiments.experiment import Experiment, Variant
from pipeline.json_file import read_json
from pipeline.params import Params
from pipeline.results.curves import WINDOW, Curve
from pipeline.results.episodes import Summary, read_episodes, summaries
from pipeline.student.methods.method import get_method
from pipeline.student.runs.saved import CONFIG, CURVE
from pipeline.tables import TableError


@dataclass(frozen=True)
class TrialGroup:
    """The students of one variant of an experiment on one task, which differ by their seeds alone.

    curves   each student's training log, by seed; `folders` in the same order
    table    their held-out episodes (EPISODES)
    config   the first student's config.json
    """

    experiment: Experiment
    variant: Variant
    task: str
    folders: tuple[Path, ...]
    curves: tuple[Curve, ...]
    table: pa.Table
    config: dict[str, Any]

    @property
    def method(self) -> str:
        return self.variant.method

    @property
    def title(self) -> str:
        return get_method(self.method).title

    @property
    def students(self) -> int:
        return len(self.curves)

    @property
    def network(self) -> str:
        return str(self.config.get("network", "unknown"))

    @property
    def end(self) -> float:
        """Environment steps of the shortest training."""
        return min(float(curve.env_steps[-1]) for curve in self.curves)

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """Held-out episodes by way of acting."""
        return {summary.acting: summary for summary in summaries(self.table)}

    @property
    def main(self) -> Summary:
        """Acting by sampling, the paper's way, where there is that."""
        return self.summaries.get("sampled") or next(iter(self.summaries.values()))

    def reached(self, level: float) -> np.ndarray:
        """float[seeds]: environment steps until success in training, of all episodes in WINDOW iterations, is at a
        level; infinity if it never is."""
        return np.array([_reached(curve, level) for curve in self.curves])

    def bounds(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """(least, most), float[seeds]: environment steps between which each student gets to a level of success.

        Some may have been there before enough whole episodes had ended to see it, and some get there, if ever, after
        they stopped.
        """
        steps, earliest = self.reached(level), self.reached(-np.inf).min()
        ends = np.array([curve.env_steps[-1] for curve in self.curves])
        return np.where(np.isinf(steps), ends, np.where(steps <= earliest, 0.0, steps)), steps

    def course(self, end: float) -> np.ndarray:
        """float[seeds]: each student's success in training up to so many environment steps; NaN where none is known."""
        means = []
        for curve in self.curves:
            there = np.isfinite(curve.success) & (curve.env_steps <= end)
            means.append(
                float(np.average(curve.success[there], weights=curve.episodes[there])) if there.any() else np.nan
            )
        return np.array(means)


def _reached(curve: Curve, level: float) -> float:
    there = np.flatnonzero(np.isfinite(curve.success))
    if len(there) < WINDOW:
        return np.inf
    episodes, window = curve.episodes[there], np.ones(WINDOW)
    means = np.convolve(curve.success[there] * episodes, window, "valid") / np.convolve(episodes, window, "valid")
    first = np.flatnonzero(means >= level - 1e-12)
    return float(curve.env_steps[there[first[0] + WINDOW - 1]]) if len(first) else np.inf


def read_trials(
    paper: Path, experiments: Sequence[Experiment], params: Params, done: Container[Path]
) -> list[TrialGroup]:
    """The finished trials under data/paper, in the order of the experiments, their tasks and their variants.

    Only the params' tasks are read, and of their trials those whose folders are among `done`: others were made with
    other settings. Raises TableError for a broken file.
    """
    found: dict[tuple[str, str, str], list[tuple[int, Path]]] = {}
    for marker in paper.glob("*/*/*/*/trial.json"):
        if marker.parent in done:
            about = read_json(marker)
            if not {"experiment", "variant", "task", "seed"} <= set(about):
                raise TableError(f"{marker}: wanted the keys experiment, variant, task and seed")
            key = about["experiment"], about["variant"], about["task"]
            found.setdefault(key, []).append((about["seed"], marker.parent))
    return [
        _group(experiment, variant, task, sorted(trials))
        for experiment in experiments
        for task in experiment.tasks_of(params)
        for variant in experiment.variants
        if (trials := found.get((experiment.name, variant.name, task)))
    ]


def _group(experiment: Experiment, variant: Variant, task: str, trials: Sequence[tuple[int, Path]]) -> TrialGroup:
    tables = [read_episodes(folder / "episodes.parquet", task, variant.method) for _, folder in trials]
    return TrialGroup(
        experiment,
        variant,
        task,
        tuple(folder for _, folder in trials),
        tuple(Curve.read(folder / CURVE, seed) for seed, folder in trials),
        pa.concat_tables(tables),
        read_json(trials[0][1] / CONFIG),
    )
