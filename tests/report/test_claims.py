"""Claims: each verdict follows from the data by its rule, and what can't be told is not held against a claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from synthetic import params, ramp, write_evaluation, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.claims import Case, Claim, Finding, claims
from pipeline.report.comparison import compare
from pipeline.report.episodes import read_episodes, summaries
from pipeline.report.published_results import published_results
from pipeline.report.trials import TrialGroup, read_trials
from pipeline.report.worth import worths

TASKS = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")
DIVERGED = "DivergedDoorKey"


def groups(data: Path) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return read_trials(data / "paper", experiments(params()), TASKS, done)


def judged(data: Path) -> list[Claim]:
    """The claims in the paper's order: baseline, hierarchical, surpasses, soft, logprobs, stepwise."""
    found = groups(data)
    tables = [read_episodes(path, path.parent.name, path.stem) for path in sorted(data.glob("evaluations/*/*.parquet"))]
    rows = compare(TASKS, [summary for table in tables for summary in summaries(table)], published_results())
    return claims(found, worths(found, published_results()), rows, published_results())


def test_without_trials_every_claim_is_untested(tmp_path: Path) -> None:
    assert [claim.finding for claim in judged(tmp_path)] == [Finding.UNTESTED] * 6


@pytest.mark.parametrize(
    ("holds", "finding"),
    [
        ([], Finding.UNTESTED),
        ([True, True], Finding.CONFIRMED),
        ([False, False], Finding.REFUTED),
        ([None], Finding.NOT_CONFIRMED),
        ([False, None], Finding.NOT_CONFIRMED),
        ([True, False], Finding.CONDITIONAL),
        ([True, None], Finding.CONDITIONAL),
    ],
)
def test_a_finding_follows_from_where_the_claim_holds(holds: list[bool | None], finding: Finding) -> None:
    cases = [Case("T", "map", "", held) for held in holds]
    assert Claim("", "", "", cases).finding is finding
    named = Finding.CONDITIONAL if finding is Finding.CONFIRMED else finding
    assert Claim("", "", "", cases, "a condition").finding is named


def test_a_case_says_what_it_comes_to() -> None:
    verdicts = [Case("T", "map", "", held).verdict for held in (True, False, None)]
    assert verdicts == ["holds", "does not hold", "can’t be told"]


def write_rl(data: Path, task: str, evaluated: Sequence[float], experiment: str = "methods") -> None:
    """Students of RL, one for each success on held-out layouts."""
    network = "map" if experiment == "map" else "egocentric"
    for seed, share in enumerate(evaluated):
        write_trial(data, experiment, "rl", task, seed, method="rl", network=network, success=ramp(5), evaluated=share)


def test_the_baseline_fails_on_one_task_and_with_one_network(tmp_path: Path) -> None:
    write_rl(tmp_path, "LavaDoorKey", [0.98, 0.97, 0.99])
    assert judged(tmp_path)[0].finding is Finding.REFUTED
    write_rl(tmp_path, "LavaDoorKey", [0.02, 0.01, 0.03], "map")
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.CONDITIONAL
    assert [(case.task, case.network, case.holds) for case in claim.cases] == [
        ("LavaDoorKey", "egocentric", False),
        ("LavaDoorKey", "map", True),
    ]


def test_a_baseline_whose_students_differ_widely_decides_nothing(tmp_path: Path) -> None:
    """One student of five succeeds: the mean is 20%, but the interval over students reaches beyond 50%."""
    write_rl(tmp_path, DIVERGED, [1.0, 0.0, 0.0, 0.0, 0.0])
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.NOT_CONFIRMED
    (case,) = claim.cases
    assert case.holds is None
    assert case.figures.startswith("20.0% (")


def test_one_student_decides_nothing(tmp_path: Path) -> None:
    write_rl(tmp_path, DIVERGED, [0.0])
    assert [case.holds for case in judged(tmp_path)[0].cases] == [None]


def write_pair(data: Path, teacher: list[float] | None, options: list[float], seeds: int = 5) -> None:
    """Students of LLM4Teach and of hierarchical with these courses of success."""
    for seed in range(seeds):
        if teacher is not None:
            write_trial(data, "methods", "llm4teach", DIVERGED, seed, success=teacher)
        write_trial(data, "methods", "hierarchical", DIVERGED, seed, method="hierarchical", success=options)


@pytest.mark.parametrize(
    ("teacher", "options", "holds"),
    [
        (ramp(8), ramp(30), [True]),
        (ramp(8), ramp(9), [False]),
        (ramp(99), ramp(9), [False]),  # LLM4Teach never gets there, hierarchical does
        (ramp(8), ramp(99), [None]),  # it takes longer, but does it ever succeed?
        (ramp(99), ramp(99), [None]),
        (ramp(0), ramp(5), [True]),  # LLM4Teach is there within 5K, or before: at least twice as fast
        (ramp(0), ramp(4), [None]),  # at least 1.8 times
        (None, ramp(9), []),
    ],
)
def test_hierarchical_needs_far_more_steps_or_not(
    tmp_path: Path, teacher: list[float] | None, options: list[float], holds: list[bool | None]
) -> None:
    write_pair(tmp_path, teacher, options)
    assert [case.holds for case in judged(tmp_path)[1].cases] == holds


