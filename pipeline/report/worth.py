"""What the teacher is worth: steps until a level of success, beside students without it, or with options alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.report.comparison import percent
from pipeline.report.figures import amount
from pipeline.report.published_results import PublishedResults
from pipeline.report.trials import TrialGroup
from pipeline.statistics import ratio_interval, upper_median

COMPARED = ("methods", "map")
"""Experiments that compare methods with one network each."""
HIGH = 0.99
TITLES = {"llm4teach": "LLM4Teach", "rl": "RL", "hierarchical": "Hierarchical RL", "uniform": "Options alone"}
"""What is compared; the last two have the teacher's options without any language model."""


@dataclass(frozen=True)
class Reach:
    """One method's way to a level.

    steps     float[seeds]  environment steps until it; infinity: never
    ends      float[seeds]  environment steps that each student has run
    earliest  environment steps before which no level can be seen, as too few whole episodes have ended
    """

    steps: np.ndarray
    ends: np.ndarray
    earliest: float = 0.0

    @property
    def there(self) -> int:
        """How many students get to the level."""
        return int(np.isfinite(self.steps).sum())

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Between what steps each student gets there: some maybe before it could be seen, some after they stopped."""
        never, at_once = np.isinf(self.steps), self.steps <= self.earliest
        return np.where(never, self.ends, np.where(at_once, 0.0, self.steps)), self.steps

    @property
    def words(self) -> str:
        """The median and, where students differ, the range; who never gets there is the largest, and is counted."""
        numbers = (upper_median(self.steps), float(self.steps.min()), float(self.steps.max()))
        middle, low, high = (amount(x, "env_steps") if math.isfinite(x) else "never" for x in numbers)
        count = "" if self.there in (0, len(self.steps)) else f", {self.there} of {len(self.steps)} get there"
        return middle if low == high else f"{middle} ({low}–{high}{count})"


@dataclass(frozen=True)
class Ratio:
    """A 95% interval for how many times LLM4Teach's steps a method takes; 0 and infinity where an end is open."""

    low: float
    high: float

    @property
    def verdict(self) -> str:
        return "more" if self.low > 1 else "fewer" if self.high < 1 else "can’t be told"

    @property
    def words(self) -> str:
        if math.isinf(self.high):
            return f"at least {self.low:.1f}" if self.low > 0 else "any number of"
        return f"{self.low:.1f} to {self.high:.1f}" if self.low > 0 else f"at most {self.high:.1f}"


@dataclass(frozen=True)
class Worth:
    """One task, network and level: each method's way there, in the order of TITLES, and the others' ratios."""

    task: str
    network: str
    goal: str
    level: float
    reaches: dict[str, Reach]

    @property
    def ratios(self) -> dict[str, Ratio]:
        """How many times LLM4Teach's steps the other methods take; none where that was not run."""
        own = self.reaches.get("llm4teach")
        others = {method: reach for method, reach in self.reaches.items() if method != "llm4teach"}
        return {method: Ratio(*ratio_interval(reach.bounds, own.bounds)) for method, reach in others.items() if own}


def worths(groups: Iterable[TrialGroup], published: PublishedResults) -> list[Worth]:
    """For every task and network of the experiments that compare methods: the paper's level, and 99%."""
    places: dict[tuple[str, str], dict[str, TrialGroup]] = {}
    uniform = {}
    for group in groups:
        if group.experiment in COMPARED:
            places.setdefault((group.task, group.network), {})[group.method] = group
        elif (group.experiment, group.variant) == ("noise", "100%"):  # such a teacher's labels say nothing any more
            uniform[group.task, group.network] = group
    found = []
    for (task, network), methods in places.items():
        if (task, network) in uniform:
            methods["uniform"] = uniform[task, network]
        paper = published.figure(task, "llm4teach")
        levels = [(f"the paper’s {percent(paper.success)}", paper.success)] if paper else []
        for goal, level in [*levels, (percent(HIGH), HIGH)]:
            reaches = {method: _reach(methods[method], level) for method in TITLES if method in methods}
            found.append(Worth(task, network, goal, level, reaches))
    return found


def _reach(group: TrialGroup, level: float) -> Reach:
    ends = np.array([curve.env_steps[-1] for curve in group.curves])
    earliest = float(group.reached(-np.inf).min())
    return Reach(group.reached(level), ends, earliest)


def worth_in_words(rows: Sequence[Worth]) -> str:
    """How often the others take more or fewer steps than LLM4Teach, over tasks, networks and levels, in a sentence."""
    counts = []
    for method in list(TITLES)[1:]:
        verdicts = [row.ratios[method].verdict for row in rows if method in row.ratios]
        if verdicts:
            told = " and ".join(f"{word} in {verdicts.count(word)}" for word in ("more", "fewer") if word in verdicts)
            counts.append(f"{TITLES[method]}: {told or 'in none'} of {len(verdicts)}")
    return f"More or fewer steps than LLM4Teach, where that can be told: {'; '.join(counts)}." if counts else ""
