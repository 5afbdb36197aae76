"""Claims and ablations: the verdict and the sentence follow from the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_evaluation, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.ablations import ablations
from pipeline.report.claims import Claim, Finding, claims, weighed
from pipeline.report.comparison import compare
from pipeline.report.episodes import read_episodes, summaries
from pipeline.report.published_results import published_results
from pipeline.report.trials import TrialGroup, read_trials
from pipeline.report.worth import worths

TASKS = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")
DIVERGED = "DivergedDoorKey"


def groups(data: Path) -> list[TrialGroup]:
    return read_trials(data / "paper", experiments(params()), dict.fromkeys(TASKS, 150))


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
        ({"a": True, "b": False}, Finding.CONDITIONAL),
    ],
)
def test_a_finding_follows_from_where_the_claim_holds(holds: dict[str, bool], finding: Finding) -> None:
    assert weighed(holds)[0] is finding


def test_the_conditions_are_named() -> None:
    assert weighed({"a": True, "b": False})[1] == ["It holds for a. It does not for b."]


def test_the_baseline_fails_on_one_task_and_with_one_network(tmp_path: Path) -> None:
    write_trial(tmp_path, "methods", "rl", "LavaDoorKey", 0, method="rl", success=ramp(5), evaluated=0.98)
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.NOT_CONFIRMED
    assert claim.evidence[-1].startswith("With the network “map”, the paper’s kind, it is not tested yet")
    write_trial(tmp_path, "map", "rl", "LavaDoorKey", 0, method="rl", network="map", success=ramp(40), evaluated=0.02)
    claim = judged(tmp_path)[0]
    assert claim.finding is Finding.CONDITIONAL
    assert claim.evidence[0] == (
        "It holds for LavaDoorKey (network map). It does not for LavaDoorKey (network egocentric)."
    )
    assert not any("not tested yet" in line for line in claim.evidence)


@pytest.mark.parametrize(("late", "finding"), [(25, Finding.CONFIRMED), (7, Finding.NOT_CONFIRMED)])
def test_hierarchical_needs_far_more_steps_or_not(tmp_path: Path, late: int, finding: Finding) -> None:
    for seed in range(3):
        write_trial(tmp_path, "methods", "llm4teach", DIVERGED, seed, success=ramp(5))
        write_trial(tmp_path, "methods", "hierarchical", DIVERGED, seed, method="hierarchical", success=ramp(late))
    assert judged(tmp_path)[1].finding is finding


def test_the_student_surpasses_where_the_intervals_are_apart(tmp_path: Path) -> None:
    for task, teacher in (("SimpleDoorKey", 1.0), ("LavaDoorKey", 0.5)):
        write_evaluation(tmp_path, task, "llm", [None], teacher)
        write_evaluation(tmp_path, task, "llm4teach", [0, 1], 1.0)
    claim = judged(tmp_path)[2]
    assert claim.finding is Finding.CONDITIONAL
    assert claim.evidence[0] == "It holds for LavaDoorKey. It does not for SimpleDoorKey."


def teacher_kinds(data: Path, hard: int) -> None:
    for seed in range(4):
        for variant in ("soft, samples", "soft, logprobs"):
            write_trial(data, "teacher-kind", variant, DIVERGED, seed, success=ramp(10 + seed % 2))
        write_trial(data, "teacher-kind", "hard", DIVERGED, seed, success=ramp(hard + seed % 2))


@pytest.mark.parametrize(("hard", "finding"), [(20, Finding.CONFIRMED), (10, Finding.NOT_CONFIRMED)])
def test_soft_against_hard(tmp_path: Path, hard: int, finding: Finding) -> None:
    teacher_kinds(tmp_path, hard)
    assert judged(tmp_path)[3].finding is finding


def test_equal_logprobs_are_confirmed_under_a_condition_that_is_named(tmp_path: Path) -> None:
    teacher_kinds(tmp_path, 20)
    claim = judged(tmp_path)[4]
    assert claim.finding is Finding.CONDITIONAL
    assert claim.evidence[-1].startswith("The condition: the released tables hold frequencies")


@pytest.mark.parametrize(("others", "finding"), [(0.1, Finding.CONFIRMED), (1.0, Finding.NOT_CONFIRMED)])
def test_only_stepwise_works_or_not(tmp_path: Path, others: float, finding: Finding) -> None:
    for variant in ("constant", "linear", "linear, twice as long", "stepwise"):
        share = 1.0 if variant == "stepwise" else others
        write_trial(tmp_path, "annealing", variant, DIVERGED, 0, success=ramp(5), evaluated=share)
    assert judged(tmp_path)[5].finding is finding


def test_an_ablation_is_a_figure_and_a_computed_sentence(tmp_path: Path) -> None:
    teacher_kinds(tmp_path, 20)
    every = ablations(experiments(params()), groups(tmp_path), tmp_path / "figures")
    ablation = next(each for each in every if each.name == "teacher-kind")
    (sentence,) = ablation.findings
    assert sentence.startswith(
        "DivergedDoorKey: “hard” against “soft, samples”: mean success in training 50.0% against"
    )
    assert "more than chance; 90% in training takes 26K steps against 16K" in sentence
    assert sentence.endswith("on held-out layouts the 3 variants end at 100.0%.")
    assert [path.is_file() for drawing in ablation.drawings for path in (drawing.light, drawing.dark)] == [True, True]
    assert all(not each.groups and not each.drawings for each in every if each is not ablation)


def test_a_variant_without_the_one_it_is_compared_with(tmp_path: Path) -> None:
    write_trial(tmp_path, "teacher-kind", "hard", DIVERGED, 0, success=ramp(5), evaluated=0.97)
    (ablation,) = [a for a in ablations(experiments(params()), groups(tmp_path), tmp_path / "figures") if a.groups]
    assert ablation.findings == ["DivergedDoorKey: on held-out layouts “hard” ends at 97.0%."]


def test_students_that_only_ran_through_the_warm_up_are_not_compared(tmp_path: Path) -> None:
    for variant in ("soft, samples", "hard"):
        write_trial(tmp_path, "teacher-kind", variant, DIVERGED, 0, success=[1.0])
    (group, _) = groups(tmp_path)
    assert np.isnan(group.course(group.end)).all()
    (ablation,) = [a for a in ablations(experiments(params()), groups(tmp_path), tmp_path / "figures") if a.groups]
    assert ablation.findings == ["DivergedDoorKey: on held-out layouts the 2 variants end at 100.0%."]
