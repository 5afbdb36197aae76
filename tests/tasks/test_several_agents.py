"""A reference batch of several agents with continuous actions, and Eq. 1 for these, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pairs import REST, RISE, WAIT, Pairs, labels

from pipeline.collection import collect_states
from pipeline.instructions import Description, Plan, PlanShare, SoftInstruction
from pipeline.params import Collect
from pipeline.tasks.base import OptionStep
from pipeline.tasks.reference_batch import ReferenceBatch

HERE = Description()


def test_rows_of_agents():
    batch = Pairs().make_batch(2, 0, labels(0, 2))
    assert (batch.rows, batch.environment.tolist(), batch.agent.tolist()) == (4, [0, 0, 1, 1], [0, 1, 0, 1])
    batch.reset(np.array([1, 4], np.uint32))
    np.testing.assert_array_equal(batch.observation["observation"], [[1, 0], [10, 0], [4, 0], [40, 0]])
    assert [str(batch.descriptions[n]).split(" fives")[0][-1] for n in batch.description] == ["0", "2", "0", "8"]
    assert batch.labelled.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(batch.teacher[3], [[0], [0]])


def test_agents_end_together_and_return_what_each_has_earned():
    batch = Pairs().make_batch(2, 0)
    batch.reset(np.array([1, 4], np.uint32))
    finished = batch.step(np.array([[5], [6], [10], [-10]], np.float64))
    assert finished.reward.tolist() == [5, 6, 10, -10]
    assert not finished.done.any()
    finished = batch.step(np.array([[1], [1], [7], [0]]))
    assert finished.done.tolist() == [False, False, True, True]
    assert finished.success.tolist() == [False, False, True, True]  # one agent knows
    assert finished.episode_return.tolist() == [6, 7, 17, -10]
    assert finished.episode_length.tolist() == [2, 2, 2, 2]
    np.testing.assert_array_equal(finished.last_observation["observation"][2:], [[21, 2], [30, 2]])
    assert batch.observation["observation"][2:, 1].tolist() == [0, 0]
    batch.step(np.zeros((4, 1)))
    finished = batch.step(np.zeros((4, 1)))
    assert finished.truncated.tolist() == [True, True, False, False]
    assert not finished.success.any()


def test_agents_that_do_not_end_together_are_named():
    task = Pairs()
    task.fault = "alone"
    batch = task.make_batch(1, 0)
    for _ in range(2):
        batch.step(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="Pairs: all agents end together; only a ended"):
        batch.step(np.zeros((2, 1)))
    task.agents = 3
    with pytest.raises(ValueError, match=r"Task.agents is 3; the environment has \['a', 'b'\]"):
        ReferenceBatch(task, 1, 0)


def test_running_episodes_of_agents_are_continued():
    rng = np.random.default_rng(0)
    batch, resumed = (Pairs().make_batch(3, 5, labels(0, 1, 2, 3)) for _ in range(2))
    for _ in range(10):
        batch.step(rng.uniform(-10, 10, (6, 1)))
    resumed.load_state(batch.state())
    assert resumed.descriptions == batch.descriptions
    for _ in range(6):
        actions = rng.uniform(-10, 10, (6, 1))
        one, other = batch.step(actions), resumed.step(actions)
        np.testing.assert_array_equal(one.episode_return, other.episode_return)
        np.testing.assert_array_equal(batch.observation["observation"], resumed.observation["observation"])
        np.testing.assert_array_equal(batch.description, resumed.description)
        np.testing.assert_array_equal(batch.teacher, resumed.teacher)


def test_eq_1_for_continuous_actions_is_the_barycentre_of_the_mixture():
    """Rise has mean 2 and deviation 0.5; waiting and idling 0 and a twentieth of the bounds' distance, 1."""
    task = Pairs()
    policy = task.teacher_policy(labels(0)[Description(("0 fives",)).state_id], np.array([0, 0]))
    assert policy == pytest.approx(np.array([[0.5 * 2], [0.5 * 0.5 + 0.5 * 1]]))
    # Once resting has terminated, the plan waits; that changes nothing here, since both stand still.
    assert task.plan_policy(Plan((REST, RISE)), np.array([21, 0])) == pytest.approx(np.array([[2], [0.5]]))
    assert task.plan_policy(Plan((REST, RISE)), np.array([0, 0])) == pytest.approx(np.array([[0], [1]]))
    assert task.plan_policy(Plan((REST,)), np.array([21, 0])) == pytest.approx(np.array([[0], [1]]))


def test_the_barycentre_is_as_far_from_any_student_as_the_components_but_for_a_constant():
    task, rng = Pairs(), np.random.default_rng(0)
    shares = (PlanShare(Plan((RISE,)), 0.7, ""), PlanShare(Plan((WAIT,)), 0.3, ""))
    mean, deviation = task.teacher_policy(SoftInstruction(HERE, shares), np.array([0, 0]))
    students = rng.normal(size=(50, 2))
    to_each = sum(
        share * ((students[:, 0] - m) ** 2 + (students[:, 1] - d) ** 2) for share, m, d in ((0.7, 2, 0.5), (0.3, 0, 1))
    )
    to_barycentre = (students[:, 0] - mean) ** 2 + (students[:, 1] - deviation) ** 2
    assert to_each - to_barycentre == pytest.approx((to_each - to_barycentre)[0])


def test_options_own_policies():
    batch = Pairs().make_batch(1, 0)
    batch.reset(np.array([4], np.uint32))
    policies = batch.option_policies((RISE, WAIT, REST))()
    assert policies.shape == (2, 3, 2, 1)
    np.testing.assert_array_equal(policies[0, :, :, 0], [[2, 0.5], [0, 1], [0, 0]])
    task = Pairs()
    wide = task.option_policy(OptionStep([1.0], False, [3.0]))
    np.testing.assert_array_equal(wide, [[1], [3]])


def test_states_of_all_agents_are_collected():
    rows = collect_states(Pairs(), Collect(behaviours=["random", "options"], steps=40, envs=4, seed=0))
    assert sum(row["state_count"] for row in rows) == 2 * 40 * 2  # behaviours, steps of environments, agents
