"""Evaluation episodes, and what they come to: success, return and length with 95% intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.params import Acting
from pipeline.statistics import wilson_interval
from pipeline.tables import EPISODES, TableError, read_table

ENDS = ("success", "death", "timeout")


@dataclass(frozen=True)
class Estimate:
    """A mean over episodes and its 95% interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One method on one task, acting in one way.

    seeds           the students' seeds; empty for the untrained teacher
    layouts         different layouts among the episodes
    effective       the number of independent episodes that the interval of success rests on, at most `episodes`
    seed_success    each student's success, in the order of `seeds`
    ends            share of episodes by how they ended: success, death, timeout
    """

    task: str
    method: str
    acting: str
    seeds: tuple[int, ...]
    episodes: int
    layouts: int
    effective: float
    success: Estimate
    episode_return: Estimate
    length: Estimate
    seed_success: tuple[float, ...]
    ends: dict[str, float]

    def metrics(self) -> dict[str, float]:
        """The figures as one flat dictionary, for a metrics file."""
        return {
            "success": self.success.mean,
            "success_low": self.success.low,
            "success_high": self.success.high,
            "return": self.episode_return.mean,
            "length": self.length.mean,
            "episodes": self.episodes,
            **{end: share for end, share in self.ends.items() if end != "success"},
        }


def read_episodes(path: Path, task: str, method: str) -> pa.Table:
    """Read an evaluation table and check that it says what it should.

    Raises TableError for a table that is missing, broken, empty, of another task or method, or with impossible rows.
    """
    table = read_table(path, EPISODES)
    if table.num_rows == 0:
        raise TableError(f"{path}: the evaluation table is empty")
    checks: list[tuple[str, Any, str]] = [
        ("task", pc.equal(table["task"], task), f"wanted {task!r}"),
        ("method", pc.equal(table["method"], method), f"wanted {method!r}"),
        ("acting", _one_of(table["acting"], get_args(Acting)), f"allowed: {', '.join(get_args(Acting))}"),
        ("end", _one_of(table["end"], ENDS), f"allowed: {', '.join(ENDS)}"),
        ("success", pc.is_valid(table["success"]), "wanted true or false"),
        ("success", pc.equal(table["success"], pc.equal(table["end"], "success")), "it contradicts the column `end`"),
        ("episode_return", pc.is_finite(table["episode_return"]), "wanted a finite number"),
        ("episode_length", pc.greater_equal(table["episode_length"], 1), "wanted at least 1"),
    ]
    for column, good, wanted in checks:
        fine = pc.fill_null(good, False)
        if not pc.all(fine).as_py():
            row = pc.index(fine, False).as_py()
            raise TableError(f"{path}, row {row}: {column} is {table[column][row].as_py()!r}; {wanted}")
    return table


def _one_of(column: pa.ChunkedArray, allowed: Iterable[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(list(allowed)))


def summaries(table: pa.Table) -> list[Summary]:
    """One summary per (task, method, acting) that occurs in a table of EPISODES rows, in order of first appearance.

    Students with several seeds are pooled: the means are over all episodes of all seeds. An interval is Wilson's for
    success and the normal one for return and length, and takes the number of episodes to be `effective`. Students
    that differ from each other widen the interval thus, and so do layouts that are harder than others for all of them.
    """
    groups: dict[tuple[str, str, str], list[int]] = {}
    keys = zip(*(table[name].to_pylist() for name in ("task", "method", "acting")), strict=True)
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [_summary(key, table.take(rows)) for key, rows in groups.items()]


def _summary(key: tuple[str, str, str], table: pa.Table) -> Summary:
    seed = np.array([-1 if s is None else s for s in table["seed"].to_pylist()])
    layout = table["layout_seed"].to_numpy()
    success = table["success"].to_numpy().astype(np.float64)
    end = np.asarray(table["end"].to_pylist())
    seeds = tuple(sorted({int(s) for s in seed if s >= 0}))
    effective = effective_episodes(success, seed, layout)
    low, high = wilson_interval(float(success.mean()) * effective, effective)
    return Summary(
        *key,
        seeds=seeds,
        episodes=len(success),
        layouts=len(np.unique(layout)),
        effective=effective,
        success=Estimate(float(success.mean()), low, high),
        episode_return=_estimate(table["episode_return"].to_numpy(), seed, layout),
        length=_estimate(table["episode_length"].to_numpy().astype(np.float64), seed, layout),
        seed_success=tuple(float(success[seed == s].mean()) for s in seeds),
        ends={name: float((end == name).mean()) for name in ENDS},
    )


def effective_episodes(values: np.ndarray, seed: np.ndarray, layout: np.ndarray) -> float:
    """How many independent episodes the rows are worth: their number over the design effect.

    values  float[episodes]; seed, layout  int[episodes], equal for episodes of one student, and on one layout

    All students play the same layouts, so their episodes are independent neither within a student nor within a layout.
    The design effect is the variance of the mean as students' means have it, or as layouts' means have it, whichever
    is larger, over that of as many independent episodes; never less than one. Where nothing varies it can't be told,
    and every layout counts once.
    """
    if len(values) < 2:
        return float(len(values))
    of_independent = values.var(ddof=1) / len(values)
    if of_independent == 0:
        return float(len(np.unique(layout)))
    effect = max(1.0, *(_variance_of_mean(values, groups) / of_independent for groups in (seed, layout)))
    return float(len(values) / effect)


def _variance_of_mean(values: np.ndarray, groups: np.ndarray) -> float:
    """The variance of the mean of all values, estimated from the means of groups; 0 if there is but one group."""
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(place, values) / sizes
    return float(means.var(ddof=1) / len(means)) if len(means) > 1 else 0.0


def _estimate(values: np.ndarray, seed: np.ndarray, layout: np.ndarray) -> Estimate:
    """The mean with the normal 95% interval over the effective number of episodes."""
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / effective_episodes(values, seed, layout) ** 0.5 if len(values) > 1 else 0.0
    half = NormalDist().inv_cdf(0.975) * error
    return Estimate(mean, mean - half, mean + half)


def typical_episode(table: pa.Table) -> tuple[int, int | None]:
    """The layout of the episode of median length, and its student's seed (None for `llm`).

    Taken from the first student's episodes, acting by sampling where there are such; the first of equal ones.
    """
    rows = table.select(["acting", "seed", "episode_length", "layout_seed"]).to_pylist()
    rows = [row for row in rows if row["acting"] == "sampled"] or rows
    first = min((row["seed"] for row in rows if row["seed"] is not None), default=None)
    rows = sorted((row for row in rows if row["seed"] == first), key=lambda row: row["episode_length"])
    middle = rows[(len(rows) - 1) // 2]["episode_length"]
    return next((row["layout_seed"], first) for row in rows if row["episode_length"] == middle)
