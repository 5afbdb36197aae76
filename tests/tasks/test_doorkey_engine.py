"""The compiled DoorKey engine against the reference environments, step by step, and what only it does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.tables import read_instructions
from pipeline.tasks.base import Task
from pipeline.tasks.doorkey import generator, worlds
from pipeline.tasks.doorkey.engine import DoorKeyBatch, layout_codes
from pipeline.tasks.doorkey.environment import Layout
from pipeline.tasks.doorkey.guide import IDLE
from pipeline.tasks.parity import OUTCOMES, arbitrary_instructions, compare
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import SPLITS, mix64, split_of

NAMES = ["SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey"]
LABELS = Path(__file__).resolve().parents[2] / "data" / "published" / "doorkey"


def published(name):
    return read_instructions(LABELS / name / "labels.parquet", name)


def arbitrary(name, seed=0):
    task = get_task(name)
    return arbitrary_instructions(task, task.make_batch(1, 0).descriptions, np.random.default_rng(seed))


def snapshot(batch):
    return [array.copy() for array in (batch.observation["map"], batch.description, batch.teacher, batch.labelled)]


def trail(batch, actions):
    """Everything that a batch shows while it takes some actions [steps, rows]."""
    shown = []
    for row in actions:
        finished = batch.step(row)
        shown.append([*snapshot(batch), *(getattr(finished, name).copy() for name in OUTCOMES)])
    return shown


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def some_actions(steps, rows, seed=0):
    return np.random.default_rng(seed).choice(7, (steps, rows), p=[0.15, 0.15, 0.4, 0.1, 0.1, 0.1, 0])


# -- parity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_parity_with_random_actions(name):
    found = compare(get_task(name), 4, 21, published(name), "train", noise=1.0, episodes=8)
    assert found.mismatches == 0, found.first
    assert found.steps > 400


@pytest.mark.parametrize("name", NAMES)
def test_parity_with_the_teachers_actions(name):
    found = compare(get_task(name), 8, 22, published(name), "test", noise=0.15, episodes=16)
    assert found.mismatches == 0, found.first
    assert found.successes > 0
    assert found.labelled > found.steps / 2


@pytest.mark.parametrize("name", NAMES)
def test_parity_with_whatever_a_teacher_may_say(name):
    found = compare(get_task(name), 8, 23, arbitrary(name), None, noise=0.5, episodes=8)
    assert found.mismatches == 0, found.first
    assert 0 < found.labelled < found.steps  # some descriptions have no label


@pytest.mark.parametrize("name", NAMES)
def test_a_teacher_may_say_whatever_the_grammar_allows(name):
    """Each option about each thing it can be about, and no other."""
    grammar = get_task(name).grammar
    plans = [share.plan for label in arbitrary(name).values() for share in label.shares]
    assert all(grammar.allows(plan) for plan in plans)
    possible = {
        (spec.name, thing)
        for spec in grammar.options
        for thing in (grammar.objects if spec.about else (None,))
        if thing is None or thing.endswith(spec.about)
    }
    assert {(option.name, *(option.args or (None,))) for plan in plans for option in plan.options} == possible


def test_comparison_sees_differences():
    """A batch with another horizon, other labels, other descriptions or other layouts doesn't pass."""
    task = get_task("SimpleDoorKey")
    labels = published("SimpleDoorKey")

    class Altered(type(task)):
        def __init__(self, change):
            self.__dict__.update(task.__dict__)
            self.change = change

        def make_batch(self, size, seed, instructions=None, split="train"):
            other = {key: label.hardened() for key, label in instructions.items()}
            batch = DoorKeyBatch(
                task,
                task.canonical,
                size,
                seed + (self.change == "layout"),
                other if self.change == "teacher" else instructions,
                split,
            )
            if self.change == "horizon":
                batch._horizon = 20
            if self.change == "description":
                batch.descriptions = [replace(d, holds="door") for d in batch.descriptions]
            return batch

    told = {"horizon": "reward, episode_return", "layout": "map"}  # else the change's own name
    for change in ("horizon", "teacher", "description", "layout"):
        found = compare(Altered(change), 4, 5, labels, "train", noise=0.5, episodes=4)
        assert found.mismatches > 0
        assert told.get(change, change) in found.first
    assert compare(Altered("nothing"), 4, 5, labels, "train", noise=0.5, episodes=4).mismatches == 0


# -- layouts --------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(-100, 100), st.integers(1, 2**32 - 2)), min_size=1, max_size=30),
)
def test_generator_draws_as_numpy_does(seed, bounds):
    rng, pool = np.zeros(6, np.uint64), np.zeros(4, np.uint64)
    generator.seed_generator(seed, rng, pool)
    numpys = np.random.default_rng(seed)
    for low, span in bounds:
        assert generator.integers(rng, low, low + span) == numpys.integers(low, low + span)


