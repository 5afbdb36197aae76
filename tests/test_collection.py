"""Collecting states: examples drawn evenly with every key of the observation, and behaviours alike on any batch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from pipeline import collection
from pipeline.collection import Reservoir, collect_states
from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan, PlanShare, SoftInstruction, options_of
from pipeline.params import Collect, ParamsError
from pipeline.student.warm_start import read_examples
from pipeline.tables import STATES, read_table, unpacked, write_table
from pipeline.tasks.base import Batch
from pipeline.tasks.doorkey.engine import DoorKeyBatch
from pipeline.tasks.doorkey.task import DoorKeyTask
from pipeline.tasks.minigrid.task import LevelTask
from pipeline.tasks.reference_batch import ReferenceBatch
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import Space

SMALL = Collect(behaviours=["random", "options"], steps=480, envs=8, seed=3)


class OnReference(DoorKeyTask):
    """A DoorKey task whose batches are reference environments."""

    def __init__(self, task):
        self.__dict__.update(task.__dict__)

    def make_batch(self, size, seed, instructions=None, split="train"):
        return ReferenceBatch(self, size, seed, instructions, split)


class ClockBatch(Batch):
    """Rows that see how many steps have passed and which row they are; in one description, by two numbers."""

    def __init__(self, rows):
        self.environments = rows
        self.observation = {"step": np.zeros((rows, 2), np.int32), "row": np.arange(rows, dtype=np.float32)}
        self.description = np.arange(rows, dtype=np.int32) % 2
        self.descriptions = [Description(), Description()]

    def step(self, _actions):
        self.observation["step"] += 1

    def reset(self, seeds=None):
        raise NotImplementedError

    state = load_state = reset


CLOCK = SimpleNamespace(
    name="Clock",
    space=Space("discrete", 2, ("a", "b")),
    grammar=Grammar((OptionSpec("wait"),), ()),
    make_batch=lambda size, _seed, _instructions, _split: ClockBatch(size),
)


# -- examples -------------------------------------------------------------------------------------------------------


def test_every_observation_offered_is_as_likely_to_be_kept(monkeypatch):
    """Forty observations in uneven portions, eight places: each is kept in a fifth of 3000 trials."""
    monkeypatch.setattr(collection, "EXAMPLES", 8)
    rng = np.random.default_rng(0)
    kept = np.zeros(40, int)
    for _ in range(3000):
        reservoir = Reservoir()
        for rows in np.split(np.arange(40), (5, 6, 18)):
            reservoir.offer({"number": np.arange(40)}, rows, rng.random(len(rows)))
        numbers = reservoir.stacked()["number"]
        assert len(set(numbers.tolist())) == 8
        kept[numbers] += 1
    deviation = np.sqrt(3000 * 0.2 * 0.8)
    assert np.abs(kept - 600).max() < 5 * deviation


def test_examples_come_from_all_environments_and_all_times_with_every_key():
    (row,) = collect_states(CLOCK, Collect(behaviours=["random"], steps=32 * 200, envs=32, seed=0))
    assert row["state_count"] == 32 * 200
    examples = unpacked(row["examples"])
    steps, rows = examples["step"], examples["row"]
    assert (steps.dtype, steps.shape) == (np.int32, (collection.EXAMPLES, 2))
    assert (rows.dtype, rows.shape) == (np.float32, (collection.EXAMPLES,))
    assert len(set(zip(steps[:, 0].tolist(), rows.tolist(), strict=True))) == collection.EXAMPLES
    assert len(set(rows.tolist())) >= 28  # 31.4 of 32 on average
    assert abs(steps[:, 0].mean() - 99.5) < 4 * 200 / np.sqrt(12 * collection.EXAMPLES)
    assert np.histogram(steps[:, 0], 4, (0, 200))[0].min() > 12  # 32 on average


def test_a_warm_start_reads_every_key(tmp_path):
    """The teacher's policy of an example may need all keys of its observation."""
    path = tmp_path / "states.parquet"
    write_table(path, collect_states(CLOCK, Collect(behaviours=["random"], steps=64, envs=8, seed=0)), STATES)
    label = SoftInstruction(Description(), (PlanShare(Plan((Option("wait"),)), 1.0, ""),))
    space = spaces.Dict({"step": spaces.Box(0, 99, (2,), np.int32), "row": spaces.Box(0, 99, (), np.float32)})
    task = SimpleNamespace(
        teacher_policy=lambda _, seen: np.array([seen["step"][1], seen["row"]]), observation_space=space
    )
    found = read_examples(path, task, {Description().state_id: label})
    assert found.observation["step"].shape == (64, 2)
    assert found.observation["row"].shape == (64,)
    pairs = np.stack([found.observation["step"][:, 1], found.observation["row"]], axis=1)
    np.testing.assert_array_equal(found.teacher, pairs)
    assert len(np.unique(pairs, axis=0)) == 64


