"""The paper's claims about MiniGrid, each with what our data say about it, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from pipeline.report.ablations import ENOUGH, compared
from pipeline.report.comparison import Comparison, interval, percent
from pipeline.report.episodes import Summary
from pipeline.report.figures import amount
from pipeline.report.published_results import PublishedResults
from pipeline.report.trials import TrialGroup
from pipeline.report.worth import COMPARED, Worth

FAILS_BELOW = 0.5
"""A method whose success lies below this, interval and all, fails."""
FAR_MORE = 2.0
"""`Far more` iterations are at least so many times as many, over the whole interval."""
SCHEDULES = ("constant", "linear", "linear, twice as long", "stepwise")
"""The annealing schedules of A.7; without all four of them nothing can be said of `only`."""
LEVEL = 0.02
"""Two teachers teach equally well if their difference in mean success lies within this, interval and all."""
NOT_CLAIMED = ("SimpleDoorKey",)
"""Tasks on which the paper itself says that the student does not surpass its teacher."""


class Finding(str, Enum):
    """What became of a claim."""

    CONFIRMED = "confirmed"
    CONDITIONAL = "confirmed only under named conditions"
    NOT_CONFIRMED = "not confirmed"
    REFUTED = "refuted"
    UNTESTED = "not tested yet"


@dataclass(frozen=True)
class Case:
    """One task and network on which a claim is tested: the figures, and whether it holds; None: it can't be told."""

    task: str
    network: str
    figures: str
    holds: bool | None

    @property
    def verdict(self) -> str:
        return {True: "holds", False: "does not hold", None: "can’t be told"}[self.holds]


@dataclass(frozen=True)
class Claim:
    """A claim, where the paper makes it, the rule that tests it, the cases, and a condition that all of them share."""

    text: str
    where: str
    rule: str
    cases: list[Case]
    condition: str = ""

    @property
    def finding(self) -> Finding:
        """Confirmed or refuted if all cases agree, confirmed under conditions if some hold; else open."""
        held = [case.holds for case in self.cases]
        if not held:
            return Finding.UNTESTED
        if True in held:
            return Finding.CONFIRMED if all(held) and not self.condition else Finding.CONDITIONAL
        return Finding.NOT_CONFIRMED if None in held else Finding.REFUTED


def claims(
    groups: Sequence[TrialGroup], worth: Sequence[Worth], rows: Sequence[Comparison], published: PublishedResults
) -> list[Claim]:
    """All claims. `rows` compare our methods with the paper's on held-out layouts; the rest is of the experiments."""
    kinds = _by_variant(groups, "teacher-kind")
    return [
        Claim(
            "Reinforcement learning without a teacher fails, even on the simplest task.",
            "4.1.2, Fig. 3",
            f"Success on held-out layouts lies below {percent(FAILS_BELOW)}, interval and all; refuted if above.",
            list(_baseline_fails(groups)),
        ),
        Claim(
            "Hierarchical RL succeeds in the end, but needs far more iterations.",
            "4.1.2, Fig. 3",
            f"Most students get to the paper’s level, in at least {FAR_MORE:g} times LLM4Teach’s steps, interval and "
            "all; refuted if they take less.",
            list(_hierarchical_is_slow(worth)),
        ),
        Claim(
            "The student surpasses its teacher (in the paper on all tasks but SimpleDoorKey).",
            "4.1.2, Table 3",
            "The student’s return on held-out layouts lies above the teacher’s, the intervals apart; refuted if below.",
            list(_student_surpasses(groups, rows)),
        ),
        Claim(
            "Soft instructions teach with fewer samples than hard ones.",
            "4.1.3, Fig. 4",
            "The mean success over training is higher than with hard ones, the whole interval of the difference above "
            "0; refuted if below.",
            [case for name in ("soft, samples", "soft, logprobs") for case in _beats_hard(kinds, name)],
        ),
        Claim(
            "Log-probabilities teach as well as sampled answers.",
            "4.1.3, A.3, Fig. 4",
            f"The difference in mean success over training lies within {100 * LEVEL:g} points, interval and all; "
            "refuted if it lies outside, interval and all.",
            list(_logprobs_equal_samples(kinds)),
            "The released tables hold frequencies, so our log-probabilities are their logarithms, without the unusable "
            "answers. This compares exact frequencies with ten draws, not two ways of asking.",
        ),
        Claim(
            "Only the stepwise annealing schedule works.",
            "A.7, Fig. 7",
            "Of the four schedules, stepwise alone reaches the paper’s success of LLM4Teach on held-out layouts, by "
            "intervals; refuted if it does not, or another does.",
            list(_only_stepwise(groups, published)),
        ),
    ]


def either(yes: bool, no: bool) -> bool | None:
    """Whether a claim holds by two rules that exclude each other; None if neither decides."""
    return True if yes else False if no else None


