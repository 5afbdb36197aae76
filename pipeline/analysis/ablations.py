"""The ablations: each experiment's variants on each task, beside the one that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.analysis.sample_efficiency import steps_in_words
from pipeline.experiments.catalogue import LONG, METHODS
from pipeline.experiments.experiment import Experiment
from pipeline.params import Params
from pipeline.printing import counted, points
from pipeline.results.trials import TrialGroup
from pipeline.statistics import Estimate, difference_interval

NOT_ABLATIONS = (METHODS, LONG)
FAST = 0.9
"""The success at which variants' speeds are compared."""
ENOUGH = 3
"""Students that a group must have before anything is concluded from their spread."""


@dataclass(frozen=True)
class Row:
    """One variant on one task.

    success     mean success in training, as far as the basis ran too; None if it isn't known
    difference  to the basis; None for the basis itself, and where either has too few students
    unlabelled  share of taught steps without a label; None if it wasn't logged
    """

    group: TrialGroup
    success: float | None
    difference: Estimate | None
    unlabelled: float | None

    @property
    def steps(self) -> str:
        """How many steps the students take to FAST."""
        return steps_in_words(self.group.reached(FAST))

    @property
    def verdict(self) -> str:
        if self.difference is None:
            return "not compared"
        return {1: "higher", -1: "lower", 0: "can’t be told"}[self.difference.side(0)]


@dataclass(frozen=True)
class Ablation:
    """One experiment and its rows, task by task; no rows: it was not run."""

    experiment: Experiment
    rows: list[Row]

    @property
    def sentence(self) -> str:
        sides = [row.difference.side(0) for row in self.rows if row.difference]
        basis = self.experiment.basis.name
        return f"Beside “{basis}”, by the whole interval: {counted(sides, 'higher', 'lower')}."


def ablations(experiments: Sequence[Experiment], groups: Sequence[TrialGroup], params: Params) -> list[Ablation]:
    """Every ablation that is made on any task of the params, whether it was run or not."""
    return [
        Ablation(one, [_row(group, groups) for group in groups if group.experiment is one])
        for one in experiments
        if one not in NOT_ABLATIONS and one.tasks_of(params)
    ]


def _row(group: TrialGroup, groups: Sequence[TrialGroup]) -> Row:
    same = (one for one in groups if one.variant is group.experiment.basis and one.task == group.task)
    basis = next(same, group)
    course = group.course(min(group.end, basis.end))
    success = float(course.mean()) if np.isfinite(course).all() else None
    return Row(group, success, None if basis is group else compared(group, basis), unlabelled(group))


def compared(first: TrialGroup, second: TrialGroup) -> Estimate | None:
    """The difference of two variants' mean success in training, over as many steps as both have; None if one has not
    ENOUGH students."""
    end = min(first.end, second.end)
    courses = [course[np.isfinite(course)] for course in (first.course(end), second.course(end))]
    return None if min(map(len, courses)) < ENOUGH else difference_interval(*courses)


def in_points(difference: Estimate) -> str:
    """A difference of shares and its interval, in percentage points: `−0.6 (−1.3 to −0.04)`."""
    return f"{points(difference.value)} ({points(difference.low)} to {points(difference.high)})"


def unlabelled(group: TrialGroup) -> float | None:
    """The share of steps without a label while the teacher teaches, a mean over students; None if it wasn't logged."""
    shares = [
        float(curve.label_miss_rate[taught].mean())
        for curve in group.curves
        if (taught := (curve.teacher_weight > 0) & np.isfinite(curve.label_miss_rate)).any()
    ]
    return float(np.mean(shares)) if shares else None
