"""Trials of experiments: reading them, and when they get where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import params, ramp, write_trial

from pipeline.experiments.catalogue import EXPERIMENTS, METHODS, NOISE
from pipeline.json_file import JsonError
from pipeline.results.trials import TrialGroup, read_trials
from pipeline.tables import TableError

TASK = "SimpleDoorKey"


def read(data: Path) -> list[TrialGroup]:
    done = {marker.parent for marker in (data / "paper").glob("*/*/*/*/trial.json")}
    return read_trials(data / "paper", EXPERIMENTS, params((TASK, "LavaDoorKey")), done)


def test_groups_are_in_the_order_of_the_experiments(tmp_path: Path) -> None:
    for variant, task in (("100%", "LavaDoorKey"), ("0%", "LavaDoorKey")):
        write_trial(tmp_path, "noise", variant, task, 0, success=ramp(5))
    for seed in (10, 2):
        write_trial(tmp_path, "methods", "llm4teach", TASK, seed, success=ramp(5))
    write_trial(tmp_path, "methods", "an old variant", TASK, 0, success=ramp(5))
    write_trial(tmp_path, "methods", "llm4teach", "ColoredDoorKey", 0, success=ramp(5))  # not among the wanted tasks
    groups = read(tmp_path)
    assert [(g.experiment, g.variant, g.task) for g in groups] == [
        (METHODS, METHODS.variants[0], TASK),
        (NOISE, NOISE.variants[0], "LavaDoorKey"),
        (NOISE, NOISE.variants[-1], "LavaDoorKey"),
    ]
    assert [curve.seed for curve in groups[0].curves] == [2, 10]
    assert groups[0].main.episodes == 200
    assert groups[0].network == "egocentric"


def test_a_level_is_reached_at_the_end_of_the_first_good_window(tmp_path: Path) -> None:
    write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=ramp(10))
    write_trial(tmp_path, "methods", "llm4teach", TASK, 1, success=ramp(20, top=0.9))
    (group,) = read(tmp_path)
    assert group.reached(0.9).tolist() == [15_000, 25_000]
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
    assert group.course(5_000).tolist() == [pytest.approx(2 / 62)]


def test_trials_that_are_not_done_are_not_read(tmp_path: Path) -> None:
    kept, left = (write_trial(tmp_path, "methods", "llm4teach", TASK, seed, success=ramp(5)) for seed in (0, 1))
    (group,) = read_trials(tmp_path / "paper", EXPERIMENTS, params((TASK,)), {kept})
    assert group.folders == (kept,)
    assert left.is_dir()


def test_iterations_in_which_no_episode_counts_are_left_out(tmp_path: Path) -> None:
    unknown = [float("nan")] * 3
    write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=[*unknown, *ramp(2, 12)])
    (group,) = read(tmp_path)
    assert group.reached(0.9).tolist() == [10_000]
    assert group.reached(-np.inf).tolist() == [8_000]  # five iterations after the three
    assert group.course(6_000).tolist() == [pytest.approx(1 / 3)]
    assert np.isnan(group.course(3_000)).all()


def test_a_broken_trial_is_named(tmp_path: Path) -> None:
    folder = write_trial(tmp_path, "methods", "llm4teach", TASK, 0, success=ramp(3))
    (folder / "trial.json").write_text("[1]")
    with pytest.raises(JsonError, match=r"0/trial\.json: wanted keys and values"):
        read(tmp_path)
    (folder / "trial.json").write_text('{"experiment": "methods"}')
    with pytest.raises(TableError, match=r"trial\.json: wanted the keys"):
        read(tmp_path)
    (folder / "trial.json").unlink()
    assert read(tmp_path) == []