def test_three_students_do_not_tell_how_much_longer_hierarchical_takes(tmp_path: Path) -> None:
    write_pair(tmp_path, ramp(8), ramp(30), seeds=3)
    assert [case.holds for case in judged(tmp_path)[1].cases] == [None]


def test_the_student_surpasses_where_the_intervals_are_apart(tmp_path: Path) -> None:
    for task, teacher in (("SimpleDoorKey", 1.0), ("LavaDoorKey", 0.5), ("ColoredDoorKey", 1.0)):
        write_evaluation(tmp_path, task, "llm", [None], teacher)
        write_evaluation(tmp_path, task, "llm4teach", [0, 1, 2], 1.0 if task == "LavaDoorKey" else 0.7)
    claim = judged(tmp_path)[2]
    assert claim.finding is Finding.CONDITIONAL
    # The paper does not claim it on SimpleDoorKey.
    assert [(case.task, case.network, case.holds) for case in claim.cases] == [
        ("LavaDoorKey", "of params.yaml", True),
        ("ColoredDoorKey", "of params.yaml", False),
    ]


def test_the_map_networks_students_surpass_or_not_on_their_own(tmp_path: Path) -> None:
    write_evaluation(tmp_path, "LavaDoorKey", "llm", [None], 0.5)
    write_evaluation(tmp_path, "LavaDoorKey", "llm4teach", [0, 1, 2], 1.0)
    for seed in range(3):
        write_trial(tmp_path, "map", "llm4teach", "LavaDoorKey", seed, network="map", success=ramp(5), evaluated=0.1)
    cases = judged(tmp_path)[2].cases
    assert [(case.network, case.holds) for case in cases] == [("of params.yaml", True), ("map", False)]


def test_students_that_may_be_like_their_teacher_decide_nothing(tmp_path: Path) -> None:
    write_evaluation(tmp_path, "LavaDoorKey", "llm", [None], 0.7)
    write_evaluation(tmp_path, "LavaDoorKey", "llm4teach", [0, 1, 2], 0.7)
    assert [case.holds for case in judged(tmp_path)[2].cases] == [None]


def teacher_kinds(data: Path, hard: int, students: int = 5, logprobs: int = 100) -> None:
    """Success from iteration 100 or 101 on, of 400; with hard instructions, or logprobs, later."""
    for seed in range(students):
        for variant, start in (("soft, samples", 100), ("soft, logprobs", logprobs), ("hard", hard)):
            write_trial(data, "teacher-kind", variant, DIVERGED, seed, success=ramp(start + seed % 2, 400))


@pytest.mark.parametrize(("hard", "holds"), [(200, True), (100, None), (50, False)])
def test_soft_against_hard(tmp_path: Path, hard: int, holds: bool | None) -> None:
    teacher_kinds(tmp_path, hard)
    claim = judged(tmp_path)[3]
    assert [case.holds for case in claim.cases] == [holds, holds]
    assert [case.figures.split(":")[0] for case in claim.cases] == ["“soft, samples”", "“soft, logprobs”"]


def test_two_students_of_each_kind_are_no_evidence(tmp_path: Path) -> None:
    teacher_kinds(tmp_path, 200, students=2)
    for claim in judged(tmp_path)[3:5]:
        assert claim.finding is Finding.NOT_CONFIRMED
        assert all(case.holds is None and case.figures.endswith("too few students") for case in claim.cases)


@pytest.mark.parametrize(
    ("logprobs", "holds"),
    [
        (100, True),  # no difference, give or take 0.2 points
        (107, True),  # 1.75 points less
        (108, None),  # 2 points less, give or take 0.2: within 2 or not
        (109, False),  # 2.25 points less, by its whole interval more than 2
        (93, True),
        (92, None),
        (91, False),
    ],
)
def test_logprobs_teach_as_well_within_two_points(tmp_path: Path, logprobs: int, holds: bool | None) -> None:
    teacher_kinds(tmp_path, 200, logprobs=logprobs)
    claim = judged(tmp_path)[4]
    assert [case.holds for case in claim.cases] == [holds]
    assert claim.finding is {True: Finding.CONDITIONAL, False: Finding.REFUTED, None: Finding.NOT_CONFIRMED}[holds]
    assert claim.condition.startswith("The released tables hold frequencies")


SCHEDULES = ("constant", "linear", "linear, twice as long", "stepwise")


@pytest.mark.parametrize(
    ("stepwise", "others", "holds"),
    [
        (1.0, 0.1, True),
        (1.0, 1.0, False),
        (0.1, 0.1, False),
        (1.0, 0.93, None),  # at the paper's 93.1%, which the others' interval holds
        (0.93, 0.1, None),
        (0.93, 1.0, False),  # whatever stepwise does, another works
    ],
)
def test_only_stepwise_works_or_not(tmp_path: Path, stepwise: float, others: float, holds: bool | None) -> None:
    for variant in SCHEDULES:
        share = stepwise if variant == "stepwise" else others
        for seed in range(5):
            write_trial(tmp_path, "annealing", variant, DIVERGED, seed, success=ramp(5), evaluated=share)
    assert [case.holds for case in judged(tmp_path)[5].cases] == [holds]


def test_without_all_four_schedules_nothing_is_said_of_the_only_one(tmp_path: Path) -> None:
    for variant in SCHEDULES[1:]:
        for seed in range(3):
            write_trial(tmp_path, "annealing", variant, DIVERGED, seed, success=ramp(5))
    assert judged(tmp_path)[5].finding is Finding.UNTESTED
