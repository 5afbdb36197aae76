"""Steps to a level of success: every case of reached, not reached, reached at once and not run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.analysis.sample_efficiency import StepsToLevel, in_a_sentence, steps_in_words, steps_to_levels, titles
from pipeline.experiments.catalogue import EXPERIMENTS
from pipeline.results.published_results import published_results
from pipeline.results.trials import read_trials

TASKS = ("SimpleDoorKey", "LavaDoorKey")


def found(data: Path) -> list[StepsToLevel]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return steps_to_levels(read_trials(data / "paper", EXPERIMENTS, params(TASKS), done), published_results())


def write(data: Path, method: str, courses: list[list[float]], task: str = "LavaDoorKey") -> None:
    """Students of a method in the experiment that compares methods, one for each course of success in training."""
    for seed, course in enumerate(courses):
        write_trial(data, "methods", method, task, seed, method=method, success=course)


NEVER = [ramp(99)] * 5


@pytest.mark.parametrize(
    ("own", "other", "multiple"),
    [  # a ramp at iteration i is at a level after i + 5 thousand steps, once all five are good
        ([ramp(5)] * 5, [ramp(25)] * 5, "3.0 to 3.0 times: more"),
        ([ramp(25)] * 5, [ramp(5)] * 5, "0.3 to 0.3 times: fewer"),
        ([ramp(i) for i in (5, 6, 7, 8, 9)], [ramp(i) for i in (5, 6, 7, 8, 9)], "0.8 to 1.3 times: can’t be told"),
        ([ramp(5)] * 5, NEVER, "at least 4.0 times: more"),  # all train for 40K
        (NEVER, [ramp(5)] * 5, "at most 0.2 times: fewer"),
        (NEVER, NEVER, "any number of times: can’t be told"),
        ([ramp(0)] * 5, [ramp(10)] * 5, "at least 3.0 times: more"),  # within the first five iterations, or before
        ([ramp(0)] * 5, [ramp(0)] * 5, "any number of times: can’t be told"),
        ([ramp(5)] * 3, [ramp(25)] * 3, "any number of times: can’t be told"),  # three of each allow no 95%
    ],
)
def test_the_interval_of_a_multiple_is_its_verdict(
    tmp_path: Path, own: list[list[float]], other: list[list[float]], multiple: str
) -> None:
    write(tmp_path, "llm4teach", own)
    write(tmp_path, "rl", other)
    row = found(tmp_path)[-1]
    assert row.multiple("RL, no teacher") == multiple


def test_without_llm4teach_there_is_no_multiple(tmp_path: Path) -> None:
    write(tmp_path, "rl", [ramp(5)])
    rows = found(tmp_path)
    assert [row.ratios for row in rows] == [{}, {}]
    assert in_a_sentence(rows) == ""


def test_the_median_and_the_range() -> None:
    def words(*thousands: float) -> str:
        return steps_in_words(1000 * np.array(thousands))

    assert words(20, 20, 20) == "20K"
    assert words(10, 20, 40) == "20K (10K–40K)"
    assert words(10, 20, 40, math.inf) == "40K (10K–never, 3 of 4 get there)"  # the upper of the two in the middle
    assert words(math.inf, math.inf) == "never"


def test_steps_are_read_from_the_trials(tmp_path: Path) -> None:
    write(tmp_path, "llm4teach", [ramp(5)] * 5, "SimpleDoorKey")
    write(tmp_path, "rl", [ramp(25, 120)] * 5, "SimpleDoorKey")
    write(tmp_path, "hierarchical", [ramp(12), *[ramp(99)] * 4], "SimpleDoorKey")
    paper, high = rows = found(tmp_path)
    assert (paper.task, paper.network, paper.goal, high.goal) == (
        "SimpleDoorKey",
        "egocentric",
        "the paper’s 96.4%",
        "99.0%",
    )
    assert titles(rows) == ["LLM4Teach", "Hierarchical RL", "RL, no teacher"]
    assert [paper.steps(title) for title in titles(rows)] == ["10K", "never (17K–never, 1 of 5 get there)", "30K"]
    assert paper.multiple("Hierarchical RL").startswith("at least 1.7")
    assert in_a_sentence(rows) == (
        "More or fewer steps than LLM4Teach, by the whole interval: Hierarchical RL: more in 2 and fewer in 0 of 2; "
        "RL, no teacher: more in 2 and fewer in 0 of 2."
    )


def test_what_comes_before_any_level_can_be_seen_is_a_bound(tmp_path: Path) -> None:
    unknown = [float("nan")] * 2
    write(tmp_path, "llm4teach", [[*unknown, *ramp(0)]] * 5)
    write(tmp_path, "rl", [ramp(9)] * 5)
    # LLM4Teach is there after five iterations beside the two in which no episode counts, or before; RL after 14.
    assert found(tmp_path)[0].multiple("RL, no teacher") == "at least 2.0 times: more"


def test_the_options_alone_stand_beside_the_methods(tmp_path: Path) -> None:
    """The experiment that makes labels ever noisier ends with labels that say nothing."""
    for seed in range(5):
        write_trial(tmp_path, "noise", "0%", "LavaDoorKey", seed, success=ramp(5))
        write_trial(tmp_path, "noise", "100%", "LavaDoorKey", seed, success=ramp(3))
    assert found(tmp_path) == []
    write(tmp_path, "llm4teach", [ramp(15)] * 5)
    rows = found(tmp_path)
    assert list(rows[0].groups) == ["LLM4Teach", "Options alone"]
    assert rows[0].multiple("Options alone") == "0.4 to 0.4 times: fewer"


def test_a_task_without_published_figures_has_the_high_level_only(tmp_path: Path) -> None:
    write(tmp_path, "llm4teach", [ramp(5)] * 5)
    nowhere = published_results().__class__("", "", "", "", 1, {})
    done = {marker.parent for marker in (tmp_path / "paper").glob("*/*/*/*/trial.json")}
    groups = read_trials(tmp_path / "paper", EXPERIMENTS, params(TASKS), done)
    assert [row.goal for row in steps_to_levels(groups, nowhere)] == ["99.0%"]


def test_every_experiment_has_students_enough_for_an_interval(tmp_path: Path) -> None:
    assert min(experiment.seeds for experiment in EXPERIMENTS) >= 4
    write(tmp_path, "llm4teach", [ramp(5)] * 4)
    write(tmp_path, "rl", [ramp(25)] * 4)
    assert found(tmp_path)[0].multiple("RL, no teacher").endswith("more")
