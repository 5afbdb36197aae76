"""Trials of experiments: reading them, when they get where, and what the teacher is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.experiments.experiment import experiments
from pipeline.report.published_results import published_results
from pipeline.report.trials import TrialGroup, read_trials
from pipeline.report.worth import worths
from pipeline.tables import TableError

TASK = "SimpleDoorKey"


def read(data: Path, horizon: int = 150) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return read_trials(data / "paper", experiments(params()), {TASK: horizon, "LavaDoorKey": horizon}, done)


def test_groups_are_in_the_order_of_the_experiments(tmp_path: Path) -> None:
    for variant, task in (("100%", "LavaDoorKey"), ("0%", "LavaDoorKey")):
        write_trial(tmp_path, "noise", variant, task, 0, success=ramp(5))
    for seed in (10, 2):
        write_trial(tmp_path, "methods", "llm4teach", TASK, seed, success=ramp(5))
    write_trial(tmp_path, "methods", "an old variant", TASK, 0, success=ramp(5))
    write_trial(tmp_path, "methods", "llm4teach", "ColoredDoorKey", 0, success=ramp(5))  # not among the wanted tasks
    groups = read(tmp_path)
    assert [(g.experiment, g.variant, g.task) for g in groups] == [
        ("methods", "llm4teach", TASK),
        ("noise", "0%", "LavaDoorKey"),
        ("noise", "100%", "LavaDoorKey"),
    ]
    assert [curve.seed for curve in groups[0].curves] == [2, 10]
    assert groups[0].main.episodes == 200
    assert groups[0].network == "egocentric"


def test_a_level_is_reached_at_the_end_of_the_first_good_window(tmp_path: Path) -> None:
    write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=ramp(10))
    write_trial(tmp_path, "methods", "llm4teach", TASK, 1, success=ramp(20, top=0.9))
    (group,) = read(tmp_path)
    assert group.reached(0.9).tolist() == [15_000, 25_000]
    assert group.reached(0.9, "seconds").tolist() == [7.5, 12.5]
    assert group.reached(0.95).tolist() == [15_000, np.inf]


def test_success_is_of_all_episodes_in_the_window(tmp_path: Path) -> None:
    """Iterations in which few episodes ended count little: 5 lucky ones beside 100 failures are no 90%."""
    folder = write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=[0.0] * 3 + [1.0] * 8)
    log = (folder / "curve.csv").read_text().splitlines()
    lucky = [line.replace(",20,1.0,", ",1,1.0,") for line in log[:8]]
    assert lucky != log[:8]
    (folder / "curve.csv").write_text("\n".join([*lucky, *log[8:]]) + "\n")
    (group,) = read(tmp_path)
    assert group.reached(0.9).tolist() == [8_000]  # 4 x 1 + 1 x 20 successes after the failures have left the window
    assert group.course(5_000).tolist() == [pytest.approx(2 / 42)]  # the first iteration is warm-up


def test_trials_that_are_not_done_are_not_read(tmp_path: Path) -> None:
    kept, left = (write_trial(tmp_path, "methods", "llm4teach", TASK, seed, success=ramp(5)) for seed in (0, 1))
    (group,) = read_trials(tmp_path / "paper", experiments(params()), {TASK: 150}, {kept})
    assert group.folders == (kept,)
    assert left.is_dir()


def test_episodes_of_the_first_horizon_do_not_count(tmp_path: Path) -> None:
    write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=[1.0] * 8 + [0.0] * 12)
    (short,) = read(tmp_path, horizon=150)  # 10 environments x 150 steps: the first iteration only
    assert short.reached(0.9).tolist() == [6_000]
    (long,) = read(tmp_path, horizon=800)
    assert np.isinf(long.reached(0.9)).all()
    assert long.course(20_000).tolist() == [0.0]
    assert np.isnan(long.course(7_000)).all()


def test_a_broken_trial_is_named(tmp_path: Path) -> None:
    folder = write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=ramp(3))
    (folder / "trial.json").write_text("[1]")
    with pytest.raises(TableError, match=r"0/trial\.json: wanted keys and values"):
        read(tmp_path)
    (folder / "trial.json").write_text('{"experiment": "methods"}')
    with pytest.raises(TableError, match=r"trial\.json: wanted the keys"):
        read(tmp_path)
    (folder / "trial.json").unlink()
    assert read(tmp_path) == []


def test_the_worth_of_the_teacher(tmp_path: Path) -> None:
    for seed in range(5):
        write_trial(tmp_path, "methods", "llm4teach", TASK, seed, success=ramp(5, 40))
        write_trial(tmp_path, "methods", "rl", TASK, seed, method="rl", success=ramp(25, 120))
        slow = ramp(12, 40) if seed == 0 else ramp(40, 40)
        write_trial(tmp_path, "methods", "hierarchical", TASK, seed, method="hierarchical", success=slow)
    paper, high = worths(read(tmp_path), published_results())
    assert (paper.task, paper.network, paper.goal, high.goal) == (TASK, "egocentric", "the paper’s 96.4%", "99%")
    assert paper.reaches["llm4teach"].words == "10K steps, 5.0 s"
    assert paper.steps["rl"].words == "3.0 times (3.0 to 3.0)"
    assert paper.seconds["rl"].words == "3.0 times (3.0 to 3.0)"
    assert paper.reaches["hierarchical"].words == "not reached within 40K steps (1 of 5 students did)"
    assert paper.steps["hierarchical"].words == "more than 4.0 times"
    assert "hierarchical" not in paper.seconds


def test_a_few_that_never_get_there_are_said(tmp_path: Path) -> None:
    for seed in range(5):
        write_trial(tmp_path, "methods", "llm4teach", TASK, seed, success=ramp(5))
        write_trial(tmp_path, "methods", "rl", TASK, seed, method="rl", success=ramp(40 if seed > 2 else 15))
    row = worths(read(tmp_path), published_results())[0]
    assert row.reaches["rl"].words == "20K (20K–never) steps, 10.0 s (10.0 s–never)"
    assert row.steps["rl"].words == "2.0 times (2.0 or more, as some never get there)"


def test_no_ratio_to_a_student_that_does_not_get_there(tmp_path: Path) -> None:
    write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=ramp(40))
    write_trial(tmp_path, "methods", "rl", TASK, 0, method="rl", success=ramp(5))
    assert worths(read(tmp_path), published_results())[0].steps == {}
