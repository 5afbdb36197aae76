"""The reference batch: streams of layouts, outcomes, labels, and exact continuation."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.tasks.base import Task
from pipeline.tasks.environment_group import Streams
from pipeline.tasks.reference_batch import ReferenceBatch
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import Space
from pipeline.tasks.splits import mix64, split_of

NAMES = ["SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey"]
ARRAYS = ("description", "teacher", "labelled")
OUTCOMES = ("reward", "terminated", "truncated", "success", "episode_return", "episode_length")


def explore_always(*descriptions):
    share = PlanShare(Plan((Option("explore"),)), 0.75, "explore")
    return {d.state_id: SoftInstruction(d, (share,), 0.25) for d in descriptions}


def snapshot(batch):
    return [batch.observation["map"].copy(), *(getattr(batch, name).copy() for name in ARRAYS)]


def trail(batch, actions):
    """Everything that a batch shows while it takes some actions [steps, rows]."""
    shown = [snapshot(batch)]
    for row in actions:
        finished = batch.step(row)
        shown.append([*snapshot(batch), *(getattr(finished, name).copy() for name in OUTCOMES)])
    return shown


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype


def some_actions(steps, rows, seed=0):
    return np.random.default_rng(seed).choice(7, (steps, rows), p=[0.15, 0.15, 0.4, 0.1, 0.1, 0.1, 0])


def first_map(task, seed):
    return task.make_env().reset(seed=int(seed))[0]["map"]


def test_splitmix64_is_the_published_one():
    # The first outputs of the reference implementation from state 0: each call adds the golden gamma.
    assert mix64(0) == 0xE220A8397B1DCDAF
    assert mix64(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4


@pytest.mark.parametrize("split", ["train", "validation", "test", None])
def test_streams_of_layouts(split):
    task, size, seed = get_task("LavaDoorKey"), 3, 42
    base = mix64(seed) % 2**32
    batch = ReferenceBatch(task, size, seed, split=split)

    def stream(row):
        candidates = ((base + row + k * size) % 2**32 for k in range(10_000))
        return (s for s in candidates if split is None or split_of(task.world_code(s)) == split)

    streams = [stream(row) for row in range(size)]
    for row in range(size):
        np.testing.assert_array_equal(batch.observation["map"][row], first_map(task, next(streams[row])))
    resets = 0
    for actions in some_actions(150, size):
        for row in np.flatnonzero(batch.step(actions).done):
            resets += 1
            np.testing.assert_array_equal(batch.observation["map"][row], first_map(task, next(streams[row])))
    assert resets >= size


def test_seeds_fix_the_first_layouts_only():
    task = get_task("DivergedDoorKey")
    batch = ReferenceBatch(task, 2, 0, split="test")
    usual = batch.observation["map"].copy()
    seeds = np.array([2**32 - 1, 5], np.uint32)
    batch.step(np.zeros(2, int))
    batch.reset(seeds)
    for row in range(2):
        np.testing.assert_array_equal(batch.observation["map"][row], first_map(task, seeds[row]))
    while not batch.step(np.full(2, 6)).done.all():
        pass
    np.testing.assert_array_equal(batch.observation["map"], usual)  # the streams begin after the fixed layouts
    batch.reset()
    np.testing.assert_array_equal(batch.observation["map"], usual)
    with pytest.raises(ValueError, match="2 environments"):
        batch.reset(seeds[:1])


def test_seeds_wrap_around_at_32_bits():
    streams = Streams(get_task("SimpleDoorKey"), 2, 2**32 - 1, None)
    assert [streams.next_seed(0, 0), streams.next_seed(1, 0), streams.next_seed(0, 1)] == [
        (2**32 - 1, 1),
        (0, 1),
        (1, 2),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_everything(name):
    task = get_task(name)
    actions = some_actions(70, 2)
    one, other = (trail(ReferenceBatch(task, 2, 7, explore_always(Description())), actions) for _ in range(2))
    assert_same(one, other)
    different = trail(ReferenceBatch(task, 2, 8), actions)
    assert not np.array_equal(one[0][0], different[0][0])


@pytest.mark.parametrize("name", NAMES)
def test_outcomes_are_those_of_single_environments(name):
    task, size = get_task(name), 2
    seeds = np.array([3, 4], np.uint32)
    batch = ReferenceBatch(task, size, 0)
    batch.reset(seeds)
    envs = [task.make_env() for _ in range(size)]
    for env, seed in zip(envs, seeds, strict=True):
        env.reset(seed=int(seed))
    total = np.zeros(size)
    for steps, actions in enumerate(some_actions(task.horizon, size, seed=3), 1):
        finished = batch.step(actions)
        for row, env in enumerate(envs):
            observation, reward, terminated, truncated, info = env.step(actions[row])
            total[row] += reward
            assert finished.reward[row] == np.float32(reward)
            assert (finished.terminated[row], finished.truncated[row]) == (terminated, truncated)
            assert finished.success[row] == info["success"]
            assert finished.episode_length[row] == steps
            assert finished.episode_return[row] == np.float32(total[row])
            if not (terminated or truncated):
                np.testing.assert_array_equal(batch.observation["map"][row], observation["map"])
                assert batch.descriptions[batch.description[row]] == task.describe(observation)
        if finished.done.any():
            return
    raise AssertionError("no episode ended")


def test_success_and_return_of_an_opened_door():
    from minigrid.core.world_object import Key

    batch = ReferenceBatch(get_task("SimpleDoorKey"), 1, 0)
    env = batch._groups._groups[0]._episodes[0].env._env
    (x, y), (width, height) = env.layout.doors[0], env.layout.room
    ahead = 0 if x == width - 1 else 2 if x == 0 else 1 if y == height - 1 else 3
    dx, dy = [(1, 0), (0, 1), (-1, 0), (0, -1)][ahead]
    env.grid.set(x - dx, y - dy, None)
    env.agent_pos, env.agent_dir, env.carrying = (x - dx, y - dy), ahead, Key(env.doors[0].color)
    batch.step(np.array([6]))
    finished = batch.step(np.array([5]))
    assert (finished.terminated[0], finished.success[0], finished.truncated[0]) == (True, True, False)
    assert finished.episode_return[0] == np.float32(1 - 0.9 * 2 / 150)
    assert finished.episode_length[0] == 2
    after = batch.step(np.array([6]))
    assert (after.episode_return[0], after.episode_length[0]) == (0, 1)


def test_labels():
    task = get_task("SimpleDoorKey")
    nothing, key = Description(), Description(("key",))
    batch = ReferenceBatch(task, 4, 1, explore_always(nothing))
    met = set()
    for actions in some_actions(120, 4):
        for row in range(4):
            description = batch.descriptions[batch.description[row]]
            met.add(description)
            assert batch.labelled[row] == (description == nothing)
            assert batch.teacher[row].sum() == pytest.approx(1 if description == nothing else 0)
        batch.step(actions)
    assert {nothing, key} <= met
    assert len(batch.descriptions) == len(set(batch.descriptions))
    assert not ReferenceBatch(task, 2, 1).labelled.any()


@pytest.mark.parametrize("name", NAMES)
def test_continuing_from_a_state_is_bit_equal(name):
    task = get_task(name)
    labels = explore_always(Description())
    before, after = some_actions(90, 3), some_actions(80, 3, seed=1)
    batch = ReferenceBatch(task, 3, 5, labels)
    trail(batch, before)
    state = batch.state()
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in state.values())
    kept = {key: array.copy() for key, array in state.items()}
    expected = trail(batch, after)
    resumed = ReferenceBatch(task, 3, 5, labels)
    resumed.load_state(kept)
    assert_same(trail(resumed, after), expected)
    assert resumed.descriptions == batch.descriptions
    for key, array in state.items():  # a state is a copy, not a view of what goes on
        np.testing.assert_array_equal(array, kept[key])
    with pytest.raises(ValueError, match="the state has 3"):
        ReferenceBatch(task, 2, 5).load_state(kept)


class Countdown(Task):
    """A user's task with a plain observation and no `success`: an episode of `seed % 3 + 1` steps."""

    name, suite, horizon, idle, space = "Countdown", "user", 9, 0, Space("discrete", 2, ("wait", "win"))

    def make_env(self, render_mode=None):  # noqa: ARG002
        env = SimpleNamespace(observation_space=spaces.Box(0, 9, (1,), np.float32))

        def reset(seed):
            env.left = seed % 3 + 1
            return np.array([env.left], np.float32), {}

        def step(action):
            env.left -= 1
            return np.array([env.left], np.float32), float(action), env.left == 0, False, env.info

        env.reset, env.step, env.info = reset, step, {}
        return env

    def describe(self, observation):
        return Description((f"{int(observation[0])} steps",))

    def follow(self, option, observation):
        raise NotImplementedError

    def layout_code(self, seed):
        return seed % 3

    def make_batch(self, *arguments, **more):
        return ReferenceBatch(self, *arguments, **more)


