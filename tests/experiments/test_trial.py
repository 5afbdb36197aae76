"""Trials: what they leave, that a done one is not carried out again, and that a changed one is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipeline.experiments.catalogue import ANNEALING, DISTANCE, EXPERIMENTS
from pipeline.experiments.experiment import Experiment, Times, Variant, applied
from pipeline.experiments.trial import carry_out_trial, done_trials, is_done, trial_key, trials
from pipeline.fan_out import Interrupted
from pipeline.params import load_params
from pipeline.student.annealing import teacher_weight
from pipeline.student.methods.method import get_method
from pipeline.tables import EPISODES, read_table
from stages.collect import collect


def some_trial(root: Path, **changes):
    tiny.publish(root)
    experiment = Experiment("kind", "?", "", (tiny.TASK,), (Variant("soft, all", **changes),), seeds=1)
    (trial,) = trials(experiment, tiny.params(), root)
    return trial


def quietly(done: int, of: int) -> None:
    assert 0 <= done <= of


def never() -> bool:
    return False


def test_a_trial_leaves_student_curve_episodes_and_is_then_done(tmp_path):
    trial = some_trial(tmp_path)
    assert trial.out == tmp_path / "data/paper/kind/soft-all" / tiny.TASK / "0"
    assert carry_out_trial(trial, quietly, never) == "done"
    files = {path.name for path in trial.out.iterdir()}
    assert files >= {"student.safetensors", "config.json", "curve.csv", "episodes.parquet", "trial.json"}
    assert len(list(trial.out.glob("log/**/events.out.tfevents.*"))) == 2  # one per phase
    assert read_table(trial.out / "episodes.parquet", EPISODES).num_rows == 40  # 20 layouts, two ways of acting
    assert len((trial.out / "curve.csv").read_text().splitlines()) == 1 + 10  # 6 iterations with teacher, 4 without
    before = (trial.out / "student.safetensors").stat().st_mtime_ns
    assert carry_out_trial(trial, quietly, never) == "was done"
    assert (trial.out / "student.safetensors").stat().st_mtime_ns == before


def test_other_settings_are_another_trial(tmp_path):
    trial = some_trial(tmp_path)
    carry_out_trial(trial, quietly, never)
    key = json.loads((trial.out / "trial.json").read_text())["key"]
    other = replace(trial, variant=replace(trial.variant, schedule={"lambda_0": 3.0}))
    assert carry_out_trial(other, quietly, never) == "done"
    assert json.loads((trial.out / "trial.json").read_text())["key"] != key


def test_a_trial_being_made_anew_is_not_done(tmp_path):
    """Half of the old and half of the new must not pass for a trial."""
    trial = some_trial(tmp_path)
    carry_out_trial(trial, quietly, never)
    other = replace(trial, variant=replace(trial.variant, schedule={"lambda_0": 3.0}))
    with pytest.raises(Interrupted):
        carry_out_trial(other, quietly, lambda: True)
    assert not (trial.out / "trial.json").exists()
    assert not is_done(trial, trial_key(trial))


def test_the_code_that_makes_students_is_part_of_a_trial(tmp_path, monkeypatch):
    trial = some_trial(tmp_path)
    carry_out_trial(trial, quietly, never)
    experiment = Experiment("kind", "?", "", (tiny.TASK,), (trial.variant,), seeds=1)
    assert done_trials([experiment], tiny.params(), tmp_path) == {trial.out}
    monkeypatch.setattr("pipeline.experiments.trial.sources_digest", lambda *_, **__: "another version")
    assert done_trials([experiment], tiny.params(), tmp_path) == set()
    assert carry_out_trial(trial, quietly, never) == "done"
    assert done_trials([experiment], tiny.params(), tmp_path) == {trial.out}
    (tmp_path / "data/labels" / tiny.TASK / "labels.parquet").unlink()
    assert done_trials([experiment], tiny.params(), tmp_path) == set()


def test_a_warm_start_on_other_states_is_another_trial(tmp_path):
    warm, cold = some_trial(tmp_path, train={"warm_start": 3}), some_trial(tmp_path)
    keys = []
    for seed in (0, 1):
        collect(tiny.TASK, tiny.params({"collect.seed": seed}), tmp_path)
        keys.append((trial_key(warm), trial_key(cold)))
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] == keys[1][1]


def test_only_the_tasks_of_params_are_tried():
    experiment = Experiment("kind", "?", "", (tiny.TASK, "LavaDoorKey"), (Variant("one"),), seeds=2)
    assert {trial.task for trial in trials(experiment, tiny.params(), Path())} == {tiny.TASK}
    everywhere = replace(experiment, tasks=())
    assert {trial.task for trial in trials(everywhere, tiny.params(), Path())} == {tiny.TASK}


def test_trials_share_a_place_for_checkpoints_in_peace(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM4TEACH_CHECKPOINTS", str(tmp_path / "elsewhere"))
    first, second = some_trial(tmp_path / "one"), some_trial(tmp_path / "two")
    for trial in (first, second):
        with pytest.raises(Interrupted):
            carry_out_trial(trial, quietly, lambda: True)
    assert len(list((tmp_path / "elsewhere").rglob("*.safetensors"))) == 2


def test_a_stopped_trial_goes_on_to_the_same_student(tmp_path):
    whole = some_trial(tmp_path / "whole")
    carry_out_trial(whole, quietly, never)
    stopped = some_trial(tmp_path / "stopped")
    calls = iter([False] * 3 + [True])
    with pytest.raises(Interrupted):
        carry_out_trial(stopped, quietly, lambda: next(calls))
    assert not (stopped.out / "trial.json").exists()
    assert carry_out_trial(stopped, quietly, never) == "done"
    assert (stopped.out / "student.safetensors").read_bytes() == (whole.out / "student.safetensors").read_bytes()
    assert logged(stopped) == logged(whole)


def logged(trial):
    """What TensorBoard shows of a trial's phases: steps and values by folder and tag, but for the seconds."""
    found = {}
    for path in sorted(trial.out.glob("log/**/events.out.tfevents.*")):
        events = EventAccumulator(str(path)).Reload()
        for tag in set(events.Tags()["scalars"]) - {"Time/Seconds"}:
            found[path.suffix, tag] = [(point.step, point.value) for point in events.Scalars(tag)]
    assert {(".train", "Loss/Policy"), (".finetune", "Loss/Policy")} <= found.keys()
    return found


