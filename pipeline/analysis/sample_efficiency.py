"""Sample efficiency: how many environment steps students take to a level of success, beside those of LLM4Teach.

Two of what is compared have the teacher's options without any language model: hierarchical RL, and labels that advise
every option that can start, all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median_high

import numpy as np

from pipeline.experiments.catalogue import COMPARE_METHODS, OPTIONS_ALONE
from pipeline.printing import amount, counted, percent, times
from pipeline.results.published_results import PublishedResults
from pipeline.results.trials import TrialGroup
from pipeline.statistics import Estimate, ratio_interval
from pipeline.student.methods.llm4teach import LLM4Teach

HIGH = 0.99
OPTIONS = "Options alone"


def steps_in_words(steps: np.ndarray) -> str:
    """The upper median of float[students] and, where they differ, the range and how many get there (not infinity)."""
    middle, low, high = (amount(x, "env_steps") for x in (median_high(steps), steps.min(), steps.max()))
    there = int(np.isfinite(steps).sum())
    count = "" if there in (0, len(steps)) else f", {there} of {len(steps)} get there"
    return middle if low == high else f"{middle} ({low}–{high}{count})"


@dataclass(frozen=True)
class StepsToLevel:
    """One task, network and level of success, and by title the students of each method that try to get there.

    of_the_paper  whether the level is the paper's success of LLM4Teach
    """

    task: str
    network: str
    level: float
    of_the_paper: bool
    groups: dict[str, TrialGroup]

    @property
    def goal(self) -> str:
        return f"the paper’s {percent(self.level)}" if self.of_the_paper else percent(self.level)

    def steps(self, title: str) -> str:
        """How many steps one method's students take."""
        return steps_in_words(self.groups[title].reached(self.level))

    def multiple(self, title: str) -> str:
        """How many times LLM4Teach's steps that is: `3.1 to 4.3 times: more`."""
        ratio = self.ratios[title]
        verdict = {1: "more", -1: "fewer", 0: "can’t be told"}[ratio.side(1)]
        return f"{times(ratio.low, ratio.high)} times: {verdict}"

    @cached_property
    def ratios(self) -> dict[str, Estimate]:
        """How many times LLM4Teach's steps the others take; none where LLM4Teach was not run."""
        if LLM4Teach.title not in self.groups:
            return {}
        own = self.groups[LLM4Teach.title].bounds(self.level)
        others = {title: group for title, group in self.groups.items() if title != LLM4Teach.title}
        return {title: ratio_interval(group.bounds(self.level), own) for title, group in others.items()}


def steps_to_levels(groups: Sequence[TrialGroup], published: PublishedResults) -> list[StepsToLevel]:
    """For every task and network of the experiments that compare methods: to the paper's level, and to 99%."""
    places: dict[tuple[str, str], dict[str, TrialGroup]] = {}
    for group in groups:
        if group.experiment in COMPARE_METHODS:
            places.setdefault((group.task, group.network), {})[group.title] = group
    for group in groups:
        if group.variant is OPTIONS_ALONE and (group.task, group.network) in places:
            places[group.task, group.network][OPTIONS] = group
    found: list[StepsToLevel] = []
    for (task, network), methods in places.items():
        paper = published.figure(task, LLM4Teach.name)
        levels = [(paper.success, True)] if paper else []
        found += [StepsToLevel(task, network, *level, methods) for level in [*levels, (HIGH, False)]]
    return found


def in_a_sentence(rows: Sequence[StepsToLevel]) -> str:
    """How often each method takes more or fewer steps than LLM4Teach, over tasks, networks and levels."""
    told = {title: [row.ratios[title].side(1) for row in rows if title in row.ratios] for title in titles(rows)}
    counts = [f"{title}: {counted(sides, 'more', 'fewer')}" for title, sides in told.items() if sides]
    return f"More or fewer steps than {LLM4Teach.title}, by the whole interval: {'; '.join(counts)}." if counts else ""


def titles(rows: Sequence[StepsToLevel]) -> list[str]:
    """Whatever is compared in any row, LLM4Teach first."""
    found = dict.fromkeys(title for row in rows for title in row.groups)
    return sorted(found, key=lambda title: title != LLM4Teach.title)