def test_generator_redraws_as_numpy_does():
    """With this span one draw in two is rejected, which small spans hardly ever do."""
    rng, pool = np.zeros(6, np.uint64), np.zeros(4, np.uint64)
    generator.seed_generator(7, rng, pool)
    numpys = np.random.default_rng(7)
    span = 2**31 + 1
    drawn = [generator.integers(rng, 0, span) for _ in range(1000)]
    assert drawn == [numpys.integers(0, span) for _ in range(1000)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**63 - 1))
def test_hash_and_split_are_those_of_the_task_interface(code):
    assert int(worlds.mix64(np.uint64(code))) == mix64(code)
    assert [bool(worlds.in_split(code, number)) for number in (0, 1, 2)] == [split_of(code) == s for s in SPLITS]
    assert worlds.in_split(code, -1)


@pytest.mark.parametrize("name", NAMES)
def test_layout_seeds_are_those_of_the_reference(name):
    task = get_task(name)
    for split, start in (("train", 0), ("validation", 0), ("test", 1000)):
        np.testing.assert_array_equal(task.layout_seeds(split, 20, start), Task.layout_seeds(task, split, 20, start))


@pytest.mark.parametrize("name", NAMES)
def test_codes_and_splits_are_those_of_the_reference(name):
    task, seeds = get_task(name), np.array([*range(40), 2**31, 2**32 - 1], np.uint32)
    codes = layout_codes(name, seeds)
    assert codes.tolist() == [task.layout_code(seed) for seed in seeds]
    assert (codes // worlds.STARTS).tolist() == [task.world_code(seed) for seed in seeds]
    assert task.splits(seeds) == Task.splits(task, seeds)
    assert set(task.splits(seeds)) == set(SPLITS)


def room_and_objects(layout):
    return layout.room, layout.doors, layout.key, layout.extra


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_no_world(name):
    """Whatever the agent's start, no room with the same objects is in two splits."""
    task = get_task(name)
    env = task.make_env()
    found = {}
    for split in SPLITS:
        layouts = []
        for seed in task.layout_seeds(split, 250):
            env.reset(seed=int(seed))
            layouts.append(env.layout)
        assert len(set(layouts)) == 250
        batch = task.make_batch(64, 3, split=split)
        played = set()
        for actions in some_actions(2 * task.horizon, 64):
            played |= set(batch._worlds["code"].tolist())
            batch.step(actions)
        assert len(played) > 64
        found[split] = {layout.world_code for layout in layouts} | {code // worlds.STARTS for code in played}
        assert {split_of(code) for code in found[split]} == {split}
        assert len({room_and_objects(layout) for layout in layouts}) == len({layout.world_code for layout in layouts})
    assert not found["train"] & found["test"]
    assert not found["train"] & found["validation"]


def test_what_the_splits_of_diverged_doors_are():
    """Its worlds are few: two ways to hang the doors, eight places for each, four for the key."""
    layouts = [
        Layout((10, 10), doors, (1, 1), 0, (x, y))
        for a in range(1, 9)
        for b in range(1, 9)
        for doors in (((9, a), (0, b)), ((a, 9), (b, 0)))
        for x in (4, 5)
        for y in (4, 5)
    ]
    count = Counter(split_of(layout.world_code) for layout in layouts)
    codes = layout_codes("DivergedDoorKey", np.arange(20_000)) // worlds.STARTS
    assert set(codes.tolist()) == {layout.world_code for layout in layouts}
    starts = 4 * (64 - 1)  # facing any way, on any cell of the room but the key's
    assert get_task("DivergedDoorKey").held_out == (
        f"{count['validation']} validation and {count['test']} test worlds of {sum(count.values())}, "
        f"with {starts} starts each"
    )


def test_too_few_layouts_are_an_error():
    with pytest.raises(ValueError, match="different layouts"):
        Task.layout_seeds(_OneLayout(), "train", 2)


class _OneLayout(Task):
    make_env = describe = follow = make_batch = None

    def layout_code(self, seed):  # noqa: ARG002
        return 0


@pytest.mark.parametrize("name", NAMES)
def test_reset_to_given_layouts(name):
    task = get_task(name)
    batch = task.make_batch(5, 9, published(name), "train")
    usual = snapshot(batch)
    seeds = np.array([0, 1, 77, 2**31, 2**32 - 1], np.uint32)
    trail(batch, some_actions(7, 5))
    batch.reset(seeds)
    for row, seed in enumerate(seeds):
        first = task.make_env().reset(seed=int(seed))[0]
        np.testing.assert_array_equal(batch.observation["map"][row], first["map"])
        assert batch.descriptions[batch.description[row]] == task.describe(first)
    batch.reset()
    assert_same([snapshot(batch)], [usual])
    with pytest.raises(ValueError, match="5 environments"):
        batch.reset(seeds[:1])


def test_streams_begin_after_given_layouts():
    task = get_task("SimpleDoorKey")
    batch = task.make_batch(2, 9)
    usual = batch.observation["map"].copy()
    batch.reset(np.array([3, 4], np.uint32))
    while not batch.step(np.full(2, IDLE)).done.all():
        pass
    np.testing.assert_array_equal(batch.observation["map"], usual)


# -- state ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_continuing_from_a_state_is_bit_equal(name):
    task, labels = get_task(name), arbitrary(name)
    before, after = some_actions(170, 6), some_actions(170, 6, seed=1)
    batch = task.make_batch(6, 4, labels)
    trail(batch, before)
    state = batch.state()
    kept = {key: array.copy() for key, array in state.items()}
    now = snapshot(batch)
    expected = trail(batch, after)
    assert any(step[4 + OUTCOMES.index("truncated")].any() for step in expected)
    resumed = task.make_batch(6, 0, labels)
    resumed.load_state(kept)
    assert_same([snapshot(resumed)], [now])
    assert_same(trail(resumed, after), expected)
    for key, array in state.items():  # a state is a copy, not a view of what goes on
        np.testing.assert_array_equal(array, kept[key])
    with pytest.raises(ValueError, match="the state has 6"):
        task.make_batch(5, 4).load_state(kept)


def test_same_seed_same_everything():
    task = get_task("ColoredDoorKey")
    actions = some_actions(200, 3)
    one, other, different = (trail(task.make_batch(3, seed), actions) for seed in (7, 7, 8))
    assert_same(one, other)
    assert not np.array_equal(one[0][0], different[0][0])


@pytest.mark.parametrize("rows", [1, 3])
def test_wrong_numbers_of_actions_are_refused(rows):
    with pytest.raises(ValueError, match="2 environments"):
        get_task("SimpleDoorKey").make_batch(2, 0).step(np.zeros(rows, np.int64))
    with pytest.raises(ValueError, match="at least one"):
        get_task("SimpleDoorKey").make_batch(0, 0)


# -- labels ---------------------------------------------------------------------------------------------------------


def test_unlabelled_descriptions_have_no_teacher():
    task = get_task("SimpleDoorKey")
    nothing = Description()
    labels = {nothing.state_id: SoftInstruction(nothing, (PlanShare(Plan((Option("explore"),)), 0.75, ""),), 0.25)}
    batch = task.make_batch(16, 1, labels)
    met = set()
    for actions in some_actions(100, 16):
        batch.step(actions)
        for row in range(16):
            description = batch.descriptions[batch.description[row]]
            met.add(description)
            assert batch.labelled[row] == (description == nothing)
            if description == nothing:
                assert batch.teacher[row].sum() == pytest.approx(1)
                assert batch.teacher[row, IDLE] >= 0.25
            else:
                assert not batch.teacher[row].any()
    assert {nothing, Description(("key",))} <= met
    without = task.make_batch(4, 1)
    assert not without.labelled.any()
    assert not without.teacher.any()


def test_plans_beyond_what_can_act_idle():
    """An empty answer's mass, a finished plan and an option about something unseen all stand still."""
    task = get_task("SimpleDoorKey")
    nothing = Description()
    plans = [Plan((Option("drop", ("key",)),)), Plan((Option("go to", ("door",)),)), Plan((Option("open", ("door",)),))]
    shares = tuple(PlanShare(plan, 0.25, "") for plan in plans)
    batch = task.make_batch(32, 1, {nothing.state_id: SoftInstruction(nothing, shares, 0.25)})
    assert batch.labelled.any()
    np.testing.assert_array_equal(batch.teacher[batch.labelled], [[0, 0, 0, 0, 0, 0, 1]] * int(batch.labelled.sum()))


def test_memory_per_environment():
    batch = get_task("ColoredDoorKey").make_batch(100, 0)
    assert batch.bytes_per_env == pytest.approx(sum(a.nbytes for a in _arrays(batch)) / 100, abs=1)
    assert batch.bytes_per_env <= 2048


def _arrays(batch):
    finished = batch.step(np.zeros(100, np.int64))
    shown = [batch._worlds, batch.description, batch.labelled, batch.teacher, *finished.last_observation.values()]
    return shown + [getattr(finished, name) for name in OUTCOMES]