def test_steps_set_the_teacher_free_phase():
    schedule = tiny.params().schedule  # 8 x 16 = 128 steps per iteration, 6 of them with the teacher
    assert applied(schedule, {"steps": 1280}).finetune == 4
    assert applied(schedule, {"steps": 100}).finetune == 0
    assert applied(schedule, {"i1": 0}).i1 == 0
    assert applied(schedule, {"i2": Times(2, "i1"), "steps": Times(2, "steps")}).i2 == 8
    assert applied(schedule, {"i2": Times(2, "i1"), "steps": Times(2, "steps")}).finetune == 2 * 10 - 8
    with pytest.raises(ValueError, match="i1 must be at most i2"):
        applied(schedule, {"i1": 9})


def test_the_annealing_experiment_has_the_papers_proportions():
    """A.7: a fall from lambda_0 to a hundredth of it, which is kept for as long; or only the one, or only the other."""
    params = load_params(tiny.ROOT / "params.yaml")
    i1, top = params.schedule.i1, params.schedule.lambda_0
    assert i1 > 10
    found = {}
    for variant in ANNEALING.variants:
        schedule = variant.applied(params.schedule)
        assert schedule.iterations == params.schedule.iterations  # all train for as long
        found[variant.name] = [teacher_weight(schedule, i) for i in (0, i1 - 1, i1, 2 * i1 - 1, 2 * i1)]
    assert found == {
        "stepwise": pytest.approx([top, top / 100 + 0.99 * top / i1, top / 100, top / 100, 0]),
        "linear": pytest.approx([top, top / i1, 0, 0, 0]),
        "linear, twice as long": pytest.approx([top, (i1 + 1) * top / (2 * i1), top / 2, top / (2 * i1), 0]),
        "constant": pytest.approx([top / 100] * 4 + [0]),
    }


def test_the_distance_experiment_weighs_wasserstein_as_kl_and_five_times():
    params = load_params(tiny.ROOT / "params.yaml")
    schedules = [variant.applied(params.schedule) for variant in DISTANCE.variants]
    top = params.schedule.lambda_0
    expected = [("kl", top), ("wasserstein", top), ("wasserstein", 5 * top)]
    assert [(schedule.distance, schedule.lambda_0) for schedule in schedules] == expected


def test_each_method_has_the_settings_it_was_tuned_with():
    params = load_params(tiny.ROOT / "params.yaml")
    for experiment in EXPERIMENTS:
        for variant in experiment.variants:
            schedule = variant.applied(params.schedule)
            for key in ("lr", "entropy"):
                assert getattr(schedule, key) == get_method(variant.method).tuned.get(
                    key, getattr(params.schedule, key)
                )


def test_every_experiment_is_valid_on_the_shipped_params():
    params = load_params(tiny.ROOT / "params.yaml")
    for experiment in EXPERIMENTS:
        assert experiment.question.endswith("?")
        folders = {trial.out for trial in trials(experiment, params, Path())}
        assert len(folders) == experiment.seeds * len(experiment.tasks_of(params)) * len(experiment.variants)
        for variant in experiment.variants:
            variant.applied(params.schedule)
