"""The paper's claims about MiniGrid, each with what our data say about it, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pipeline.report.ablations import compared
from pipeline.report.comparison import Comparison, interval, percent
from pipeline.report.published_results import PublishedResults
from pipeline.report.trials import TrialGroup
from pipeline.report.worth import COMPARED, Worth

FAILS_BELOW = 0.5
"""A method whose success lies below this, interval and all, fails."""
FAR_MORE = 2.0
"""`Far more` iterations are at least so many times as many, over the whole interval."""
LEVEL = 0.02
"""Two teachers teach equally well if their difference in mean success lies within this, interval and all."""


class Finding(str, Enum):
    """What became of a claim."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not confirmed"
    CONDITIONAL = "confirmed only under named conditions"
    UNTESTED = "not tested yet"


@dataclass(frozen=True)
class Claim:
    """A claim, where the paper makes it, how it is tested, what came out, and the evidence, a sentence each."""

    text: str
    where: str
    test: str
    finding: Finding
    evidence: list[str]


def claims(
    groups: Sequence[TrialGroup], worth: Sequence[Worth], rows: Sequence[Comparison], published: PublishedResults
) -> list[Claim]:
    """All claims. `rows` compare our methods with the paper's on held-out layouts; the rest is of the experiments."""
    return [
        _baseline_fails(groups),
        _hierarchical_is_slow(worth),
        _student_surpasses(rows),
        _soft_beats_hard(groups),
        _logprobs_equal_samples(groups),
        _only_stepwise(groups, published),
    ]


def weighed(holds: dict[str, bool]) -> tuple[Finding, list[str]]:
    """The finding from where a claim holds (condition -> whether), and the sentence that names the conditions."""
    if not holds:
        return Finding.UNTESTED, ["There are no finished trials that could tell."]
    yes = [condition for condition, held in holds.items() if held]
    no = [condition for condition, held in holds.items() if not held]
    if not no:
        return Finding.CONFIRMED, []
    if not yes:
        return Finding.NOT_CONFIRMED, []
    return Finding.CONDITIONAL, [f"It holds for {'; '.join(yes)}. It does not for {'; '.join(no)}."]


def _place(group: TrialGroup | Worth) -> str:
    return f"{group.task} (network {group.network})"


def _without_map(networks: set[str]) -> list[str]:
    """A sentence that says so if the paper's kind of network was not tried."""
    if networks and "map" not in networks:
        return ["With the network “map”, the paper’s kind, it is not tested yet; make paper-map does."]
    return []


def _baseline_fails(groups: Sequence[TrialGroup]) -> Claim:
    tried = [group for group in groups if group.experiment in COMPARED and group.method == "rl"]
    finding, named = weighed({_place(group): group.main.success.high < FAILS_BELOW for group in tried})
    evidence = [
        f"{_place(group)}: {percent(group.main.success.mean)} ({interval(group.main.success)}) after "
        f"{group.end / 1e6:.1f}M steps."
        for group in tried
    ]
    return Claim(
        "Reinforcement learning without a teacher fails, even on the simplest task.",
        "4.1.2, Fig. 3",
        f"Success on held-out layouts lies below {FAILS_BELOW:.0%}, interval and all.",
        finding,
        [*named, *evidence, *_without_map({group.network for group in tried})],
    )


def _hierarchical_is_slow(worth: Sequence[Worth]) -> Claim:
    tried = [row for row in worth if row.goal.startswith("the paper") and "hierarchical" in row.steps]
    finding, named = weighed({_place(row): row.steps["hierarchical"].low >= FAR_MORE for row in tried})
    evidence = [
        f"{_place(row)}: to {row.goal}, {row.steps['hierarchical'].words} the steps of LLM4Teach." for row in tried
    ]
    return Claim(
        "Hierarchical RL succeeds in the end, but needs far more iterations.",
        "4.1.2, Fig. 3",
        f"To the paper’s level it takes at least {FAR_MORE:g} times LLM4Teach’s steps, interval and all.",
        finding,
        [*named, *evidence, *_without_map({row.network for row in tried})],
    )


