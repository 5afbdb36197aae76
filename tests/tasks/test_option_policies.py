"""Each option's own policy in a batch: compiled and reference alike, and zero where the option can't act."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from pipeline.instructions import Description, Option, options_of
from pipeline.tasks.base import Batch, OptionStep, Task
from pipeline.tasks.minigrid_numbers import LEFT, PICK_UP, RIGHT
from pipeline.tasks.reference_batch import ReferenceBatch
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import Space

NAMES = ["SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey"]


@pytest.mark.parametrize("name", NAMES)
def test_engine_follows_options_as_the_reference_does(name):
    """Along play that half the time obeys some option, so that keys are held and doors seen."""
    task = get_task(name)
    options = options_of(task.grammar)
    batch, reference = task.make_batch(6, 3), ReferenceBatch(task, 6, 3)
    follow, follow_reference = batch.option_policies(options), reference.option_policies(options)
    rng = np.random.default_rng(0)
    acted = np.zeros(len(options), np.int64)
    for _ in range(120):
        policies = follow()
        np.testing.assert_array_equal(policies, follow_reference())
        acted += policies.any(-1).sum(0)
        advised = policies.sum(1) + 0.02
        chosen = [rng.choice(7, p=row / row.sum()) for row in advised]
        actions = np.where(rng.random(6) < 0.5, chosen, rng.integers(3, size=6))
        batch.step(actions)
        reference.step(actions)
    never = {option.args[0] for option, count in zip(options, acted, strict=True) if not count}
    assert never <= {"color2 door"}  # the grammar has one, the task doesn't
    assert (acted[1:] < 120 * 6).all()  # all but exploring are somewhere ones that can't act
    np.testing.assert_array_equal(policies.sum(-1), policies.any(-1))  # one action each, or none


def test_options_that_cannot_act_are_zero():
    """SimpleDoorKey until the key is in the hand: going to it and picking it up have terminated then."""
    task = get_task("SimpleDoorKey")
    options = options_of(task.grammar)
    go_to_key, pick_up, drop = (options.index(Option(name, ("key",))) for name in ("go to", "pick up", "drop"))
    batch = task.make_batch(1, 0)
    follow = batch.option_policies(options)
    can_act = follow().any(-1)[0]
    assert not can_act[drop]
    while batch.descriptions[batch.description[0]] != Description(("key",)):
        batch.step(follow()[:, options.index(Option("explore"))].argmax(-1))
    assert follow()[0, pick_up].tolist() == np.eye(7)[PICK_UP].tolist()
    while follow()[0, go_to_key].any():
        batch.step(follow()[:, go_to_key].argmax(-1))
    batch.step(np.array([PICK_UP]))
    assert not follow()[0, [go_to_key, pick_up]].any()
    assert follow()[0, drop].sum() == 1


@pytest.mark.parametrize(
    ("name", "layout", "to_the_left", "action"),
    [
        ("SimpleDoorKey", 144, None, LEFT),
        ("SimpleDoorKey", 27, "wall", RIGHT),
        ("SimpleDoorKey", 539, "door", RIGHT),
        ("ColoredDoorKey", 782, "key", RIGHT),  # the red one
        ("ColoredDoorKey", 31, None, LEFT),  # and now with the red one ahead
        ("ColoredDoorKey", 102, "wall", RIGHT),
        ("ColoredDoorKey", 1222, "door", RIGHT),
        ("ColoredDoorKey", 1347, "key", RIGHT),
    ],
)
def test_exploring_turns_away_from_a_key_ahead(name, layout, to_the_left, action):
    """To the left, unless what is there blocks the way too."""
    task = get_task(name)
    env = task.make_env()
    env.reset(seed=layout)
    beside = env.grid.get(*(env.agent_pos - env.right_vec))
    assert (env.grid.get(*env.front_pos).type, beside and beside.type) == ("key", to_the_left)
    for batch in (task.make_batch(1, 0), ReferenceBatch(task, 1, 0)):
        batch.reset(np.array([layout], np.uint32))
        policy = batch.option_policies([Option("explore")])()[0, 0]
        np.testing.assert_array_equal(policy, np.eye(7)[action])


def test_a_reference_batch_of_a_bare_observation():
    """A task whose observation is no dictionary: its options see the array itself."""

    class Corridor(Task):
        name, suite, horizon = "Corridor", "none", 5
        space = Space("discrete", 2, ("back", "on"))
        idle = 0

        def make_env(self, render_mode=None):  # noqa: ARG002
            return SimpleNamespace(
                observation_space=spaces.Box(0, 9, (1,), np.int64),
                reset=lambda seed: (np.array([seed % 10]), {}),
                step=lambda action: (np.array([action]), 0.0, False, False, {}),
            )

        def describe(self, observation):  # noqa: ARG002
            return Description()

        def follow(self, option, observation):
            if option.name == "wait":
                return OptionStep(None, False)
            return OptionStep(None, True) if observation[0] > 6 else OptionStep(1, False)

        def layout_code(self, seed):
            return seed

        def make_batch(self, size, seed, instructions=None, split="train"):
            return ReferenceBatch(self, size, seed, instructions, split)

    batch = Corridor().make_batch(3, 0)
    batch.reset(np.array([6, 7, 15], np.uint32))
    follow = batch.option_policies((Option("walk"), Option("wait")))
    assert follow().tolist() == [[[0, 1], [0, 0]], [[0, 0], [0, 0]], [[0, 1], [0, 0]]]


def test_a_batch_may_lack_option_policies():
    with pytest.raises(NotImplementedError, match="SimpleNamespace can't follow options one by one"):
        Batch.option_policies(SimpleNamespace(), ())
