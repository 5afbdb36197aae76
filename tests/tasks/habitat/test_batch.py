"""What a step is worth, term by term; the stop rules; resuming; and teachers made of options."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.instructions import Option, Plan, PlanShare, SoftInstruction, options_of
from pipeline.tasks.habitat.motion import to_world
from pipeline.tasks.habitat.options import GRAMMAR
from pipeline.tasks.habitat.robot import GRIP, JOINTS, RADIUS, place_arm
from pipeline.tasks.habitat.rules import Rules
from pipeline.tasks.habitat.task import NavPickTask
from pipeline.tasks.habitat.world import ACTIONS, FORWARD, GRIPPING, NOTHING, STOP

NOTHING_ELSE = {"success": 0.0, "grasp": 0.0, "metre": 0.0, "collision": 0.0, "slack": 0.0}


def make(rows=1, seed=0, **rules):
    return NavPickTask(rules=Rules(**{**NOTHING_ELSE, **rules}), side=8).make_batch(rows, seed, None, None)


def action(**parts):
    chosen = np.zeros((1, ACTIONS))
    chosen[0, STOP] = -1
    for name, value in parts.items():
        chosen[0, {"grip": GRIPPING, "forward": FORWARD, "stop": STOP}[name]] = value
    return chosen


def give(batch, number=None):
    """Put an object (the target) where the grip is."""
    w = batch.worlds[0]
    points = np.zeros((JOINTS + 1, 3))
    place_arm(w["joints"], points, np.zeros((JOINTS + 1, 3, 3)))
    to_world(w["pose"], points[GRIP], w["objects"][w["target"] if number is None else number])


def test_slack_costs_every_step():
    batch = make(slack=0.005)
    assert [batch.step(action()).reward[0] for _ in range(3)] == [pytest.approx(-0.005)] * 3


def test_collision_costs_a_step_that_touches():
    batch = make(collision=0.05)
    assert batch.step(action(forward=0.0)).reward[0] == 0
    batch.worlds["pose"][0] = (RADIUS, 3.0, np.pi)  # at the outer wall, facing it
    assert batch.step(action(forward=1.0)).reward[0] == pytest.approx(-0.05)
    assert batch.observation["contact"][0, 0] == 1


def test_a_metre_is_worth_a_metre_and_back():
    """What an episode earned so far is what its potential fell by."""
    batch, rng = make(metre=1.0, seed=3), np.random.default_rng(0)
    first, earned = float(batch.worlds["potential"][0]), 0.0
    for _ in range(60):
        chosen = rng.uniform(-1, 1, (1, ACTIONS))
        chosen[0, STOP], chosen[0, GRIPPING] = -1, -1
        earned += float(batch.step(chosen).reward[0])
    assert earned == pytest.approx(first - float(batch.worlds["potential"][0]), abs=1e-4)
    assert abs(earned) > 0.1


def test_the_first_grasp_of_the_target_counts_once():
    batch = make(grasp=2.0)
    give(batch)
    assert batch.step(action(grip=1.0)).reward[0] == 2
    assert batch.observation["is_holding"][0, 0] == 1
    batch.step(action(grip=-1.0))
    assert batch.worlds["held"][0] == NOTHING
    give(batch)
    assert batch.step(action(grip=1.0)).reward[0] == 0
    assert batch.worlds["held"][0] == batch.worlds["target"][0]


def test_another_object_is_held_but_worth_nothing():
    batch = make(grasp=2.0)
    other = (int(batch.worlds["target"][0]) + 1) % 6
    give(batch, other)
    assert batch.step(action(grip=1.0)).reward[0] == 0
    assert batch.worlds["held"][0] == other


@pytest.mark.parametrize("stop", ["strict", "lenient"])
def test_stopping_with_the_target_is_success_under_either_rule(stop):
    batch = make(success=2.0, stop=stop)
    give(batch)
    batch.step(action(grip=1.0))
    finished = batch.step(action(grip=1.0, stop=1.0))
    assert (finished.success[0], finished.terminated[0], finished.reward[0]) == (True, True, 2)


@pytest.mark.parametrize(("stop", "ends"), [("strict", True), ("lenient", False)])
def test_stopping_without_it_ends_the_episode_under_the_strict_rule_alone(stop, ends):
    batch = make(success=2.0, stop=stop)
    finished = batch.step(action(stop=1.0))
    assert (finished.success[0], finished.terminated[0], finished.reward[0]) == (False, ends, 0)


def test_the_horizon_cuts_an_episode():
    batch = make()
    cut = [bool(batch.step(action()).truncated[0]) for _ in range(NavPickTask.horizon)]
    assert cut == [False] * (NavPickTask.horizon - 1) + [True]


def test_what_is_let_go_falls_on_what_is_below():
    batch = make()
    give(batch)
    batch.step(action(grip=1.0))
    batch.step(action(grip=-1.0))
    assert batch.worlds["objects"][0, batch.worlds["target"][0], 2] == pytest.approx(0.03)


def snapshot(batch):
    arrays = [*batch.observation.values(), batch.description, batch.teacher, batch.labelled]
    return [array.copy() for array in arrays]


def labels():
    """The same two plans in every state, and a tenth of the mass on none."""
    there = Plan((Option("navigate to", ("receptacle1",)), Option("pick", ("target",)), Option("stop")))
    elsewhere = Plan((Option("navigate to", ("receptacle2",)), Option("stop")))
    shares = (PlanShare(there, 0.6, str(there)), PlanShare(elsewhere, 0.3, str(elsewhere)))
    states = NavPickTask().make_batch(1, 0).descriptions
    return {state.state_id: SoftInstruction(state, shares, 0.1) for state in states}


def test_resuming_is_bit_equal():
    task, rng = NavPickTask(side=8), np.random.default_rng(0)
    batch = task.make_batch(3, 5, labels())
    actions = rng.uniform(-1, 1, (600, 3, ACTIONS))
    for chosen in actions[:501]:  # past the horizon, so that other layouts are under way
        batch.step(chosen)
    state = {name: array.copy() for name, array in batch.state().items()}
    expected = [(batch.step(chosen).reward.copy(), snapshot(batch)) for chosen in actions[501:]]
    resumed = task.make_batch(3, 99, labels())
    resumed.load_state(state)
    for chosen, (reward, seen) in zip(actions[501:], expected, strict=True):
        np.testing.assert_array_equal(resumed.step(chosen).reward, reward)
        for one, other in zip(snapshot(resumed), seen, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_teacher_is_the_barycentre_of_its_plans_options():
    """0.6 of the first option of a plan that acts, 0.3 of the other's, and the idle action for the rest."""
    task, rng = NavPickTask(side=8), np.random.default_rng(1)
    batch = task.make_batch(8, 2, labels())
    options = options_of(GRAMMAR)
    follow = batch.option_policies(options)
    assert follow().shape == (8, len(options), 2, ACTIONS)
    idle = np.zeros(ACTIONS)
    idle[STOP] = -1
    for _ in range(40):
        policies = follow()
        for row in range(8):
            acts = policies[row].reshape(len(options), -1).any(1)
            expected = 0.1 * idle
            expected += 0.6 * (policies[row, 0, 0] if acts[0] else policies[row, 3, 0] if acts[3] else idle)
            seen_another = "receptacle2" in batch.descriptions[batch.description[row]].sees
            if acts[1] or not seen_another:
                expected += 0.3 * (policies[row, 1, 0] if acts[1] else idle)
            else:
                expected += 0.3 * policies[row, 7, 0]
            np.testing.assert_allclose(batch.teacher[row, 0], expected, atol=1e-6)
        np.testing.assert_array_equal(batch.teacher[:, 1], np.float32(0.5))
        batch.step(np.where(np.arange(ACTIONS) == STOP, -1, batch.teacher[:, 0] + rng.normal(0, 0.3, (8, ACTIONS))))


