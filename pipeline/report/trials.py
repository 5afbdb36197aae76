"""The finished trials of the experiments, as `make paper` left them: one group per variant and task."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.experiments.experiment import Experiment
from pipeline.report.curves import WINDOW, Curve, read_curve
from pipeline.report.episodes import Summary, read_episodes, summaries
from pipeline.tables import TableError


@dataclass(frozen=True)
class TrialGroup:
    """The students of one variant of an experiment on one task, which differ by their seeds alone.

    curves   each student's training log, by seed; `folders` in the same order
    table    their held-out episodes (EPISODES)
    config   the first student's config.json
    """

    experiment: str
    variant: str
    task: str
    method: str
    folders: tuple[Path, ...]
    curves: tuple[Curve, ...]
    table: pa.Table
    config: dict[str, Any]

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
    paper: Path, experiments: Sequence[Experiment], tasks: Container[str], done: Container[Path]
) -> list[TrialGroup]:
    """The finished trials under data/paper, in the order of the experiments, their tasks and their variants.

    Only these tasks are read, and of their trials those whose folders are among `done`: others were made with other
    settings. Raises TableError for a broken file.
    """
    found: dict[tuple[str, str, str], list[tuple[int, Path, str]]] = {}
    for marker in paper.glob("*/*/*/*/trial.json"):
        if marker.parent not in done:
            continue
        about = _read(marker)
        if not {"experiment", "variant", "task", "seed", "method"} <= set(about):
            raise TableError(f"{marker}: wanted the keys experiment, variant, task, seed and method")
        key = about["experiment"], about["variant"], about["task"]
        found.setdefault(key, []).append((about["seed"], marker.parent, about["method"]))
    groups = []
    for experiment in experiments:
        for task in experiment.tasks:
            for variant in experiment.variants:
                trials = sorted(found.get((experiment.name, variant.name, task), []))
                if trials and task in tasks:
                    groups.append(_group(experiment.name, variant.name, task, trials))
    return groups


def _group(experiment: str, variant: str, task: str, trials: Sequence[tuple[int, Path, str]]) -> TrialGroup:
    method = trials[0][2]
    return TrialGroup(
        experiment,
        variant,
        task,
        method,
        tuple(folder for _, folder, _ in trials),
        tuple(read_curve(folder / "curve.csv", seed) for seed, folder, _ in trials),
        pa.concat_tables([read_episodes(folder / "episodes.parquet", task, method) for _, folder, _ in trials]),
        _read(trials[0][1] / "config.json"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise TableError(f"{path}: wanted keys and values, found {type(content).__name__}")
    return content
