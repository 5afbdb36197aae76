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
ENOUGH = 3
"""Students that a group must have before anything is concluded from their spread."""


@dataclass(frozen=True)
class Ablation:
    """One experiment as the page shows it.

    command     what runs it
    findings    what it shows, one sentence per task
    unlabelled  for each of the groups, the share of taught steps without a label; empty if all have labels throughout
    """

    name: str
    question: str
    paper: str
    command: str
    drawings: list[Drawing] = field(default_factory=list)
    groups: list[TrialGroup] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    unlabelled: list[float | None] = field(default_factory=list)


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
                findings.append(finding(here, experiment.reference))
        name, question, paper = experiment.name, experiment.question, experiment.paper
        missed = [unlabelled(group) for group in mine]
        shown = missed if any(missed) else []
        found.append(Ablation(name, question, paper, command_of(name), drawings, mine, findings, shown))
    return found


def finding(groups: Sequence[TrialGroup], reference: str) -> str:
    """What the variants of an experiment show on one task: each against the reference, and how all end.

    What is compared with what is fixed beforehand, so that chance can't choose it.
    """
    task = groups[0].task
    ends = sorted(group.main.success.mean for group in groups)
    low, high = percent(ends[0]), percent(ends[-1])
    count = f"the {len(groups)} variants end" if len(groups) > 1 else f"“{groups[0].variant}” ends"
    in_the_end = f"on held-out layouts {count} at {low if low == high else f'{low} to {high}'}"
    basis = next((group for group in groups if group.variant == reference), None)
    others = [against(group, basis) for group in groups if group is not basis] if basis else []
    if not basis or not others:
        return f"{task}: {in_the_end}."
    return (
        f"{task}, mean success in training against “{reference}”, which takes {speed(basis)} steps to {FAST:.0%}: "
        f"{'; '.join(others)}. {in_the_end[0].upper()}{in_the_end[1:]}."
    )


def against(group: TrialGroup, reference: TrialGroup) -> str:
    """A clause on how one variant does beside the reference; no verdict where students are too few for one."""
    difference = compared(group, reference)
    if difference is None:
        count = f"students: {len(group.folders)}, and {len(reference.folders)} of “{reference.variant}”"
        return f"“{group.variant}” can’t be judged, which takes {ENOUGH} of each, trained long enough ({count})"
    return f"“{group.variant}” {difference.words}, and takes {speed(group)} steps to {FAST:.0%}"


def unlabelled(group: TrialGroup) -> float | None:
    """The share of steps without a label while the teacher teaches, a mean over students; None if it wasn't logged."""
    shares = [
        float(curve.label_miss_rate[taught].mean())
        for curve in group.curves
        if (taught := (curve.teacher_weight > 0) & np.isfinite(curve.label_miss_rate)).any()
    ]
    return float(np.mean(shares)) if shares else None


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
        chance = "more than chance" if self.beyond_chance else "no more than chance can make"
        points = f"{_points(self.low)} to {_points(self.high)}"
        return (
            f"{percent(self.first)} against {percent(self.second)}, {_points(self.first - self.second)} points "
            f"(95% interval {points}), {chance}"
        )


def _points(share: float) -> str:
    """A difference of shares in percentage points, with its sign: `+1.3`, `−0.4`, `0.0`; `−0.04` keeps its sign."""
    points = round(100 * share, 1 if abs(share) >= 0.0005 else 2)
    return f"{points:+}".replace("-", "−") if points else "0.0"


def compared(first: TrialGroup, second: TrialGroup) -> Difference | None:
    """Two variants' success in training, over as many steps as both have; None if one has not ENOUGH students."""
    end = min(first.end, second.end)
    courses = [course[np.isfinite(course)] for course in (first.course(end), second.course(end))]
    if any(len(course) < ENOUGH for course in courses):
        return None
    _, low, high = difference_interval(*courses)
    return Difference(float(courses[0].mean()), float(courses[1].mean()), low, high)


def speed(group: TrialGroup) -> str:
    """How many steps the median student of a variant takes to FAST, in words."""
    steps = np.sort(group.reached(FAST))
    middle = float(steps[len(steps) // 2])
    return amount(middle, "env_steps") if np.isfinite(middle) else f"more than {amount(group.end, 'env_steps')}"
