"""The paper's claims about MiniGrid, each with what our data say about it, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.analysis.ablations import ENOUGH, compared, in_points
from pipeline.analysis.sample_efficiency import StepsToLevel
from pipeline.experiments.catalogue import ANNEALING, COMPARE_METHODS, HARD, LOGPROBS, SAMPLES, STEPWISE
from pipeline.experiments.experiment import Variant
from pipeline.printing import amount, counted, percent, span, times
from pipeline.results.episodes import Summary
from pipeline.results.published_results import PublishedResults
from pipeline.results.trials import TrialGroup
from pipeline.student.methods.hierarchical import Hierarchical
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.methods.rl import RL

FAILS_BELOW = 0.5
"""A method whose success lies below this fails."""
FAR_MORE = 2.0
"""`Far more` iterations are at least so many times as many."""
EQUAL = 0.02
"""Two teachers teach equally well if their difference in mean success lies within this."""
NOT_CLAIMED = ("SimpleDoorKey",)
"""Tasks on which the paper itself says that the student does not surpass its teacher."""


@dataclass(frozen=True)
class Case:
    """One task and network on which a claim is tested: the figures, and whether it holds (1), not (-1) or neither."""

    task: str
    network: str
    figures: str
    side: int

    @property
    def verdict(self) -> str:
        return {1: "holds", -1: "does not hold", 0: "can’t be told"}[self.side]


@dataclass(frozen=True)
class Claim:
    """A claim, where the paper makes it, the rule by which it holds or not, and the cases."""

    text: str
    where: str
    rule: str
    cases: list[Case]

    @property
    def finding(self) -> str:
        sides = [case.side for case in self.cases]
        return counted(sides, "holds", "does not") if sides else "not tested yet"


def claims(
    groups: Sequence[TrialGroup],
    rows: Sequence[StepsToLevel],
    teachers: Mapping[str, Summary],
    published: PublishedResults,
) -> list[Claim]:
    """All claims, tested with the groups of at least ENOUGH students. `teachers` are the teachers alone, by task."""
    groups = [group for group in groups if group.students >= ENOUGH]
    methods = [group for group in groups if group.experiment in COMPARE_METHODS]
    return [
        Claim(
            "Reinforcement learning without a teacher fails, even on the simplest task.",
            "4.1.2, Fig. 3",
            f"Success on held-out layouts lies below {percent(FAILS_BELOW)}; not: above.",
            [_fails(group) for group in methods if group.method == RL.name],
        ),
        Claim(
            "Hierarchical RL succeeds in the end, but needs far more iterations.",
            "4.1.2, Fig. 3",
            f"Most students get to the paper’s level, in at least {FAR_MORE:g} times LLM4Teach’s steps; not: in less.",
            [_is_slow(row) for row in rows if Hierarchical.title in row.ratios and row.of_the_paper],
        ),
        Claim(
            "The student surpasses its teacher (in the paper on all tasks but SimpleDoorKey).",
            "4.1.2, Table 3",
            "The interval of the student’s return on held-out layouts lies above the teacher’s; not: below.",
            [
                _surpasses(group, teachers[group.task])
                for group in methods
                if group.method == LLM4Teach.name and group.task in teachers and group.task not in NOT_CLAIMED
            ],
        ),
        Claim(
            "Soft instructions teach with fewer samples than hard ones.",
            "4.1.3, Fig. 4",
            "The mean success over training is higher than with hard ones; not: lower.",
            [*_pairs(groups, SAMPLES, HARD), *_pairs(groups, LOGPROBS, HARD)],
        ),
        Claim(
            "Log-probabilities teach as well as sampled answers.",
            "4.1.3, A.3, Fig. 4",
            f"The difference in mean success over training lies within {100 * EQUAL:g} points; not: outside. The "
            "released tables hold frequencies, so our log-probabilities are their logarithms, without the unusable "
            "answers: this compares exact frequencies with ten draws, not two ways of asking.",
            _pairs(groups, LOGPROBS, SAMPLES, EQUAL),
        ),
        Claim(
            "Only the stepwise annealing schedule works.",
            "A.7, Fig. 7",
            "Of the four schedules, stepwise alone reaches the paper’s success of LLM4Teach on held-out layouts; not: "
            "it does not, or another does.",
            _only_stepwise(groups, published),
        ),
    ]


def _fails(group: TrialGroup) -> Case:
    success = group.main.success
    figures = (
        f"{percent(success.value)} ({span(success.low, success.high)}) after {amount(group.end, 'env_steps')} steps"
    )
    return Case(group.task, group.network, figures, -success.side(FAILS_BELOW))


def _is_slow(row: StepsToLevel) -> Case:
    ratio, group = row.ratios[Hierarchical.title], row.groups[Hierarchical.title]
    there = int((group.reached(row.level) < float("inf")).sum())
    side = ratio.side(FAR_MORE)
    figures = f"{there} of {group.students} get to {row.goal}, in {times(ratio.low, ratio.high)} times the steps"
    return Case(row.task, row.network, figures, side if side < 0 or 2 * there > group.students else 0)


def _surpasses(group: TrialGroup, teacher: Summary) -> Case:
    own, other = group.main.episode_return, teacher.episode_return
    shares = f"success {percent(group.main.success.value)} against {percent(teacher.success.value)}"
    return Case(
        group.task, group.network, f"return {own.value:.2f} against {other.value:.2f}, {shares}", own.side(other)
    )


def _pairs(groups: Sequence[TrialGroup], one: Variant, other: Variant, equal: float | None = None) -> list[Case]:
    """One variant beside another on each task: whether it is higher, or equal within a margin if there is one."""
    cases = []
    for first in groups:
        for second in groups:
            if first.variant is one and second.variant is other and first.task == second.task:
                difference = compared(first, second)
                side = difference.side(0) if difference else 0
                if difference and equal is not None:
                    outside = difference.side(equal) > 0 or difference.side(-equal) < 0
                    side = -1 if outside else int(difference.side(-equal) > 0 > difference.side(equal))
                words = f"{in_points(difference)} points" if difference else "no success known"
                cases.append(Case(first.task, first.network, f"“{one.name}”: {words}", side))
    return cases


def _only_stepwise(groups: Sequence[TrialGroup], published: PublishedResults) -> list[Case]:
    """Nothing can be said of `only` without all four schedules."""
    cases = []
    for task in dict.fromkeys(group.task for group in groups):
        tried = {group.variant: group for group in groups if group.experiment is ANNEALING and group.task == task}
        paper = published.figure(task, LLM4Teach.name)
        if paper and len(tried) == len(ANNEALING.variants):
            sides = {variant: group.main.success.side(paper.success) for variant, group in tried.items()}
            own = sides.pop(STEPWISE)
            ends = ", ".join(f"{v.name} {percent(group.main.success.value)}" for v, group in tried.items())
            alone = own == 1 and set(sides.values()) == {-1}
            side = 1 if alone else -1 if own == -1 or 1 in sides.values() else 0
            cases.append(Case(task, tried[STEPWISE].network, f"{ends}; the paper {percent(paper.success)}", side))
    return cases
