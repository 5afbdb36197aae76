"""Claims: each verdict follows from the data by its rule, and what can't be told is not held against a claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from synthetic import params, ramp, write_evaluation, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.claims import Claim, Finding, claims, weighed
from pipeline.report.comparison import compare
from pipeline.report.episodes import read_episodes, summaries
from pipeline.report.published_results import published_results
from pipeline.report.trials import TrialGroup, read_trials
from pipeline.report.worth import worths

TASKS = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")
DIVERGED = "DivergedDoorKey"


def groups(data: Path) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return read_trials(data / "paper", experiments(params()), dict.fromkeys(TASKS, 150), done)


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
        ({"a": True, "b": True}, Finding.CONFIRMED),
        ({"a": False}, Finding.NOT_CONFIRMED),
        ({"a": None}, Finding.NOT_CONFIRMED),
        ({"a": False, "b": None}, Finding.NOT_CONFIRMED),
        ({"a": True, "b": False}, Finding.CONDITIONAL),
        ({"a": True, "b": None}, Finding.CONDITIONAL),
    ],
)
def test_a_finding_follows_from_where_the_claim_holds(holds: dict[str, bool | None], finding: Finding) -> None:
    assert weighed(holds)[0] is finding


def test_the_conditions_are_named() -> None:
    assert weighed({"a": True, "b": False})[1] == ["It holds for a. It does not for b."]
    assert weighed({"a": False, "b": None})[1] == ["It does not for a. It can’t be told for b."]
    assert weighed({"a": None, "b": True, "c": None})[1] == ["It holds for b. It can’t be told for a; c."]
    assert weighed({"a": False})[1] == weighed({"a": True})[1] == []


def write_rl(data: Path, task: str, evaluated: Sequence[float], experiment: str = "methods") -> None:
    """Students of RL, one for each success on held-out layouts."""
    network = "map" if experiment == "map" else "egocentric"
    for seed, share in enumerate(evaluated):
        write_trial(data, experiment, "rl", task, seed, method="rl", network=network, success=ramp(5), evaluated=share)


def test_the_baseline_fails_on_one_task_and_with_one_network(tmp_path: Path) -> None:
    write_rl(tmp_path, "LavaDoorKey", [0.98, 0.97, 0.99])
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.NOT_CONFIRMED
    assert claim.evidence[-1].startswith("With the network “map”, the paper’s kind, no trial")
    write_rl(tmp_path, "LavaDoorKey", [0.02, 0.01, 0.03], "map")
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.CONDITIONAL
    assert claim.evidence[0] == (
        "It holds for LavaDoorKey (network map). It does not for LavaDoorKey (network egocentric)."
    )
    assert not any("no trial of this" in line for line in claim.evidence)


def test_a_baseline_whose_students_differ_widely_decides_nothing(tmp_path: Path) -> None:
    """One student of five succeeds: the mean is 20%, but the interval over students reaches beyond 50%."""
    write_rl(tmp_path, DIVERGED, [1.0, 0.0, 0.0, 0.0, 0.0])
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.NOT_CONFIRMED
    assert claim.evidence[0] == "It can’t be told for DivergedDoorKey (network egocentric)."
    assert claim.evidence[1].startswith("DivergedDoorKey (network egocentric): 20.0% (")


def test_one_student_decides_nothing(tmp_path: Path) -> None:
    write_rl(tmp_path, DIVERGED, [0.0])
    assert judged(tmp_path)[0].evidence[0] == "It can’t be told for DivergedDoorKey (network egocentric)."


def write_pair(data: Path, teacher: list[float] | None, options: list[float], seeds: int = 3) -> None:
    """Students of LLM4Teach and of hierarchical with these courses of success."""
    for seed in range(seeds):
        if teacher is not None:
            write_trial(data, "methods", "llm4teach", DIVERGED, seed, success=teacher)
        write_trial(data, "methods", "hierarchical", DIVERGED, seed, method="hierarchical", success=options)


@pytest.mark.parametrize(
    ("teacher", "options", "finding", "named"),
    [
        (ramp(8), ramp(30), Finding.CONFIRMED, None),
        (ramp(8), ramp(9), Finding.NOT_CONFIRMED, None),
        (ramp(99), ramp(9), Finding.NOT_CONFIRMED, None),  # LLM4Teach never gets there, hierarchical does
        (ramp(8), ramp(99), Finding.NOT_CONFIRMED, "It can’t be told"),  # it takes longer, but does it ever succeed?
        (ramp(99), ramp(99), Finding.NOT_CONFIRMED, "It can’t be told"),
        (None, ramp(9), Finding.NOT_CONFIRMED, "It can’t be told"),
        (ramp(0), ramp(5), Finding.NOT_CONFIRMED, "It can’t be told"),  # LLM4Teach is faster than can be seen
    ],
)
def test_hierarchical_needs_far_more_steps_or_not(
    tmp_path: Path, teacher: list[float] | None, options: list[float], finding: Finding, named: str | None
) -> None:
    write_pair(tmp_path, teacher, options)
    claim = judged(tmp_path)[1]
    assert claim.finding is finding
    assert claim.evidence[0].startswith(named or "DivergedDoorKey (network egocentric): to the paper’s 93.1%, ")
    assert claim.evidence[-1].startswith("With the network “map”")


def test_two_students_do_not_tell_how_much_longer_hierarchical_takes(tmp_path: Path) -> None:
    write_pair(tmp_path, ramp(8), ramp(30), seeds=2)
    assert judged(tmp_path)[1].evidence[0] == "It can’t be told for DivergedDoorKey (network egocentric)."


def test_the_student_surpasses_where_the_intervals_are_apart(tmp_path: Path) -> None:
    for task, teacher in (("SimpleDoorKey", 1.0), ("LavaDoorKey", 0.5), ("ColoredDoorKey", 1.0)):
        write_evaluation(tmp_path, task, "llm", [None], teacher)
        write_evaluation(tmp_path, task, "llm4teach", [0, 1, 2], 1.0 if task == "LavaDoorKey" else 0.7)
    claim = judged(tmp_path)[2]
    assert claim.finding is Finding.CONDITIONAL
    assert claim.evidence[0] == (
        "It holds for LavaDoorKey (network of params.yaml). It does not for ColoredDoorKey (network of params.yaml)."
    )
    simple = next(line for line in claim.evidence if line.startswith("SimpleDoorKey"))
    assert simple.endswith("the paper does not claim it here.")


def test_the_map_networks_students_surpass_or_not_on_their_own(tmp_path: Path) -> None:
    write_evaluation(tmp_path, "LavaDoorKey", "llm", [None], 0.5)
    write_evaluation(tmp_path, "LavaDoorKey", "llm4teach", [0, 1, 2], 1.0)
    for seed in range(3):
        write_trial(tmp_path, "map", "llm4teach", "LavaDoorKey", seed, network="map", success=ramp(5), evaluated=0.1)
    claim = judged(tmp_path)[2]
    assert claim.evidence[0] == (
        "It holds for LavaDoorKey (network of params.yaml). It does not for LavaDoorKey (network map)."
    )
    assert not any("no trial of this" in line for line in claim.evidence)


def teacher_kinds(data: Path, hard: int, students: int = 4) -> None:
    for seed in range(students):
        for variant in ("soft, samples", "soft, logprobs"):
            write_trial(data, "teacher-kind", variant, DIVERGED, seed, success=ramp(100 + seed % 2, 400))
        write_trial(data, "teacher-kind", "hard", DIVERGED, seed, success=ramp(hard + seed % 2, 400))


@pytest.mark.parametrize(
    ("hard", "finding", "named"),
    [(200, Finding.CONFIRMED, "“soft"), (100, Finding.NOT_CONFIRMED, "It can’t"), (50, Finding.NOT_CONFIRMED, "“soft")],
)
def test_soft_against_hard(tmp_path: Path, hard: int, finding: Finding, named: str) -> None:
    teacher_kinds(tmp_path, hard)
    claim = judged(tmp_path)[3]
    assert claim.finding is finding
    assert claim.evidence[0].startswith(named)


def test_two_students_of_each_kind_are_no_evidence(tmp_path: Path) -> None:
    teacher_kinds(tmp_path, 200, students=2)
    for claim in judged(tmp_path)[3:5]:
        assert claim.finding is Finding.NOT_CONFIRMED
        assert claim.evidence[0].startswith("It can’t be told for ")
        assert any("too few students (2 against 2)" in line for line in claim.evidence)


def test_equal_logprobs_are_confirmed_under_a_condition_that_is_named(tmp_path: Path) -> None:
    teacher_kinds(tmp_path, 200)
    claim = judged(tmp_path)[4]
    assert claim.finding is Finding.CONDITIONAL
    assert any(line.startswith("The condition: the released tables hold frequencies") for line in claim.evidence)


SCHEDULES = ("constant", "linear", "linear, twice as long", "stepwise")


@pytest.mark.parametrize(
    ("stepwise", "others", "finding"),
    [
        (1.0, 0.1, Finding.CONFIRMED),
        (1.0, 1.0, Finding.NOT_CONFIRMED),
        (0.1, 0.1, Finding.NOT_CONFIRMED),
    ],
)
def test_only_stepwise_works_or_not(tmp_path: Path, stepwise: float, others: float, finding: Finding) -> None:
    for variant in SCHEDULES:
        share = stepwise if variant == "stepwise" else others
        for seed in range(3):
            write_trial(tmp_path, "annealing", variant, DIVERGED, seed, success=ramp(5), evaluated=share)
    assert judged(tmp_path)[5].finding is finding


def test_without_all_four_schedules_nothing_is_said_of_the_only_one(tmp_path: Path) -> None:
    for variant in SCHEDULES[1:]:
        for seed in range(3):
            write_trial(tmp_path, "annealing", variant, DIVERGED, seed, success=ramp(5))
    assert judged(tmp_path)[5].finding is Finding.UNTESTED
