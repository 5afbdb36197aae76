"""Learning continuous actions: by reward, by a teacher's Gaussians, and by a policy over options.

The task is a point on a line that is to be pushed to where a sign says. What is seen is the point and the sign; the
teacher's option pushes towards it, and another one away from it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from gymnasium import spaces

from pipeline.instructions import Description, Option
from pipeline.params import Schedule, Train
from pipeline.student.learner import CURVE_COLUMNS, Learner, Phase
from pipeline.student.make import make_student
from pipeline.student.methods.method import Method, Teaching, get_method
from pipeline.tasks.base import Batch, Finished
from pipeline.tasks.spaces import Space

SCHEDULE = Schedule(
    envs=16, horizon=16, epochs=4, minibatch=64, lr=3e-3, lr_end=3e-3, entropy=0.0, entropy_end=0.0, value=0.5,
    gamma=0.9, gae=0.9, clip=0.2, grad_norm=0.5, lambda_0=1.0, lambda_c=1.0, i1=0, i2=20, finetune=20,
    distance="wasserstein",
)  # fmt: skip
LENGTH = 4


class Pushing(Batch):
    """Episodes of four steps; the reward is how much closer the point came, in units of a full push."""

    rows, environments, agents = SCHEDULE.envs, SCHEDULE.envs, 1
    descriptions = (Description(),)

    def __init__(self, teaches: bool) -> None:
        self._rng = np.random.default_rng(0)
        self.observation = {"seen": np.zeros((self.rows, 2), np.float32)}
        self.description = np.zeros(self.rows, np.int32)
        self.teacher, self.labelled = np.zeros((self.rows, 2, 1), np.float32), np.full(self.rows, teaches)
        self.reset()

    def reset(self, seeds=None):  # noqa: ARG002
        self._time = 0
        seen = self.observation["seen"]
        seen[:, 0], seen[:, 1] = 0, self._rng.choice([-1, 1], self.rows)
        self._teach()

    def _teach(self):
        self.teacher[:, 0, 0], self.teacher[:, 1, 0] = self.observation["seen"][:, 1], 0.3

    def step(self, actions):
        assert np.abs(actions).max() <= 1
        seen = self.observation["seen"]
        reward = (actions[:, 0] * seen[:, 1]).astype(np.float32)
        seen[:, 0] += actions[:, 0]
        self._time += 1
        done = np.full(self.rows, self._time == LENGTH)
        last = {"seen": seen.copy()}
        if done.any():
            self.reset()
        nothing = np.zeros(self.rows, bool)
        lengths = np.full(self.rows, self._time, np.int32)
        return Finished(reward, done, nothing, done & (reward > 0), reward, lengths, last)

    def option_policies(self, options):  # noqa: ARG002
        return lambda: np.stack([self.teacher, self.teacher * [[-1], [1]]], 1).astype(np.float32)

    def state(self):
        return {"seen": self.observation["seen"].copy(), "time": np.array([self._time])}

    def load_state(self, state):
        self.observation["seen"][:] = state["seen"]
        self._time = int(state["time"][0])
        self._teach()


class Line:
    """What a learner and its student ask of a task."""

    name, horizon, space = "Line", LENGTH, Space("continuous", 1, ("push",))
    observation_space = spaces.Dict({"seen": spaces.Box(-9, 9, (2,), np.float32)})

    def make_batch(self, size, seed, instructions=None, split="train"):  # noqa: ARG002
        return Pushing(instructions is not None)


class TwoOptions(Method):
    """The policy over teachers, for the two options of this task."""

    name, title = "two-options", "Two options"

    def teaching(self, lesson) -> Teaching:
        from pipeline.student.make import network_for
        from pipeline.student.methods.hierarchical import Options
        from pipeline.student.methods.over_teachers import PolicyOverTeachers
        from pipeline.student.policies import policy_of

        network, policy = network_for(lesson.task, lesson.train), policy_of(lesson.task.space)
        over = PolicyOverTeachers(2, network, 1, policy, "cpu", lesson.rng)
        return Options(over, lesson, (Option("towards"), Option("away")))


def learner(method, phase="train", seed=0, memory="none"):
    task, train = Line(), Train(schedule="", memory=memory, frames=2)
    labels = {} if method.needs_labels else None
    make = partial(make_student, task, train)
    return Learner(task, method, train, SCHEDULE, Phase.of(phase, SCHEDULE), make, labels, seed)


def push(student):
    """The most probable push to either side."""
    features, actions, rest = student.features(2), student.policy.actions(2), np.zeros((2, 2), np.float32)
    memory = student.memory(2)
    student.encode({"seen": np.array([[0, 1], [0, -1]], np.float32)}, features, memory)
    student.act(features, None, actions, rest[0], rest[1], memory)
    return actions[:, 0]


def to_the_end(one):
    rows = []
    while not one.done:
        rows.append(one.iterate())
    return rows


@pytest.mark.parametrize("memory", ["none", "lstm"])
def test_reward_alone_teaches_which_way_to_push(memory):
    one = learner(get_method("rl"), "finetune", memory=memory)
    before = push(one.student)
    assert np.abs(before).max() < 0.1
    to_the_end(one)
    right, left = push(one.student)
    assert right > 0.4
    assert left < -0.4


def test_a_teachers_gaussian_is_taken_over():
    """Its mean, and its deviation, which is smaller than that of a new student."""
    one = learner(get_method("llm4teach"))
    rows = to_the_end(one)
    right, left = push(one.student)
    assert right == pytest.approx(1, abs=0.35)
    assert left == pytest.approx(-1, abs=0.35)
    assert rows[-1]["teacher_loss"] < 0.3 * rows[0]["teacher_loss"]


def test_weight_moves_to_the_option_that_helps():
    one = learner(TwoOptions())
    one.iterate()
    first = one._buffers.rollout().teacher[:, 0, 0].copy()
    assert np.abs(first).max() < 0.2  # even weights of two opposite pushes
    for _ in range(19):
        one.iterate()
    rollout = one._buffers.rollout()
    sign = rollout.features["seen"][:, 1]
    assert (rollout.teacher[:, 0, 0] * sign).mean() > 0.3


@pytest.mark.parametrize("method", ["rl", "llm4teach"])
def test_resuming_is_bit_equal(method):
    one = learner(get_method(method))
    for _ in range(3):
        one.iterate()
    state = {name: value.copy() for name, value in one.state().items()}
    batch = one.batch._rng.bit_generator.state
    expected = [one.iterate() for _ in range(2)]
    resumed = learner(get_method(method))
    resumed.load_state(state)
    resumed.batch._rng.bit_generator.state = batch
    again = [resumed.iterate() for _ in range(2)]
    names = sorted(set(CURVE_COLUMNS) - {"phase", "seconds"})
    for row, expected_row in zip(again, expected, strict=True):
        np.testing.assert_array_equal([row[name] for name in names], [expected_row[name] for name in names])
    for name, value in one.student.weights().items():
        np.testing.assert_array_equal(resumed.student.weights()[name], value)
