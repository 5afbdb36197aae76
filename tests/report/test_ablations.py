"""Ablations: figures and computed sentences, each variant beside the experiment's reference."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.ablations import Ablation, Difference, ablations, compared, unlabelled
from pipeline.report.trials import TrialGroup, read_trials

DIVERGED = "DivergedDoorKey"


def groups(data: Path) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    horizons = dict.fromkeys(("LavaDoorKey", "ColoredDoorKey", DIVERGED), 150)
    return read_trials(data / "paper", experiments(params()), horizons, done)


def found(data: Path) -> Ablation:
    """The one ablation that was run."""
    every = ablations(experiments(params()), groups(data), data / "figures")
    (one,) = [each for each in every if each.groups]
    return one


def write_kinds(data: Path, hard: int, students: int = 4) -> None:
    """Success is full from iteration 10 or 11 on, of 40; with hard instructions from `hard` or `hard` + 1 on."""
    for seed in range(students):
        for variant in ("soft, samples", "soft, logprobs"):
            write_trial(data, "teacher-kind", variant, DIVERGED, seed, success=ramp(10 + seed % 2))
        write_trial(data, "teacher-kind", "hard", DIVERGED, seed, success=ramp(hard + seed % 2))


def test_an_ablation_is_a_figure_and_a_computed_sentence(tmp_path: Path) -> None:
    write_kinds(tmp_path, 20)
    ablation = found(tmp_path)
    # Of the 39 iterations after warm-up 30 or 29 succeed, with hard instructions 20 or 19: 75.6% and 50.0%. Variances
    # are equal, (1/39)^2 / 3 each, so half the interval is 2.446912 (t, 6 degrees) * sqrt(2/12) / 39 = 2.56 points.
    assert ablation.findings == [
        "DivergedDoorKey, mean success in training against “soft, samples”, which takes 16K steps to 90%: "
        "“soft, logprobs” 75.6% against 75.6%, 0.0 points (95% interval −2.6 to +2.6), no more than chance can make, "
        "and takes 16K steps to 90%; “hard” 50.0% against 75.6%, −25.6 points (95% interval −28.2 to −23.1), more than "
        "chance, and takes 26K steps to 90%. On held-out layouts the 3 variants end at 100.0%."
    ]
    assert [path.is_file() for drawing in ablation.drawings for path in (drawing.light, drawing.dark)] == [True, True]
    assert ablation.command == "make paper"


def test_an_interval_that_just_leaves_out_zero_does_not_read_as_zero() -> None:
    words = Difference(0.919, 0.925, -0.0131, -0.0004).words
    assert words == "91.9% against 92.5%, −0.6 points (95% interval −1.3 to −0.04), more than chance"
    assert "(95% interval −1.3 to +0.1), no more than chance can make" in Difference(0.919, 0.925, -0.013, 0.001).words
    assert "0.0 points (95% interval 0.0 to 0.0)" in Difference(0.5, 0.5, 0.0, 0.0).words


def test_the_experiments_reference_is_what_others_are_compared_with(tmp_path: Path) -> None:
    for variant in ("1", "10", "30"):
        for seed in range(3):
            write_trial(tmp_path, "samples", variant, DIVERGED, seed, success=ramp(10))
    (sentence,) = found(tmp_path).findings
    assert sentence.startswith("DivergedDoorKey, mean success in training against “10”, which takes")
    assert sentence.index("“1” 76.9%") < sentence.index("“30” 76.9%")


@pytest.mark.parametrize("students", [1, 2])
def test_too_few_students_are_counted_and_not_judged(tmp_path: Path, students: int) -> None:
    write_kinds(tmp_path, 20, students)
    first, _, last = groups(tmp_path)
    assert compared(last, first) is None
    (sentence,) = found(tmp_path).findings
    counts = f"(students: {students}, and {students} of “soft, samples”)"
    assert f"“hard” can’t be judged, which takes 3 of each, trained long enough {counts}" in sentence
    assert "chance" not in sentence


def test_a_variant_without_the_one_it_is_compared_with(tmp_path: Path) -> None:
    write_trial(tmp_path, "teacher-kind", "hard", DIVERGED, 0, success=ramp(5), evaluated=0.97)
    assert found(tmp_path).findings == ["DivergedDoorKey: on held-out layouts “hard” ends at 97.0%."]


def test_students_that_only_ran_through_the_warm_up_are_not_compared(tmp_path: Path) -> None:
    for variant in ("soft, samples", "hard"):
        for seed in range(3):
            write_trial(tmp_path, "teacher-kind", variant, DIVERGED, seed, success=[1.0])
    (group, _) = groups(tmp_path)
    assert np.isnan(group.course(group.end)).all()
    (sentence,) = found(tmp_path).findings
    assert "“hard” can’t be judged" in sentence


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
    assert found(tmp_path).unlabelled == pytest.approx([0.0, 0.4])


def test_labels_throughout_or_not_logged_are_not_shown(tmp_path: Path) -> None:
    folder = write_trial(tmp_path, "missing", "0%", "LavaDoorKey", 0, success=ramp(2, 5))
    (group,) = groups(tmp_path)
    assert unlabelled(group) is None
    set_misses(folder, [0.0] * 5)
    assert found(tmp_path).unlabelled == []
