"""What the teacher is worth: steps and seconds until a level of success, beside the same network without it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.report.comparison import percent
from pipeline.report.curves import Axis
from pipeline.report.figures import amount
from pipeline.report.published_results import PublishedResults
from pipeline.report.trials import TrialGroup
from pipeline.statistics import median_ratio_interval

COMPARED = ("methods", "map")
"""Experiments that compare methods with one network each."""
HIGH = 0.99


@dataclass(frozen=True)
class Reach:
    """One method's way to a level: float[seeds] environment steps and seconds (infinity: never), and how far it ran."""

    steps: np.ndarray
    seconds: np.ndarray
    end: float

    @property
    def mostly(self) -> bool:
        """Whether more than half of the students get there."""
        return bool(np.isfinite(self.steps).sum() * 2 > len(self.steps))

    @property
    def words(self) -> str:
        there = np.isfinite(self.steps)
        if not self.mostly:
            count = f"{there.sum()} of {len(there)} students did"
            return f"not reached within {amount(self.end, 'env_steps')} steps ({count})"
        return f"{_spread(self.steps, 'env_steps')} steps, {_spread(self.seconds, 'seconds')}"


@dataclass(frozen=True)
class Ratio:
    """How many times LLM4Teach's steps (or seconds) a method takes, with its 95% interval over seeds.

    Where most of the method's students never get there, `low` is what they at least take, and `value` infinite.
    """

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        if math.isinf(self.value):
            return f"more than {self.low:.1f} times"
        high = f"{self.high:.1f}" if math.isfinite(self.high) else "or more, as some never get there"
        return f"{self.value:.1f} times ({self.low:.1f} {'to ' if math.isfinite(self.high) else ''}{high})"


@dataclass(frozen=True)
class Worth:
    """One task, network and level: each method's way there, and its ratio to LLM4Teach's in steps and seconds."""

    task: str
    network: str
    goal: str
    level: float
    reaches: dict[str, Reach]
    steps: dict[str, Ratio]
    seconds: dict[str, Ratio]


def worths(groups: Iterable[TrialGroup], published: PublishedResults) -> list[Worth]:
    """For every task and network of the experiments that compare methods: the paper's level, and 99%."""
    by_place: dict[tuple[str, str], dict[str, TrialGroup]] = {}
    for group in groups:
        if group.experiment in COMPARED:
            by_place.setdefault((group.task, group.network), {})[group.method] = group
    found = []
    for (task, network), methods in by_place.items():
        paper = published.figure(task, "llm4teach")
        levels = [(f"the paper’s {percent(paper.success)}", paper.success)] if paper else []
        for goal, level in [*levels, (f"{HIGH:.0%}", HIGH)]:
            reaches = {
                method: Reach(group.reached(level), group.reached(level, "seconds"), group.end)
                for method, group in methods.items()
            }
            found.append(
                Worth(task, network, goal, level, reaches, _ratios(reaches, "steps"), _ratios(reaches, "seconds"))
            )
    return found


def _ratios(reaches: dict[str, Reach], measure: str) -> dict[str, Ratio]:
    """The other methods' ratios; none where most students of LLM4Teach don't get there."""
    own = reaches.get("llm4teach")
    if own is None or not own.mostly:
        return {}
    below = getattr(own, measure)
    ratios = {}
    for method, reach in reaches.items():
        if method == "llm4teach":
            continue
        above = getattr(reach, measure)
        if reach.mostly:
            ratios[method] = Ratio(*median_ratio_interval(above, below))
        elif measure == "steps":  # how long the others would have run on is known in steps, not in seconds
            ratios[method] = Ratio(math.inf, reach.end / float(np.sort(below)[len(below) // 2]), math.inf)
    return ratios


def _spread(values: np.ndarray, axis: Axis) -> str:
    """The median and, where seeds differ, the range; students that never get there count as the largest."""
    ordered: Sequence[float] = np.sort(values).tolist()
    middle, low, high = (amount(x, axis) for x in (ordered[len(ordered) // 2], ordered[0], min(ordered[-1], math.inf)))
    high = high if math.isfinite(ordered[-1]) else "never"
    return middle if low == high else f"{middle} ({low}–{high})"