def test_options_followed_from_an_observation_are_the_batchs():
    """All but the ways to other receptacles, which one observation doesn't tell."""
    task = NavPickTask(side=8)
    batch = task.make_batch(6, 4, None, None)
    options = [option for option in options_of(GRAMMAR) if option.args != ("receptacle2",)][:1]
    options += [Option("pick", ("target",)), Option("place", ("target",)), Option("stop")]
    follow = batch.option_policies(options)
    for _ in range(150):
        policies = follow()
        for row in range(6):
            observation = {name: array[row] for name, array in batch.observation.items()}
            assert task.describe(observation) == batch.descriptions[batch.description[row]]
            for k, option in enumerate(options):
                own = task.option_policy(task.follow(option, observation))
                np.testing.assert_allclose(own, policies[row, k], atol=1e-4)
        acting = np.where(policies[:, :1, 1, :1].any(2, keepdims=True), policies[:, :1, 0:1], policies[:, 1:2, 0:1])
        batch.step(acting[:, 0, 0])


def test_an_environment_shows_what_a_batch_shows():
    task = NavPickTask(side=8)
    env = task.make_env("rgb_array")
    observation, _ = env.reset(seed=37)
    assert env.observation_space.contains(observation)
    batch = task.make_batch(1, 0, None, None)
    batch.reset(np.array([37], np.uint32))
    rng = np.random.default_rng(0)
    for _ in range(5):
        chosen = rng.uniform(-1, 1, ACTIONS)
        observation, reward, *_ = env.step(chosen)
        assert reward == batch.step(chosen[None]).reward[0]
        for name, value in observation.items():
            np.testing.assert_array_equal(value, batch.observation[name][0])
    assert env.render().shape == (240, 560, 3)