def test_a_users_task():
    batch = Countdown().make_batch(2, 0, None, None)
    assert batch.observation.keys() == {"observation"}
    batch.reset(np.array([0, 4], np.uint32))
    np.testing.assert_array_equal(batch.observation["observation"], [[1], [2]])
    finished = batch.step(np.array([1, 1]))
    np.testing.assert_array_equal(finished.success, [True, False])  # ended with a reward; not ended
    finished = batch.step(np.array([0, 0]))
    assert not finished.success[1]  # ended without
    assert finished.episode_return[1] == 1


def test_a_task_that_says_no_more_is_split_by_layout():
    task = Countdown()
    assert [task.split(seed) for seed in range(9)] == [split_of(seed % 3) for seed in range(9)]
    assert task.splits(np.arange(9)) == [task.split(seed) for seed in range(9)]


def test_a_resumed_episode_keeps_what_it_has_earned():
    batch, resumed = (Countdown().make_batch(2, 0, None, None) for _ in range(2))
    batch.reset(np.array([2, 5], np.uint32))  # of three steps each
    batch.step(np.array([1, 0]))
    batch.step(np.array([1, 1]))
    resumed.load_state(batch.state())
    finished = resumed.step(np.array([1, 1]))
    assert finished.done.all()
    assert finished.episode_return.tolist() == [3, 2]
    assert finished.episode_length.tolist() == [3, 3]


def test_success_is_what_the_environment_says_at_the_end():
    batch = Countdown().make_batch(2, 0, None, None)
    batch.reset(np.array([0, 1], np.uint32))
    envs = [episode.env._env for episode in batch._groups._groups[0]._episodes]
    envs[0].info, envs[1].info = {"success": False}, {"success": True}
    np.testing.assert_array_equal(batch.step(np.array([1, 1])).success, [False, False])  # said no; not ended
    assert batch.step(np.array([0, 0])).success[1]


def test_what_a_reference_batch_is_not_for():
    with pytest.raises(ValueError, match="at least one"):
        ReferenceBatch(Countdown(), 0, 0)
    with pytest.raises(ValueError, match="2 rows, but 3 actions"):
        ReferenceBatch(Countdown(), 2, 0).step(np.zeros(3, int))
