"""Environments in processes of their own: the same numbers, and an end that is clean however it comes."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny
from pairs import RISE, Pairs, labels

from pipeline.fan_out import WorkerLost
from pipeline.tasks import forecast, pace
from pipeline.tasks.reference_batch import ReferenceBatch
from pipeline.tasks.registry import get_task


def batches(processes, task=None):
    """The same batch in this process and in several."""
    task = task or Pairs()
    return [ReferenceBatch(task, 5, 7, labels(0, 1, 2, 4), processes=n) for n in (1, processes)]


def assert_alike(one, other):
    for name in ("description", "teacher", "labelled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for key, array in one.observation.items():
        np.testing.assert_array_equal(array, other.observation[key])
    assert one.descriptions == other.descriptions


@pytest.mark.parametrize("processes", [2, 3, 9])
def test_the_same_numbers_in_any_number_of_processes(processes):
    one, several = batches(processes)
    assert several.processes == min(processes, 5)
    rng = np.random.default_rng(0)
    follow = [batch.option_policies((RISE,)) for batch in (one, several)]
    for _ in range(12):
        assert_alike(one, several)
        np.testing.assert_array_equal(follow[0](), follow[1]())
        actions = rng.uniform(-10, 10, (10, 1))
        for name, value in vars(one.step(actions)).items():
            other = (
                getattr(several.step(actions), name) if name == "reward" else getattr(several._arrays.finished, name)
            )
            if name != "last_observation":
                np.testing.assert_array_equal(value, other)
    state = one.state()
    for key, array in several.state().items():
        np.testing.assert_array_equal(array, state[key])
    fresh, fresh_several = batches(processes)
    fresh_several.load_state(state)
    fresh.load_state(state)
    assert_alike(fresh, fresh_several)
    assert_alike(one, fresh_several)


def test_a_discrete_task_in_processes():
    task = get_task("ColoredDoorKey")
    one, several = (ReferenceBatch(task, 3, 1, processes=n) for n in (1, 2))
    for actions in np.random.default_rng(0).choice(7, (60, 3), p=[0.15, 0.15, 0.4, 0.1, 0.1, 0.1, 0]):
        one.step(actions)
        several.step(actions)
        assert_alike(one, several)


def children():
    return psutil.Process().children()


def test_processes_end_with_their_batch():
    before = len(children())
    batch = ReferenceBatch(Pairs(), 4, 0, processes=2)
    assert len(children()) == before + 2
    del batch
    gc.collect()
    assert len(children()) == before


def test_an_error_in_an_environment_is_raised_here():
    task = Pairs()
    task.fault = "raise"
    batch = ReferenceBatch(task, 4, 0, processes=2)
    for _ in range(2):
        batch.step(np.zeros((8, 1)))
    with pytest.raises(ZeroDivisionError, match="the line has broken") as caught:
        batch.step(np.zeros((8, 1)))
    assert "pairs.py" in str(caught.value.__cause__)  # where it happened


def test_a_process_that_dies_is_one_line():
    task = Pairs()
    task.fault = "die"
    batch = ReferenceBatch(task, 4, 0, processes=2)
    for _ in range(2):
        batch.step(np.zeros((8, 1)))
    with pytest.raises(WorkerLost) as caught:
        batch.step(np.zeros((8, 1)))
    assert str(caught.value) == (
        "Pairs: a process that runs environments has ended (SIGKILL, perhaps for want of memory); run the same command "
        "again"
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_parent(ending):
    """However the parent ends, and whether or not the signal goes to the whole group as Ctrl-C does."""
    program = """
import signal
import numpy as np
from pairs import Pairs
from pipeline.tasks.parity import OUTCOMES
from pipeline.tasks.reference_batch import ReferenceBatch
signal.signal(signal.SIGINT, signal.default_int_handler)  # where it was started in the background, it is ignored
task = Pairs()
task.pause_s = 0.01
batch = ReferenceBatch(task, 4, 0, processes=2)
print(*[process.pid for process in batch._groups._processes], flush=True)
for _ in range(5000):  # minutes, so that it ends even where the test is killed
    batch.step(np.zeros((8, 1)))
"""
    where = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=where,
        start_new_session=True,
    )  # fmt: skip
    theirs = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(theirs) == 2
    if ending == signal.SIGINT:
        os.killpg(parent.pid, ending)
    else:
        parent.send_signal(ending)
    _, complaints = parent.communicate(timeout=60)
    assert not psutil.wait_procs(theirs, timeout=60)[1]
    assert complaints.count("Traceback") == (ending == signal.SIGINT)  # the parent's own


def test_slow_environments_get_all_cores(monkeypatch):
    monkeypatch.setattr(pace, "cores", lambda: 3)
    task = Pairs()
    assert pace.processes_for(task) == 1
    task.pause_s = 0.002
    assert pace.seconds_per_step(task) >= 0.002
    assert pace.processes_for(task) == 3
    assert task.make_batch(2, 0).processes == 2
    monkeypatch.setattr(pace, "can_fork", lambda: False)
    assert task.make_batch(2, 0).processes == 1


@pytest.mark.parametrize(
    ("cost", "steps", "cores", "words"),
    [
        (0.0012, 2_000_000, 1, "1.2 ms a step: about 40 min for 2,000,000 steps"),
        (0.0012, 2_000_000, 4, "1.2 ms a step: about 10 min for 2,000,000 steps"),
        (0.0004, 200_000, 4, "0.4 ms a step: about 80 s for 200,000 steps"),
        (0.25, 500_000, 2, "250 ms a step: about 17.4 h for 500,000 steps"),
        (0.0001, 200_000, 1, None),
    ],
)
def test_how_long_it_will_take(monkeypatch, capsys, cost, steps, cores, words):
    monkeypatch.setattr(forecast, "seconds_per_step", lambda _: cost)
    monkeypatch.setattr(forecast, "cores", lambda: cores)
    forecast.say_how_long(Pairs(), steps)
    assert capsys.readouterr().err == (f"Pairs: {words}\n" if words else "")
    forecast.say_how_long(get_task("SimpleDoorKey"), steps)  # has a batch of its own
    assert capsys.readouterr().err == ""


def test_stages_say_how_long_they_will_take(tmp_path, monkeypatch, capsys):
    """A tenth of a second a step: twice 800 steps at collection, 6 x 128 with a teacher and 4 x 128 without."""
    task = Pairs()
    monkeypatch.setattr(forecast, "seconds_per_step", lambda _: 0.1)
    monkeypatch.setattr(forecast, "cores", lambda: 1)

    def ended(*_):
        raise KeyboardInterrupt

    settings = tiny.params()
    stages = (
        ("collect", "collect_states", "3 min for 1,600"),
        ("train", "fan_out", "77 s for 768"),
        ("finetune", "fan_out", "51 s for 512"),
    )
    for stage, works, words in stages:
        module = importlib.import_module(f"stages.{stage}")
        for name, value in {"get_task": lambda _: task, works: ended}.items():
            monkeypatch.setattr(module, name, value)
        for name in ("require_sound", "check_learnable", "read_config"):
            monkeypatch.setattr(module, name, lambda *_: None, raising=False)
        with pytest.raises(KeyboardInterrupt):
            getattr(module, stage)("Pairs", *([] if stage == "collect" else ["rl"]), settings, tmp_path)
        assert capsys.readouterr().err == f"Pairs: 100 ms a step: about {words} steps\n"
