"""The ablations: each experiment's variants as learning curves, a table, and a sentence on what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.experiments.experiment import Experiment, command_of
from pipeline.report.comparison import percent
from pipeline.report.experiment_figures import variant_curves
from pipeline.report.figures import Drawing, amount
from pipeline.report.trials import TrialGroup
from pipeline.statistics import difference_interval

NOT_ABLATIONS = ("methods", "long")
FAST = 0.9
"""The success at which variants' speeds are compared."""


@dataclass(frozen=True)
class Ablation:
    """One experiment as the page shows it.

    command   what runs it
    findings  what it shows, one sentence per task
    """

    name: str
    question: str
    paper: str
    command: str
    drawings: list[Drawing] = field(default_factory=list)
    groups: list[TrialGroup] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def ablations(experiments: Sequence[Experiment], groups: Sequence[TrialGroup], figures: Path) -> list[Ablation]:
    """Every ablation, whether it was run or not; figures go into a folder."""
    found = []
    for experiment in experiments:
        if experiment.name in NOT_ABLATIONS:
            continue
        mine = [group for group in groups if group.experiment == experiment.name]
        drawings, findings = [], []
        for task in experiment.tasks:
            here = [group for group in mine if group.task == task]
            drawing = variant_curves(figures, experiment.name, task, here) if here else None
            if drawing:
                drawings.append(drawing)
            if here:
                findings.append(finding(here, experiment.variants[0].name, experiment.variants[-1].name))
        name, question, paper = experiment.name, experiment.question, experiment.paper
        found.append(Ablation(name, question, paper, command_of(name), drawings, mine, findings))
    return found


def finding(groups: Sequence[TrialGroup], first: str, last: str) -> str:
    """What the variants of an experiment show on one task: its first and its last one compared, and how all end.

    Which two are compared is fixed beforehand, so that chance can't choose them.
    """
    task = groups[0].task
    ends = sorted(group.main.success.mean for group in groups)
    low, high = percent(ends[0]), percent(ends[-1])
    count = f"the {len(groups)} variants end" if len(groups) > 1 else f"“{groups[0].variant}” ends"
    in_the_end = f"on held-out layouts {count} at {low if low == high else f'{low} to {high}'}"
    by_name = {group.variant: group for group in groups}
    if first not in by_name or last not in by_name or first == last:
        return f"{task}: {in_the_end}."
    a, b = by_name[first], by_name[last]
    difference = compared(b, a)
    if difference is None:
        return f"{task}: {in_the_end}."
    return (
        f"{task}: “{last}” against “{first}”: mean success in training {difference.words}; {FAST:.0%} in "
        f"training takes {speed(b)} steps against {speed(a)}; {in_the_end}."
    )


@dataclass(frozen=True)
class Difference:
    """Two variants' mean success in training, and the difference (first - second) with its 95% interval over seeds."""

    first: float
    second: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def words(self) -> str:
        chance = "more than chance" if self.beyond_chance else "no more than chance"
        points = f"{_points(self.low)} to {_points(self.high)}"
        return (
            f"{percent(self.first)} against {percent(self.second)}, {_points(self.first - self.second)} points "
            f"(95% interval {points}), {chance}"
        )


def _points(share: float) -> str:
    """A difference of shares in percentage points, with its sign: `+1.3`, `−0.4`, `0.0`."""
    points = round(100 * share, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "0.0"


def compared(first: TrialGroup, second: TrialGroup) -> Difference | None:
    """Two variants' success in training, over as many steps as both have; None if one has none."""
    end = min(first.end, second.end)
    courses = [course[np.isfinite(course)] for course in (first.course(end), second.course(end))]
    if not all(len(course) for course in courses):
        return None
    _, low, high = difference_interval(*courses)
    return Difference(float(courses[0].mean()), float(courses[1].mean()), low, high)


def speed(group: TrialGroup) -> str:
    """How many steps the median student of a variant takes to FAST, in words."""
    steps = np.sort(group.reached(FAST))
    middle = float(steps[len(steps) // 2])
    return amount(middle, "env_steps") if np.isfinite(middle) else f"more than {amount(group.end, 'env_steps')}"