def _enough(summary: Summary) -> bool:
    """Whether there are students enough: what one reaches says little about the next."""
    return len(summary.seeds) >= ENOUGH


def _baseline_fails(groups: Sequence[TrialGroup]) -> Iterator[Case]:
    for group in groups:
        if group.experiment not in COMPARED or group.method != "rl":
            continue
        success = group.main.success
        holds = either(success.high < FAILS_BELOW, success.low >= FAILS_BELOW) if _enough(group.main) else None
        figures = f"{percent(success.mean)} ({interval(success)}) after {amount(group.end, 'env_steps')} steps"
        yield Case(group.task, group.network, figures, holds)


def _hierarchical_is_slow(worth: Sequence[Worth]) -> Iterator[Case]:
    for row in worth:
        ratio, options = row.ratios.get("hierarchical"), row.reaches.get("hierarchical")
        if ratio is None or options is None or not row.goal.startswith("the paper"):
            continue
        mostly = 2 * options.there > len(options.steps)
        holds = either(mostly and ratio.low >= FAR_MORE, ratio.high < FAR_MORE)
        figures = f"{options.there} of {len(options.steps)} get to {row.goal}, in {ratio.words} times the steps"
        yield Case(row.task, row.network, figures, holds)


def _student_surpasses(groups: Sequence[TrialGroup], rows: Sequence[Comparison]) -> Iterator[Case]:
    mains = {(row.task, row.method): row.main for row in rows if row.main}
    for task in dict.fromkeys(row.task for row in rows):
        teacher = mains.get((task, "llm"))
        if teacher is None or task in NOT_CLAIMED:
            continue
        for network, student in _taught(groups, mains.get((task, "llm4teach")), task).items():
            own, other = student.episode_return, teacher.episode_return
            apart = either(own.low > other.high, own.high < other.low) if _enough(student) else None
            returns = f"return {own.mean:.2f} against {other.mean:.2f}"
            shares = f"success {percent(student.success.mean)} against {percent(teacher.success.mean)}"
            yield Case(task, network, f"{returns}, {shares}", apart)


def _taught(groups: Sequence[TrialGroup], shown: Summary | None, task: str) -> dict[str, Summary]:
    """Students of LLM4Teach on a task by network: those in the table, `shown`, and the map network's."""
    found = {
        group.network: group.main
        for group in groups
        if group.task == task and group.experiment in COMPARED and group.method == "llm4teach"
    }
    if shown is None or shown in found.values():
        return found
    return {"of params.yaml": shown, **{name: main for name, main in found.items() if name == "map"}}


def _by_variant(groups: Sequence[TrialGroup], experiment: str) -> dict[str, dict[str, TrialGroup]]:
    """Task -> variant -> group."""
    found: dict[str, dict[str, TrialGroup]] = {}
    for group in groups:
        if group.experiment == experiment:
            found.setdefault(group.task, {})[group.variant] = group
    return found


def _beats_hard(kinds: dict[str, dict[str, TrialGroup]], name: str) -> Iterator[Case]:
    for task, variants in kinds.items():
        if name in variants and "hard" in variants:
            difference = compared(variants[name], variants["hard"])
            holds = either(difference.low > 0, difference.high < 0) if difference else None
            words = f"{difference.words} points" if difference else "too few students"
            yield Case(task, variants[name].network, f"“{name}”: {words}", holds)


def _logprobs_equal_samples(kinds: dict[str, dict[str, TrialGroup]]) -> Iterator[Case]:
    for task, variants in kinds.items():
        if {"soft, logprobs", "soft, samples"} <= set(variants):
            difference = compared(variants["soft, logprobs"], variants["soft, samples"])
            holds = None
            if difference:
                within = difference.low > -LEVEL and difference.high < LEVEL
                holds = either(within, difference.low >= LEVEL or difference.high <= -LEVEL)
            words = f"{difference.words} points" if difference else "too few students"
            yield Case(task, variants["soft, samples"].network, words, holds)


def _works(group: TrialGroup, level: float) -> bool | None:
    success = group.main.success
    return either(success.low >= level, success.high < level) if _enough(group.main) else None


def _only_stepwise(groups: Sequence[TrialGroup], published: PublishedResults) -> Iterator[Case]:
    for task, variants in _by_variant(groups, "annealing").items():
        paper = published.figure(task, "llm4teach")
        if not set(SCHEDULES) <= set(variants) or paper is None:
            continue
        works = {name: _works(group, paper.success) for name, group in variants.items()}
        own = works.pop("stepwise")
        ends = ", ".join(f"{name} {percent(group.main.success.mean)}" for name, group in variants.items())
        alone = own is True and all(other is False for other in works.values())
        holds = either(alone, own is False or True in works.values())
        yield Case(task, variants["stepwise"].network, f"{ends}; the paper {percent(paper.success)}", holds)
