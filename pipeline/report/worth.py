"""What the teacher is worth: steps and seconds until a level of success, beside the same network without it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.report.ablations import ENOUGH, FAST, speed
from pipeline.report.comparison import interval, percent
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
    """One method's way to a level.

    steps, seconds  float[seeds]  environment steps and seconds; infinity: never
    end             environment steps that every student has run
    earliest        environment steps before which no level can be seen, as too few whole episodes have ended
    """

    steps: np.ndarray
    seconds: np.ndarray
    end: float
    earliest: float = 0.0

    @property
    def mostly(self) -> bool:
        """Whether more than half of the students get there."""
        return bool(np.isfinite(self.steps).sum() * 2 > len(self.steps))

    @property
    def at_once(self) -> bool:
        """Whether a student is there as soon as can be seen, and so may have been there before."""
        return bool((self.steps <= self.earliest).any())

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

    @property
    def at_least(self) -> bool:
        """Whether the ratios are lower bounds, because LLM4Teach may be faster than can be seen."""
        return "llm4teach" in self.reaches and self.reaches["llm4teach"].at_once

    def times(self, method: str) -> str:
        """How many times LLM4Teach's steps a method takes, in words."""
        ratio = self.steps[method]
        return f"at least {ratio.words}" if self.at_least and math.isfinite(ratio.value) else ratio.words

    @property
    def enough(self) -> bool:
        """Whether there are students enough of each method that was run to conclude anything."""
        return all(len(reach.steps) >= ENOUGH for reach in self.reaches.values())


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
                method: Reach(
                    group.reached(level),
                    group.reached(level, "seconds"),
                    group.end,
                    float(group.reached(-np.inf).min()),
                )
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


def worth_in_words(rows: Sequence[Worth]) -> list[str]:
    """For each task and network one sentence, at its first level: what the teacher saves, and what of it is the
    language model's."""
    first: dict[tuple[str, str], Worth] = {}
    for row in rows:
        first.setdefault((row.task, row.network), row)
    return [_sentence(row) for row in first.values()]


def _sentence(row: Worth) -> str:
    place, own = f"{row.task}, network {row.network}", row.reaches.get("llm4teach")
    if own is None:
        return f"{place}: LLM4Teach was not run, so nothing can be said of its teacher."
    if not own.mostly:
        names = {"rl": "RL", "hierarchical": "the same options without a language model (hierarchical)"}
        others = "".join(f"; {name}: {row.reaches[key].words}" for key, name in names.items() if key in row.reaches)
        return f"{place}: {row.goal} is more than LLM4Teach gets to: {own.words}{others}."
    baseline = f"RL needs {row.times('rl')} the steps of LLM4Teach" if "rl" in row.reaches else "RL was not run"
    options = (
        f"with the same options but no language model (hierarchical) it takes {row.times('hierarchical')} the steps"
        if "hierarchical" in row.reaches
        else "the same options without a language model (hierarchical) were not run"
    )
    return f"{place}: to {row.goal}, {baseline}; {options}: {_conclusion(row)}."


def _conclusion(row: Worth) -> str:
    """What part of the saved steps is due to the language model's own answers, rather than to the options."""
    answers = "the language model’s own answers"
    if not row.enough:
        counts = ", ".join(f"{len(reach.steps)} of {method}" for method, reach in row.reaches.items())
        return f"too few students for a conclusion ({counts})"
    baseline, options = row.steps.get("rl"), row.steps.get("hierarchical")
    if baseline and math.isfinite(baseline.value) and baseline.low <= 1:
        return "so it is not clear that the teacher saves any steps"
    if options is None:
        return f"so what part of it {answers} have is open"
    if math.isinf(options.value):
        end = amount(row.reaches["hierarchical"].end, "env_steps")
        return f"so the options alone don’t get there within {end} steps, and that LLM4Teach does is due to {answers}"
    if options.high < 1 and not row.at_least:
        return f"so the options alone save more, and {answers} account for nothing of what the teacher saves"
    if options.low <= 1:
        return f"so the options alone may well save as much, and no saved step can be put down to {answers}"
    if baseline is None:
        return f"so {answers} do save steps, but without RL one can’t say which part"
    return f"so of the steps that the teacher saves, {answers} account for {_share(baseline, options, row.at_least)}"


def _share(baseline: Ratio, options: Ratio, at_least: bool) -> str:
    """(options - LLM4Teach) of (RL - LLM4Teach) in steps, both known as multiples of LLM4Teach's; both exceed 1.

    at_least  LLM4Teach's own steps may be fewer, which makes the share larger, at most by making them 0
    """
    if math.isinf(baseline.value):  # RL never gets there: it takes more than its bound, so the share is less
        less = 0 if at_least else 1
        if baseline.low <= max(1.0, options.value):
            return "a part that the length of RL’s training leaves open"
        return f"at most {(options.value - less) / (baseline.low - less):.0%}"
    share = (options.value - 1) / (baseline.value - 1)
    if share >= 1:
        return "all: the options alone are no faster than RL"
    low = (options.low - 1) / (baseline.high - 1)
    high = min(1.0, (options.high - 1) / (baseline.low - 1))
    return (
        f"{'at least ' if at_least else ''}about {share:.0%} (from the ends of both intervals: {low:.0%} to {high:.0%})"
    )


def uniform_in_words(groups: Iterable[TrialGroup]) -> list[str]:
    """What students reach whose teacher advises any option, all alike: the options without any language model."""
    noise = {(group.task, group.variant): group for group in groups if group.experiment == "noise"}
    sentences = []
    for (task, variant), group in noise.items():
        if variant != "100%":
            continue
        clean = noise.get((task, "0%"))
        beside = f"; with the language model’s labels {_outcome(clean)}" if clean else ""
        sentences.append(
            f"{task}, network {group.network}: a teacher that advises every option that can start, all alike, and so "
            f"without any language model (experiment “noise”, 100%), leads to {_outcome(group)}{beside}."
        )
    return sentences


def _outcome(group: TrialGroup) -> str:
    return (
        f"{FAST:.0%} in training after {speed(group)} steps and {percent(group.main.success.mean)} "
        f"({interval(group.main.success)}) on held-out layouts, {len(group.folders)} students"
    )