def _student_surpasses(rows: Sequence[Comparison]) -> Claim:
    mains = {(row.task, row.method): row.main for row in rows if row.main}
    holds, evidence = {}, []
    for (task, method), student in mains.items():
        teacher = mains.get((task, "llm"))
        if method != "llm4teach" or teacher is None:
            continue
        holds[task] = student.episode_return.low > teacher.episode_return.high
        evidence.append(
            f"{task}: return {student.episode_return.mean:.2f} against the teacher’s "
            f"{teacher.episode_return.mean:.2f}, success {percent(student.success.mean)} against "
            f"{percent(teacher.success.mean)}."
        )
    finding, named = weighed(holds)
    return Claim(
        "The student surpasses its teacher (in the paper on all tasks but SimpleDoorKey).",
        "4.1.2, Table 3",
        "The student’s return on held-out layouts lies above the teacher’s, the intervals apart.",
        finding,
        [*named, *evidence],
    )


def _by_variant(groups: Sequence[TrialGroup], experiment: str) -> dict[str, dict[str, TrialGroup]]:
    """Task -> variant -> group."""
    found: dict[str, dict[str, TrialGroup]] = {}
    for group in groups:
        if group.experiment == experiment:
            found.setdefault(group.task, {})[group.variant] = group
    return found


def _soft_beats_hard(groups: Sequence[TrialGroup]) -> Claim:
    holds, evidence = {}, []
    for task, variants in _by_variant(groups, "teacher-kind").items():
        if "hard" not in variants:
            continue
        for name in ("soft, samples", "soft, logprobs"):
            difference = compared(variants[name], variants["hard"]) if name in variants else None
            if difference:
                holds[f"“{name}” on {task}"] = difference.low > 0
                evidence.append(f"{task}, “{name}” against “hard”: mean success in training {difference.words}.")
    finding, named = weighed(holds)
    return Claim(
        "Soft instructions teach with fewer samples than hard ones.",
        "4.1.3, Fig. 4",
        "The mean success over training is higher by more than chance, over seeds.",
        finding,
        [*named, *evidence],
    )


def _logprobs_equal_samples(groups: Sequence[TrialGroup]) -> Claim:
    holds, evidence = {}, []
    for task, variants in _by_variant(groups, "teacher-kind").items():
        if not {"soft, logprobs", "soft, samples"} <= set(variants):
            continue
        difference = compared(variants["soft, logprobs"], variants["soft, samples"])
        if difference:
            holds[task] = difference.low > -LEVEL and difference.high < LEVEL
            evidence.append(f"{task}: mean success in training {difference.words}.")
    finding, named = weighed(holds)
    if finding is Finding.CONFIRMED:
        finding = Finding.CONDITIONAL
    if evidence:
        evidence.append(
            "The condition: the released tables hold frequencies, so our log-probabilities are their logarithms, "
            "without the unusable answers. This compares exact frequencies with ten draws, not two ways of asking."
        )
    return Claim(
        "Log-probabilities teach as well as sampled answers.",
        "4.1.3, A.3, Fig. 4",
        f"The difference in mean success over training lies within {100 * LEVEL:g} points, interval and all.",
        finding,
        [*named, *evidence],
    )


def _only_stepwise(groups: Sequence[TrialGroup], published: PublishedResults) -> Claim:
    holds, evidence = {}, []
    for task, variants in _by_variant(groups, "annealing").items():
        paper = published.figure(task, "llm4teach")
        if "stepwise" not in variants or len(variants) < 2 or paper is None:
            continue
        works = {name: group.main.success.low >= paper.success for name, group in variants.items()}
        holds[task] = works.pop("stepwise") and not any(works.values())
        ends = ", ".join(f"{name} {percent(group.main.success.mean)}" for name, group in variants.items())
        evidence.append(f"{task}: {ends} on held-out layouts; the paper’s level is {percent(paper.success)}.")
    finding, named = weighed(holds)
    return Claim(
        "Only the stepwise annealing schedule works.",
        "A.7, Fig. 7",
        "Of the schedules, stepwise alone reaches the paper’s success of LLM4Teach on held-out layouts.",
        finding,
        [*named, *evidence],
    )
