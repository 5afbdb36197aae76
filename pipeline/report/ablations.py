"""The ablations: each experiment's variants as learning curves, and a table of them beside its reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.experiments.experiment import Experiment, command_of
from pipeline.report.experiment_figures import variant_curves
from pipeline.report.figures import Drawing, amount
from pipeline.report.trials import TrialGroup
from pipeline.statistics import difference_interval, upper_median

NOT_ABLATIONS = ("methods", "long")
FAST = 0.9
"""The success at which variants' speeds are compared."""
ENOUGH = 3
"""Students that a group must have before anything is concluded from their spread."""


@dataclass(frozen=True)
class Difference:
    """Two variants' mean success in training, and the difference (first - second) with its 95% interval."""

    first: float
    second: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "can’t be told"

    @property
    def words(self) -> str:
        return f"{_points(self.first - self.second)} ({_points(self.low)} to {_points(self.high)})"


def _points(share: float) -> str:
    """A difference of shares in percentage points, with its sign: `+1.3`, `−0.4`, `0.0`; `−0.04` keeps its sign."""
    points = round(100 * share, 1 if abs(share) >= 0.0005 else 2)
    return f"{points:+}".replace("-", "−") if points else "0.0"


@dataclass(frozen=True)
class Row:
    """One variant on one task.

    success     mean success in training, as far as the reference ran too; None if it isn't known
    difference  to the reference; None for the reference itself, and where either has too few students
    unlabelled  share of taught steps without a label; None if it wasn't logged
    """

    group: TrialGroup
    success: float | None
    difference: Difference | None
    unlabelled: float | None

    @property
    def speed(self) -> str:
        return speed(self.group)


@dataclass(frozen=True)
class Ablation:
    """One experiment as the page shows it; `reference` is the variant that all are compared with, by plan."""

    experiment: Experiment
    drawings: list[Drawing] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def command(self) -> str:
        return command_of(self.experiment.name)

    @property
    def sentence(self) -> str:
        """What differs from the reference by more than chance."""
        apart = [
            f"“{row.group.variant}” is {row.difference.verdict} on {row.group.task}"
            for row in self.rows
            if row.difference and row.difference.verdict != "can’t be told"
        ]
        return f"Beside “{self.experiment.reference}”, {'; '.join(apart) or 'no difference can be told from chance'}."


def ablations(experiments: Sequence[Experiment], groups: Sequence[TrialGroup], figures: Path) -> list[Ablation]:
    """Every ablation, whether it was run or not; figures go into a folder."""
    found = []
    for experiment in experiments:
        if experiment.name in NOT_ABLATIONS:
            continue
        ablation = Ablation(experiment)
        for task in experiment.tasks:
            here = [group for group in groups if group.experiment == experiment.name and group.task == task]
            drawing = variant_curves(figures, experiment.name, task, here) if here else None
            if drawing:
                ablation.drawings.append(drawing)
            basis = next((group for group in here if group.variant == experiment.reference), None)
            for group in here:
                course = group.course(min(group.end, basis.end) if basis else group.end)
                success = float(course.mean()) if np.isfinite(course).all() else None
                difference = compared(group, basis) if basis and group is not basis else None
                ablation.rows.append(Row(group, success, difference, unlabelled(group)))
        found.append(ablation)
    return found


def compared(first: TrialGroup, second: TrialGroup) -> Difference | None:
    """Two variants' success in training, over as many steps as both have; None if one has not ENOUGH students."""
    end = min(first.end, second.end)
    courses = [course[np.isfinite(course)] for course in (first.course(end), second.course(end))]
    if any(len(course) < ENOUGH for course in courses):
        return None
    _, low, high = difference_interval(*courses)
    return Difference(float(courses[0].mean()), float(courses[1].mean()), low, high)


def unlabelled(group: TrialGroup) -> float | None:
    """The share of steps without a label while the teacher teaches, a mean over students; None if it wasn't logged."""
    shares = [
        float(curve.label_miss_rate[taught].mean())
        for curve in group.curves
        if (taught := (curve.teacher_weight > 0) & np.isfinite(curve.label_miss_rate)).any()
    ]
    return float(np.mean(shares)) if shares else None


def speed(group: TrialGroup) -> str:
    """How many steps the median student of a variant takes to FAST, in words."""
    middle = upper_median(group.reached(FAST))
    return amount(middle, "env_steps") if np.isfinite(middle) else f"more than {amount(group.end, 'env_steps')}"
