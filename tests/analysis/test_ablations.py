"""Ablations: figures, tables and computed sentences, each variant beside the experiment's reference."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.analysis.ablations import Ablation, ablations, compared, in_points, unlabelled
from pipeline.experiments.catalogue import EXPERIMENTS, HARD, LOGPROBS, SAMPLES
from pipeline.results.trials import TrialGroup, read_trials
from pipeline.statistics import Estimate, difference_interval

DIVERGED = "DivergedDoorKey"
PARAMS = params(("LavaDoorKey", "ColoredDoorKey", DIVERGED))


def groups(data: Path) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return read_trials(data / "paper", EXPERIMENTS, PARAMS, done)


def found(data: Path) -> Ablation:
    """The one ablation that was run."""
    every = ablations(EXPERIMENTS, groups(data), PARAMS)
    (one,) = [each for each in every if each.rows]
    return one


def write_kinds(data: Path, hard: int, students: int = 5) -> None:
    """Success is full from iteration 10 or 11 on, of 40; with hard instructions from `hard` or `hard` + 1 on."""
    for seed in range(students):
        for variant in ("soft, samples", "soft, logprobs"):
            write_trial(data, "teacher-kind", variant, DIVERGED, seed, success=ramp(10 + seed % 2))
        write_trial(data, "teacher-kind", "hard", DIVERGED, seed, success=ramp(hard + seed % 2))


def test_an_ablation_is_a_table_and_a_sentence(tmp_path: Path) -> None:
    write_kinds(tmp_path, 20)
    ablation = found(tmp_path)
    # Of 40 iterations 30 or 29 succeed, 74.0% in the mean, with hard instructions 20 or 19: 49.0%.
    assert [(row.group.variant, row.success, row.steps, row.verdict) for row in ablation.rows] == [
        (SAMPLES, pytest.approx(0.74), "15K (15K–16K)", "not compared"),
        (LOGPROBS, pytest.approx(0.74), "15K (15K–16K)", "can’t be told"),
        (HARD, pytest.approx(0.49), "25K (25K–26K)", "lower"),
    ]
    assert ablation.rows[0].difference is None
    expected = difference_interval(np.array([20, 19, 20, 19, 20]) / 40, np.array([30, 29, 30, 29, 30]) / 40)
    assert ablation.rows[2].difference == expected
    assert ablation.sentence == "Beside “soft, samples”, by the whole interval: higher in 0 and lower in 1 of 2."


def test_only_experiments_on_the_params_tasks_are_shown() -> None:
    shown = [one.experiment.name for one in ablations(EXPERIMENTS, [], params(("SimpleDoorKey",)))]
    assert shown == ["horizon", "horizon-rl", "warm-start", "map"]


def test_an_interval_that_just_leaves_out_zero_does_not_read_as_zero() -> None:
    assert in_points(Estimate(-0.006, -0.0131, -0.0004)) == "−0.6 (−1.3 to −0.04)"
    assert in_points(Estimate(0.0, 0.0, 0.0)) == "0.0 (0.0 to 0.0)"


def test_the_experiments_basis_is_what_others_are_compared_with(tmp_path: Path) -> None:
    for variant in ("1", "10", "30"):
        for seed in range(3):
            write_trial(tmp_path, "samples", variant, DIVERGED, seed, success=ramp(10))
    ablation = found(tmp_path)
    assert [row.group.variant.name for row in ablation.rows if row.difference is None] == ["10"]
    assert ablation.sentence == "Beside “10”, by the whole interval: higher in 0 and lower in 0 of 2."


def test_variants_are_compared_as_far_as_both_ran(tmp_path: Path) -> None:
    for seed in range(3):
        write_trial(tmp_path, "teacher-kind", "soft, samples", DIVERGED, seed, success=ramp(10, 20))
        write_trial(tmp_path, "teacher-kind", "hard", DIVERGED, seed, success=ramp(15, 60))
    basis, other = found(tmp_path).rows
    assert (basis.success, other.success) == (0.5, 0.25)


@pytest.mark.parametrize("students", [1, 2])
def test_too_few_students_are_not_judged(tmp_path: Path, students: int) -> None:
    write_kinds(tmp_path, 20, students)
    first, _, last = groups(tmp_path)
    assert compared(last, first) is None
    assert all(row.difference is None for row in found(tmp_path).rows)


def test_a_variant_without_the_one_it_is_compared_with(tmp_path: Path) -> None:
    write_trial(tmp_path, "teacher-kind", "hard", DIVERGED, 0, success=ramp(5), evaluated=0.97)
    (row,) = found(tmp_path).rows
    assert (row.success, row.difference) == (0.875, None)


def test_students_of_whom_no_episode_counts_yet_are_not_compared(tmp_path: Path) -> None:
    for variant in ("soft, samples", "hard"):
        for seed in range(3):
            write_trial(tmp_path, "teacher-kind", variant, DIVERGED, seed, success=[float("nan")])
    (group, _) = groups(tmp_path)
    assert np.isnan(group.course(group.end)).all()
    assert [(row.success, row.difference) for row in found(tmp_path).rows] == [(None, None)] * 2


def set_misses(folder: Path, shares: list[float]) -> None:
    path = folder / "curve.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label_miss_rate": share} for row, share in zip(rows, shares, strict=True))


def test_steps_without_a_label_are_counted_while_the_teacher_teaches(tmp_path: Path) -> None:
    course = ramp(2, 5)  # the teacher teaches in the first three iterations
    for variant, shares in (("0%", [0.0] * 5), ("50%", [0.2, 0.4, 0.6, 0.9, 0.9])):
        set_misses(write_trial(tmp_path, "missing", variant, "LavaDoorKey", 0, success=course), shares)
    assert [row.unlabelled for row in found(tmp_path).rows] == pytest.approx([0.0, 0.4])


def test_steps_without_a_label_that_were_not_logged(tmp_path: Path) -> None:
    write_trial(tmp_path, "missing", "0%", "LavaDoorKey", 0, success=ramp(2, 5))
    (group,) = groups(tmp_path)
    assert unlabelled(group) is None
