"""The paper's claims about MiniGrid, each with what our data say about it, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pipeline.report.ablations import ENOUGH, Difference, compared
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
        _student_surpasses(groups, rows),
        _soft_beats_hard(groups),
        _logprobs_equal_samples(groups),
        _only_stepwise(groups, published),
    ]


def weighed(holds: dict[str, bool | None]) -> tuple[Finding, list[str]]:
    """The finding, and the sentences that name the conditions.

    holds  condition (task and network) -> whether the claim holds there; None where the data can't tell
    """
    if not holds:
        return Finding.UNTESTED, ["There are no finished trials that could tell."]
    yes, no, open_ = ([condition for condition, held in holds.items() if held is what] for what in (True, False, None))
    if len(yes) == len(holds):
        return Finding.CONFIRMED, []
    finding = Finding.CONDITIONAL if yes else Finding.NOT_CONFIRMED
    if len(no) == len(holds):
        return finding, []
    words = (("It holds for", yes), ("It does not for", no), ("It can’t be told for", open_))
    return finding, [" ".join(f"{start} {'; '.join(places)}." for start, places in words if places)]


def either(yes: bool, no: bool) -> bool | None:
    """Whether a claim holds by two rules that exclude each other; None if neither decides."""
    return True if yes else False if no else None


def _place(group: TrialGroup | Worth) -> str:
    return f"{group.task} (network {group.network})"


def _enough(group: TrialGroup) -> bool:
    """Whether there are students enough: what one reaches says little about the next."""
    return len(group.folders) >= ENOUGH


def _without_map(networks: set[str]) -> list[str]:
    """A sentence that says so if the paper's kind of network was not tried."""
    if networks and "map" not in networks:
        return ["With the network “map”, the paper’s kind, no trial of this has finished yet."]
    return []


def _baseline_fails(groups: Sequence[TrialGroup]) -> Claim:
    tried = [group for group in groups if group.experiment in COMPARED and group.method == "rl"]
    finding, named = weighed({_place(group): _fails(group) for group in tried})
    evidence = [
        f"{_place(group)}: {percent(group.main.success.mean)} ({interval(group.main.success)}) after "
        f"{amount(group.end, 'env_steps')} steps, {len(group.folders)} students."
        for group in tried
    ]
    return Claim(
        "Reinforcement learning without a teacher fails, even on the simplest task.",
        "4.1.2, Fig. 3",
        f"Success on held-out layouts lies below {FAILS_BELOW:.0%}, interval and all; refuted if it lies above.",
        finding,
        [*named, *evidence, *_without_map({group.network for group in tried})],
    )


def _fails(group: TrialGroup) -> bool | None:
    success = group.main.success
    return either(success.high < FAILS_BELOW, success.low >= FAILS_BELOW) if _enough(group) else None


def _hierarchical_is_slow(worth: Sequence[Worth]) -> Claim:
    tried = [row for row in worth if row.goal.startswith("the paper") and "hierarchical" in row.reaches]
    finding, named = weighed({_place(row): _is_slow(row) for row in tried})
    return Claim(
        "Hierarchical RL succeeds in the end, but needs far more iterations.",
        "4.1.2, Fig. 3",
        f"Most students get to the paper’s level, in at least {FAR_MORE:g} times LLM4Teach’s steps, interval and all; "
        f"refuted if they take less, or if LLM4Teach’s don’t get there.",
        finding,
        [*named, *map(_slowness, tried), *_without_map({row.network for row in tried})],
    )


def _is_slow(row: Worth) -> bool | None:
    options, own = row.reaches["hierarchical"], row.reaches.get("llm4teach")
    if own is None or not row.enough or not options.mostly:
        return None
    if not own.mostly:
        return False
    ratio = row.steps["hierarchical"]
    return either(ratio.low >= FAR_MORE, ratio.high < FAR_MORE and not row.at_least)


def _slowness(row: Worth) -> str:
    own, options = row.reaches.get("llm4teach"), row.reaches["hierarchical"]
    if own is None:
        return f"{_place(row)}: to {row.goal}, {options.words}; LLM4Teach was not run."
    if not own.mostly or not options.mostly:
        return f"{_place(row)}: to {row.goal}, hierarchical RL: {options.words}; LLM4Teach: {own.words}."
    return f"{_place(row)}: to {row.goal}, {row.times('hierarchical')} the steps of LLM4Teach."


NOT_CLAIMED = ("SimpleDoorKey",)
"""Tasks on which the paper itself says that the student does not surpass its teacher."""


