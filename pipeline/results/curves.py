"""Training curves: reading what students logged, and what several seeds come to together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.printing import Axis
from pipeline.statistics import students_interval
from pipeline.student.runs.tracking import read_curve
from pipeline.tables import TableError

COLUMNS = ("env_steps", "seconds", "episodes", "success", "teacher_weight", "label_miss_rate")
BINS, LASTING = 60, 5
WINDOW = 5
"""Iterations over which success in training is averaged: before it is compared with a level, and at the end."""


@dataclass(frozen=True)
class Curve:
    """One student's training log, one entry per iteration; NaN where nothing was logged.

    env_steps       float[iterations]  environment steps so far, over all phases
    seconds         float[iterations]  wall-clock seconds of training so far
    episodes        float[iterations]  training episodes that ended in the iteration
    success         float[iterations]  of the training episodes that ended in the iteration
    teacher_weight  float[iterations]  lambda of the paper's Eq. 3
    label_miss_rate float[iterations]  share of steps whose description has no label
    """

    seed: int
    env_steps: np.ndarray
    seconds: np.ndarray
    episodes: np.ndarray
    success: np.ndarray
    teacher_weight: np.ndarray
    label_miss_rate: np.ndarray

    @property
    def teacher_leaves(self) -> int | None:
        """The first iteration without the teacher; None if it never taught or never left."""
        taught = np.flatnonzero(self.teacher_weight > 0)
        return int(taught[-1]) + 1 if len(taught) and taught[-1] + 1 < len(self.teacher_weight) else None

    @property
    def final_success(self) -> float:
        """Success of the training episodes that ended in the last WINDOW iterations with any; NaN if there are none."""
        last = np.flatnonzero(np.isfinite(self.success))[-WINDOW:]
        return float(np.average(self.success[last], weights=self.episodes[last])) if len(last) else math.nan

    @classmethod
    def read(cls, path: Path, seed: int) -> Curve:
        """One student's `curve.csv` as numbers. Raises TableError, naming the file, the line and the column."""
        rows = read_curve(path)
        if not rows:
            raise TableError(f"{path}: the training log has no rows")
        columns: dict[str, np.ndarray] = {}
        for name in COLUMNS:
            if name not in rows[0]:
                raise TableError(f"{path}: column missing: {name}")
            values = []
            for line, row in enumerate(rows, 2):
                try:
                    values.append(float(row[name]) if row[name] else math.nan)
                except ValueError:
                    raise TableError(f"{path}, line {line}: {name} is {row[name]!r}; wanted a number") from None
            columns[name] = np.array(values)
        for name in ("env_steps", "seconds"):
            if not np.isfinite(columns[name]).all() or (np.diff(columns[name]) < 0).any():
                raise TableError(f"{path}: {name} must be there in every line and never fall")
        return cls(seed, **columns)


def find_curves(method_dir: Path) -> list[Curve]:
    """The curves of all final students of one task and method (`final/<seed>/curve.csv`), by seed; [] if none."""
    paths = [path for path in method_dir.glob("final/*/curve.csv") if path.parent.name.isdigit()]
    return [Curve.read(path, int(path.parent.name)) for path in sorted(paths, key=lambda p: int(p.parent.name))]


def binned(x: np.ndarray, y: np.ndarray, edges: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of y over the iterations whose x lies in each bin, float[len(edges) - 1]; empty bins are interpolated.

    weights  float[iterations], not negative

    Iterations without a value of y count as not there. NaN in the bins before the first that has one: no episode counts
    until environments are as old as the longest, and what is not known is not drawn.
    """
    there = np.isfinite(y)
    place = np.clip(np.searchsorted(edges, x[there], side="left") - 1, 0, len(edges) - 2)
    inside = x[there] <= edges[-1]
    weights = weights[there][inside]
    count = np.bincount(place[inside], weights, minlength=len(edges) - 1)
    total = np.bincount(place[inside], weights * y[there][inside], minlength=len(edges) - 1)
    filled = count > 0
    if not filled.any():
        return np.full(len(edges) - 1, np.nan)
    centres = (edges[1:] + edges[:-1]) / 2
    return np.interp(centres, centres[filled], total[filled] / count[filled], left=np.nan)


def _weights(curve: Curve, column: str) -> np.ndarray:
    """What an iteration counts in a mean: its episodes where the column is of episodes, else the same as any other.

    Unweighted, an iteration in which a few short and lucky episodes ended would count like one in which all did.
    """
    return curve.episodes if column == "success" else np.ones_like(curve.env_steps)


@dataclass(frozen=True)
class Band:
    """Several students together, on common bins from where all have values up to the end of the shortest curve.

    end             where the last bin ends
    x               float[bins]  the bins' centres
    each            float[students, bins]
    mean, low, high float[bins]  mean over students, and its 95% interval
    final           mean success at the end of training, the same against steps and against seconds
    """

    end: float
    x: np.ndarray
    each: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    final: float

    def reaches(self, level: float) -> float | None:
        """The first x from which the mean stays at or above a level for LASTING bins, or to the end; None if never.

        Fewer would take the first short and lucky episodes for the level.
        """
        above = np.append(self.mean >= level, np.full(LASTING - 1, self.mean[-1] >= level))
        lasting = np.flatnonzero(np.convolve(above, np.ones(LASTING), "valid") == LASTING)
        return float(self.x[lasting[0]]) if len(lasting) else None


def band(curves: Sequence[Curve], axis: Axis, column: str = "success", bins: int = BINS) -> Band | None:
    """The seeds' common course of one column; None if no curve has a value of it, or none gets off the ground."""
    end = min((float(getattr(curve, axis)[-1]) for curve in curves), default=0.0)
    if end <= 0:
        return None
    edges = np.linspace(0, end, min(bins, *(len(curve.env_steps) for curve in curves)) + 1)
    each = np.stack(
        [binned(getattr(curve, axis), getattr(curve, column), edges, _weights(curve, column)) for curve in curves]
    )
    each = each[np.isfinite(each).any(axis=1)]
    if not len(each):
        return None
    there = np.isfinite(each).all(axis=0)
    each, x = each[:, there], ((edges[1:] + edges[:-1]) / 2)[there]
    final = float(np.nanmean([curve.final_success for curve in curves])) if column == "success" else math.nan
    return Band(end, x, each, each.mean(axis=0), *students_interval(each), final)
