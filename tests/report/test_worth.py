"""What the teacher is worth: every case of reached, not reached, reached at once and not run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.published_results import published_results
from pipeline.report.trials import read_trials
from pipeline.report.worth import Ratio, Reach, Worth, worth_in_words, worths

NEVER = math.inf
TASKS = ("SimpleDoorKey", "LavaDoorKey")


def reach(*thousands: float, earliest: float = 0.0) -> Reach:
    """Students that get to the level after so many thousands of steps; all run for 3M."""
    steps = 1000 * np.array(thousands)
    return Reach(steps, np.full(len(steps), 3e6), earliest)


def found(data: Path) -> list[Worth]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return worths(read_trials(data / "paper", experiments(params()), TASKS, done), published_results())


@pytest.mark.parametrize(
    ("own", "other", "words", "verdict"),
    [
        (reach(100, 100, 110, 110, 120), reach(300, 310, 320, 330, 330), "2.7 to 3.3", "more"),
        (reach(300, 310, 320, 330, 330), reach(100, 100, 110, 110, 120), "0.3 to 0.4", "fewer"),
        (reach(100, 110, 120, 130, 140), reach(100, 115, 120, 130, 140), "0.8 to 1.3", "can’t be told"),
        (reach(100, 100, 100, 100, 100), reach(300, 300, NEVER, NEVER, NEVER), "at least 3.0", "more"),
        (reach(*[NEVER] * 5), reach(*[300] * 5), "at most 0.1", "fewer"),
        (reach(*[NEVER] * 5), reach(*[NEVER] * 5), "any number of", "can’t be told"),
        (reach(*[100] * 5, earliest=100_000), reach(*[300] * 5), "at least 3.0", "more"),
        (reach(*[100] * 5, earliest=100_000), reach(*[100] * 5, earliest=100_000), "any number of", "can’t be told"),
        (reach(100, 100, 100), reach(300, 300, 300), "any number of", "can’t be told"),  # three of each allow no 95%
    ],
)
def test_the_interval_of_a_ratio_is_its_verdict(own: Reach, other: Reach, words: str, verdict: str) -> None:
    row = Worth("T", "egocentric", "99.0%", 0.99, {"llm4teach": own, "rl": other})
    assert (row.ratios["rl"].words, row.ratios["rl"].verdict) == (words, verdict)


def test_without_llm4teach_there_is_no_ratio() -> None:
    assert Worth("T", "map", "99.0%", 0.99, {"rl": reach(5)}).ratios == {}


def test_ratios_at_their_edges() -> None:
    assert [Ratio(*ends).verdict for ends in ((1.0, 2.0), (1.01, 2.0), (0.5, 1.0), (0.5, 0.99))] == [
        "can’t be told",
        "more",
        "can’t be told",
        "fewer",
    ]


def test_the_median_and_the_range() -> None:
    assert reach(20, 20, 20).words == "20K"
    assert reach(10, 20, 40).words == "20K (10K–40K)"
    assert reach(10, 20, 40, NEVER).words == "40K (10K–never, 3 of 4 get there)"  # the upper of the two in the middle
    assert reach(NEVER, NEVER).words == "never"


def test_worth_is_read_from_the_trials(tmp_path: Path) -> None:
    for seed in range(5):
        write_trial(tmp_path, "methods", "llm4teach", "SimpleDoorKey", seed, success=ramp(5, 40))
        write_trial(tmp_path, "methods", "rl", "SimpleDoorKey", seed, method="rl", success=ramp(25, 120))
        slow = ramp(12, 40) if seed == 0 else ramp(40, 40)
        write_trial(tmp_path, "methods", "hierarchical", "SimpleDoorKey", seed, method="hierarchical", success=slow)
    paper, high = found(tmp_path)
    assert (paper.task, paper.network, paper.goal, high.goal) == (
        "SimpleDoorKey",
        "egocentric",
        "the paper’s 96.4%",
        "99.0%",
    )
    assert paper.reaches["llm4teach"].words == "10K"
    assert (paper.ratios["rl"].words, paper.ratios["rl"].verdict) == ("3.0 to 3.0", "more")
    assert paper.reaches["hierarchical"].words == "never (17K–never, 1 of 5 get there)"
    assert paper.ratios["hierarchical"].words == "at least 1.7"
    assert worth_in_words([paper, high]) == (
        "More or fewer steps than LLM4Teach, where that can be told: RL: more in 2 of 2; Hierarchical RL: more "
        "in 2 of 2."
    )


def test_what_comes_before_any_level_can_be_seen_is_a_bound(tmp_path: Path) -> None:
    unknown = [float("nan")] * 2
    for seed in range(5):
        write_trial(tmp_path, "methods", "llm4teach", "LavaDoorKey", seed, success=[*unknown, *ramp(0)])
        write_trial(tmp_path, "methods", "rl", "LavaDoorKey", seed, method="rl", success=ramp(9))
    row = found(tmp_path)[0]
    assert row.reaches["llm4teach"].earliest == 7000  # five iterations after the two in which no episode counts
    assert row.ratios["rl"].words == "at least 2.0"


def test_the_options_alone_stand_beside_the_methods(tmp_path: Path) -> None:
    """The experiment that makes labels ever noisier ends with labels that say nothing."""
    for seed in range(5):
        write_trial(tmp_path, "noise", "0%", "LavaDoorKey", seed, success=ramp(5))
        write_trial(tmp_path, "noise", "100%", "LavaDoorKey", seed, success=ramp(3))
    assert found(tmp_path) == []
    for seed in range(5):
        write_trial(tmp_path, "methods", "llm4teach", "LavaDoorKey", seed, success=ramp(15))
    rows = found(tmp_path)
    assert list(rows[0].reaches) == ["llm4teach", "uniform"]
    assert (rows[0].ratios["uniform"].words, rows[0].ratios["uniform"].verdict) == ("0.4 to 0.4", "fewer")
    assert worth_in_words(rows).endswith("told: Options alone: fewer in 2 of 2.")


def test_what_can_t_be_told_is_neither_more_nor_fewer() -> None:
    same = Worth("T", "map", "99.0%", 0.99, {"llm4teach": reach(1, 2, 3), "rl": reach(1, 2, 3)})
    assert worth_in_words([same]).endswith("RL: in none of 1.")
    assert worth_in_words([]) == ""


def test_what_is_judged_has_students_enough_for_an_interval() -> None:
    wanted = [(experiment.name, experiment.seeds) for experiment in experiments(params())]
    for name, seeds in [*wanted, ("params.yaml", params().seeds)]:
        row = Worth("T", "map", "99.0%", 0.99, {"llm4teach": reach(*[1] * seeds), "rl": reach(*[3] * seeds)})
        assert row.ratios["rl"].verdict == "more", name
