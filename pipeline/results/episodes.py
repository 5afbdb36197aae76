"""Evaluation episodes, and what they come to: success, return and length with 95% intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.params import Acting
from pipeline.statistics import Estimate, mean_interval, share_interval
from pipeline.tables import EPISODES, TableError, read_table

ENDS = ("success", "death", "timeout")


@dataclass(frozen=True)
class Summary:
    """One method on one task, acting in one way.

    seeds           the students' seeds; empty for the untrained teacher
    layouts         different layouts among the episodes
    seed_success    each student's success, in the order of `seeds`
    ends            share of episodes by how they ended: success, death, timeout
    """

    task: str
    method: str
    acting: str
    seeds: tuple[int, ...]
    episodes: int
    layouts: int
    success: Estimate
    episode_return: Estimate
    length: Estimate
    seed_success: tuple[float, ...]
    ends: dict[str, float]

    @property
    def worst_and_best(self) -> tuple[float, float] | None:
        """The lowest and the highest success of a student; None if there are not several."""
        return (min(self.seed_success), max(self.seed_success)) if len(self.seeds) > 1 else None

    def metrics(self) -> dict[str, float]:
        """The figures as one flat dictionary, for a metrics file."""
        return {
            "success": self.success.value,
            "success_low": self.success.low,
            "success_high": self.success.high,
            "return": self.episode_return.value,
            "length": self.length.value,
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

    Several students are pooled: the means are over all their episodes. Raises TableError if they did not play the same
    layouts.
    """
    groups: dict[tuple[str, str, str], list[int]] = {}
    keys = zip(*(table[name].to_pylist() for name in ("task", "method", "acting")), strict=True)
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [_summary(key, table.take(rows)) for key, rows in groups.items()]


def _summary(key: tuple[str, str, str], table: pa.Table) -> Summary:
    students, seed = np.unique([-1 if s is None else s for s in table["seed"].to_pylist()], return_inverse=True)
    layouts, layout = np.unique(table["layout_seed"].to_numpy(), return_inverse=True)
    played = np.zeros((len(students), len(layouts)))
    np.add.at(played, (seed, layout), 1)
    if not played.all():
        lacks = students[(played == 0).any(axis=1)][0]
        raise TableError(f"{', '.join(key)}: seed {lacks} did not play all the {len(layouts)} layouts that others did")

    def by_student(name: str) -> np.ndarray:
        """float[students, layouts]; a layout that was played twice counts by its mean."""
        total = np.zeros(played.shape)
        np.add.at(total, (seed, layout), table[name].to_numpy().astype(np.float64))
        return total / played

    success = by_student("success")
    end = np.asarray(table["end"].to_pylist())
    seeds = tuple(int(s) for s in students if s >= 0)
    return Summary(
        *key,
        seeds=seeds,
        episodes=len(end),
        layouts=len(layouts),
        success=share_interval(success),
        episode_return=mean_interval(by_student("episode_return")),
        length=mean_interval(by_student("episode_length")),
        seed_success=tuple(success.mean(axis=1).tolist()) if seeds else (),
        ends={name: float((end == name).mean()) for name in ENDS},
    )


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