# -- behaviours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SimpleDoorKey", "ColoredDoorKey", "DivergedDoorKey"])
def test_engine_and_reference_collect_the_same(name, tmp_path):
    for folder, task in (("engine", get_task(name)), ("reference", OnReference(get_task(name)))):
        write_table(tmp_path / folder, collect_states(task, SMALL), STATES)
    found = read_table(tmp_path / "engine", STATES)
    assert found.num_rows >= 4
    assert found.equals(read_table(tmp_path / "reference", STATES))


@pytest.mark.parametrize("name", ["LavaDoorKey", "ColoredDoorKey"])
def test_the_behaviour_options_takes_only_what_some_option_advises(name, monkeypatch):
    task, original, shares = get_task(name), DoorKeyBatch.step, []
    options = options_of(task.grammar)

    def step(self, actions):
        policies = self.option_policies(options)()
        advised = policies[np.arange(self.rows), :, actions].any(1) | ~policies.any((1, 2))
        shares.append(advised.mean())
        return original(self, actions)

    monkeypatch.setattr(DoorKeyBatch, "step", step)
    collect_states(task, Collect(behaviours=["options"], steps=1600, envs=16, seed=0))
    assert shares == [1.0] * 100
    shares.clear()
    collect_states(task, Collect(behaviours=["random"], steps=1600, envs=16, seed=0))
    assert np.mean(shares) < 0.7


@pytest.mark.parametrize("name", ["SimpleDoorKey", "level"])
def test_options_are_followed_to_their_end_on_any_task_that_can_follow_them(name):
    task = LevelTask("MiniGrid-KeyCorridorS3R1-v0", "facts", seeds=61) if name == "level" else get_task(name)
    rows = collect_states(task, Collect(behaviours=["committed"], steps=1600, envs=8, seed=3))
    assert {count["behaviour"] for row in rows for count in row["counts"]} == {"committed"}
    assert sum(row["state_count"] for row in rows) == 1600
    assert any("holds a" in row["state_text"] for row in rows)


def test_all_options_that_can_act_are_as_likely():
    space, rows, rng = Space("discrete", 4, ("a", "b", "c", "d")), 8000, np.random.default_rng(0)
    a, b, nothing, mixed = [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0.5, 0.5]
    policies = np.zeros((rows, 3, 4), np.float32)
    policies[:4000] = [a, nothing, mixed]
    policies[4000:6000] = [nothing, nothing, b]
    otherwise = np.full(rows, 3)
    actions = collection._advised(space, policies, otherwise, rng)
    shares = np.bincount(actions[:4000], minlength=4) / 4000
    assert shares == pytest.approx([0.5, 0, 0.25, 0.25], abs=0.04)
    assert set(actions[4000:6000]) == {1}
    assert set(actions[6000:]) == {3}  # no option can act there


def test_continuous_options_are_followed_too():
    space, rng = Space("continuous", 2, ("x", "y"), -1.0, 1.0), np.random.default_rng(0)
    policies = np.zeros((3000, 2, 2, 2), np.float32)
    policies[:2000, 0] = [[0.5, -0.9], [0.01, 0.5]]  # means and standard deviations
    otherwise = np.full((3000, 2), 7.0)
    actions = collection._advised(space, policies, otherwise, rng)
    assert actions[:2000, 0] == pytest.approx(0.5, abs=0.05)
    assert actions[:2000, 1].min() == -1  # cut at the bound
    assert np.median(actions[:2000, 1]) == pytest.approx(-0.9, abs=0.05)
    assert (actions[2000:] == 7).all()


def test_a_batch_whose_options_cannot_be_followed_is_told():
    with pytest.raises(ParamsError, match=r"collect\.behaviours: 'options' is not for Clock: ClockBatch can't follow"):
        collect_states(CLOCK, Collect(behaviours=["options"], steps=8, envs=8, seed=0))