def _student_surpasses(groups: Sequence[TrialGroup], rows: Sequence[Comparison]) -> Claim:
    holds: dict[str, bool | None] = {}
    evidence, networks = [], set()
    mains = {(row.task, row.method): row.main for row in rows if row.main}
    for task in dict.fromkeys(row.task for row in rows):
        teacher = mains.get((task, "llm"))
        if teacher is None:
            continue
        for network, student in _taught(groups, mains.get((task, "llm4teach")), task).items():
            networks.add(network)
            place = f"{task} (network {network})"
            own, other = student.episode_return, teacher.episode_return
            if task not in NOT_CLAIMED:
                apart = either(own.low > other.high, own.high <= other.low)
                holds[place] = apart if len(student.seeds) >= ENOUGH else None
            evidence.append(
                f"{place}: return {own.mean:.2f} against the teacher’s {other.mean:.2f}, success "
                f"{percent(student.success.mean)} against {percent(teacher.success.mean)}, {len(student.seeds)} "
                f"students{'; the paper does not claim it here' if task in NOT_CLAIMED else ''}."
            )
    finding, named = weighed(holds)
    return Claim(
        "The student surpasses its teacher (in the paper on all tasks but SimpleDoorKey).",
        "4.1.2, Table 3",
        "The student’s return on held-out layouts lies above the teacher’s, the intervals apart; refuted if below.",
        finding,
        [*named, *evidence, *_without_map(networks)],
    )


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


def _soft_beats_hard(groups: Sequence[TrialGroup]) -> Claim:
    holds: dict[str, bool | None] = {}
    evidence, networks = [], set()
    for variants in _by_variant(groups, "teacher-kind").values():
        for name in ("soft, samples", "soft, logprobs"):
            if name not in variants or "hard" not in variants:
                continue
            soft, place = variants[name], f"“{name}” on {_place(variants[name])}"
            networks.add(soft.network)
            difference = compared(soft, variants["hard"])
            holds[place] = either(difference.low > 0, difference.high < 0) if difference else None
            evidence.append(f"{place}: {_difference_in_words(difference, soft, variants['hard'])}")
    finding, named = weighed(holds)
    return Claim(
        "Soft instructions teach with fewer samples than hard ones.",
        "4.1.3, Fig. 4",
        "The mean success over training is higher than with hard ones by more than chance, over students; refuted if "
        "it is lower by more than chance.",
        finding,
        [*named, *evidence, *_without_map(networks)],
    )


def _difference_in_words(difference: Difference | None, first: TrialGroup, second: TrialGroup) -> str:
    if difference is None:
        return f"too few students ({len(first.folders)} against {len(second.folders)}) to compare."
    return f"mean success in training {difference.words}."


def _logprobs_equal_samples(groups: Sequence[TrialGroup]) -> Claim:
    holds: dict[str, bool | None] = {}
    evidence, networks = [], set()
    for variants in _by_variant(groups, "teacher-kind").values():
        if not {"soft, logprobs", "soft, samples"} <= set(variants):
            continue
        pair = variants["soft, logprobs"], variants["soft, samples"]
        place, difference = _place(pair[0]), compared(*pair)
        networks.add(pair[0].network)
        holds[place] = None
        if difference:
            within = difference.low > -LEVEL and difference.high < LEVEL
            holds[place] = either(within, difference.low >= LEVEL or difference.high <= -LEVEL)
        evidence.append(f"{place}: {_difference_in_words(difference, *pair)}")
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
        f"The difference in mean success over training lies within {100 * LEVEL:g} points, interval and all; refuted "
        "if it lies outside, interval and all.",
        finding,
        [*named, *evidence, *_without_map(networks)],
    )


def _works(group: TrialGroup, level: float) -> bool | None:
    success = group.main.success
    return either(success.low >= level, success.high < level) if _enough(group) else None


def _only_stepwise(groups: Sequence[TrialGroup], published: PublishedResults) -> Claim:
    holds: dict[str, bool | None] = {}
    evidence, networks = [], set()
    for task, variants in _by_variant(groups, "annealing").items():
        paper = published.figure(task, "llm4teach")
        if not set(SCHEDULES) <= set(variants) or paper is None:
            continue
        place = _place(variants["stepwise"])
        networks.add(variants["stepwise"].network)
        works = {name: _works(group, paper.success) for name, group in variants.items()}
        own = works.pop("stepwise")
        holds[place] = either(
            own is True and all(other is False for other in works.values()), own is False or True in works.values()
        )
        ends = ", ".join(f"{name} {percent(group.main.success.mean)}" for name, group in variants.items())
        evidence.append(f"{place}: {ends} on held-out layouts; the paper’s level is {percent(paper.success)}.")
    finding, named = weighed(holds)
    return Claim(
        "Only the stepwise annealing schedule works.",
        "A.7, Fig. 7",
        "Of the four schedules, stepwise alone reaches the paper’s success of LLM4Teach on held-out layouts, by "
        "intervals; refuted if it does not, or another does.",
        finding,
        [*named, *evidence, *_without_map(networks)],
    )
