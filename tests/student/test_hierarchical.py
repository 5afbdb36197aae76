"""Hierarchical Kickstarting: its mixture and losses by hand, its learning, and its runs with no label table at all."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny import TASK, params

from pipeline.fan_out import Interrupted
from pipeline.instructions import Grammar, Option, OptionSpec, options_of
from pipeline.params import Schedule, Train
from pipeline.student.learner import CURVE_COLUMNS, Learner, Phase
from pipeline.student.make import make_student, network_for
from pipeline.student.methods.method import get_method
from pipeline.student.methods.over_teachers import PolicyOverTeachers, log_weights, mixture_surrogate
from pipeline.student.runs.run import Run, carry_out
from pipeline.student.student import Rollout, UpdateSettings
from pipeline.tasks.registry import get_task
from stages.evaluate import evaluate
from stages.finetune import finetune
from stages.train import train

SCHEDULE = Schedule(
    envs=8, horizon=24, epochs=2, minibatch=64, lr=4e-3, lr_end=2e-4, entropy=0.01, entropy_end=0.001, value=0.5,
    gamma=0.99, gae=0.95, clip=0.2, grad_norm=0.5, lambda_0=2.0, lambda_c=0.5, i1=3, i2=6, finetune=2,
)  # fmt: skip
SETTINGS = UpdateSettings(
    minibatch=64, learning_rate=3e-3, clip=0.2, grad_norm=0.5, value=0.5, entropy=0.0, teacher=1.0
)
STUDENTS = {
    "fused": Train(schedule="tiny", update="fused"),
    "torch": Train(schedule="tiny", update="torch"),
    "map": Train(schedule="tiny", network="map"),
}


def learner(student="fused", phase="train", seed=0, hierarchical=True):
    task, settings = get_task(TASK), STUDENTS[student]
    method = get_method("hierarchical" if hierarchical else "rl")
    make = partial(make_student, task, settings)
    return Learner(task, method, settings, SCHEDULE, Phase.of(phase, SCHEDULE), make, None, seed)


def curve(a_learner, iterations=None):
    rows = []
    while not a_learner.done and len(rows) != iterations:
        row = a_learner.iterate()
        rows.append([row[name] for name in CURVE_COLUMNS if name not in ("phase", "seconds")])
    return rows


# -- the parts, by hand ---------------------------------------------------------------------------------------------


def test_the_teachers_are_the_grammars_options():
    grammar = Grammar((OptionSpec("explore"), OptionSpec("open", ("door",))), ("red key", "red door", "blue door"))
    expected = (Option("explore"), Option("open", ("red door",)), Option("open", ("blue door",)))
    assert options_of(grammar) == expected
    counts = {name: len(options_of(get_task(name).grammar)) for name in ("SimpleDoorKey", "ColoredDoorKey")}
    assert counts == {"SimpleDoorKey": 6, "ColoredDoorKey": 11}


def test_weights_are_a_softmax_over_the_options_that_can_act():
    left, right, nothing = [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]
    policies = torch.tensor([[left, right, nothing], [nothing, left, nothing], [nothing, nothing, nothing]])
    scores = torch.tensor([[0.0, math.log(3), 9.0], [5.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    weights = log_weights(scores, policies.sum(-1) > 0).exp()
    expected = torch.tensor([[0.25, 0.75, 0.0], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(weights, expected)


# Columns: the mixture's probability of the action now, at the iteration's start and under the student that took it,
# and the advantage; then the row's term of the surrogate and its gradient by the first of them. The clip is 0.2.
@pytest.mark.parametrize(
    ("now", "before", "student", "advantage", "term", "gradient"),
    [
        (0.5, 0.5, 0.5, 1.0, 1.0, 2.0),  # the mixture itself acted: PPO's ratio, 0.5 / 0.5
        (0.5, 0.5, 0.1, 1.0, 1.0, 2.0),  # five times as likely as under the student: counts once
        (0.5, 0.5, 0.1, -1.0, -1.0, -2.0),
        (0.1, 0.1, 0.5, 1.0, 0.2, 2.0),  # a fifth as likely: counts 0.1 / 0.5
        (0.1, 0.1, 0.5, -2.0, -0.4, -4.0),
        (0.4, 0.1, 0.5, 1.0, 0.8, 2.0),  # on its way up to the student
        (0.65, 0.1, 0.5, 1.0, 1.2, 0.0),  # beyond 1.2 times the student: clipped at 0.6 / 0.5
        (0.65, 0.5, 0.1, 1.0, 1.2, 0.0),  # beyond 1.2 times the old mixture
        (0.65, 0.5, 0.1, -1.0, -1.3, -2.0),  # a worse action is not clipped above
        (0.3, 0.5, 0.1, -1.0, -0.6, -2.0),  # on its way down to the student
        (0.05, 0.5, 0.1, -1.0, -0.16, 0.0),  # below 0.8 times the student: clipped at 0.08 / 0.5
        (0.05, 0.1, 0.5, -1.0, -0.16, 0.0),  # below 0.8 times the old mixture
        (0.05, 0.1, 0.5, 1.0, 0.1, 2.0),  # a better action is not clipped below
    ],
)
def test_surrogate_by_hand(now, before, student, advantage, term, gradient):
    probs = torch.tensor([now, 0.5], requires_grad=True)
    loss = mixture_surrogate(
        probs, torch.tensor([before, 0.5]), torch.tensor([student, 0.5]).log(), torch.tensor([advantage, 0.0]), 0.2
    )
    assert loss.item() == pytest.approx(-term / 2)  # the second row has no advantage: the mean of two rows
    loss.backward()
    np.testing.assert_allclose(probs.grad, [-gradient / 2, 0], atol=1e-6)


@pytest.mark.parametrize("network", ["egocentric", "map"])
def test_at_first_every_option_that_can_act_weighs_the_same(network):
    task = get_task("ColoredDoorKey")
    settings = Train(schedule="tiny", network=network, update="torch")
    student = make_student(task, settings, np.random.default_rng(0))
    options = options_of(task.grammar)
    over = PolicyOverTeachers(
        len(options), network_for(task, settings), 1, student.policy, "cpu", np.random.default_rng(0)
    )
    batch = task.make_batch(16, 1)
    follow = batch.option_policies(options)
    for _ in range(15):
        batch.step(np.random.default_rng(2).integers(3, size=16))
    policies = follow()
    features = student.features(16)
    student.encode(batch.observation, features)
    teacher, labelled = np.zeros((16, 7), np.float32), np.zeros(16, np.bool_)
    policies[3] = 0
    over.mix(features, policies, teacher, labelled)
    assert labelled.tolist() == [row != 3 for row in range(16)]
    for row in range(16):
        able = [policy for policy in policies[row] if policy.any()]
        expected = np.mean(able, 0) if able else np.zeros(7)
        np.testing.assert_allclose(teacher[row], expected, atol=1e-6)


class Bandit:
    """One state, three options for three actions; the behaviour is even, and only the second action is good."""

    ROWS = 256

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        task = get_task(TASK)
        student = make_student(task, STUDENTS["fused"], rng)
        self.over = PolicyOverTeachers(3, network_for(task, STUDENTS["fused"]), 1, student.policy, "cpu", rng)
        self.features = student.features(self.ROWS)
        student.encode({"map": np.repeat(task.make_batch(1, 0).observation["map"], self.ROWS, 0)}, self.features)
        self.policies = np.zeros((self.ROWS, 3, 7), np.float32)
        self.policies[:, np.arange(3), np.arange(3)] = 1
        self.rng = rng

    def learn(self, updates, advantage, **settings):
        """Returns the mixture's probabilities of the first three actions afterwards."""
        for _ in range(updates):
            actions = self.rng.integers(3, size=self.ROWS)
            rollout = Rollout(
                features=self.features,
                actions=actions,
                log_probs=np.full(self.ROWS, -math.log(3), np.float32),
                advantages=np.array(advantage, np.float32)[actions],
                returns=np.zeros(self.ROWS, np.float32),
                teacher=self.mixture(),
                labelled=np.ones(self.ROWS, np.bool_),
            )
            order = self.rng.permutation(self.ROWS)[None]
            self.over.update(rollout, self.policies, order, replace(SETTINGS, **settings))
        return self.mixture()[0, :3]

    def mixture(self):
        teacher, labelled = np.zeros((self.ROWS, 7), np.float32), np.zeros(self.ROWS, np.bool_)
        self.over.mix(self.features, self.policies, teacher, labelled)
        return teacher


def test_weight_moves_to_the_option_with_good_advice():
    """From iteration to iteration, also when the student that acts stays far behind the mixture."""
    probs = Bandit().learn(40, (-1, 2, -1))
    assert probs[1] > 0.9
    np.testing.assert_allclose(probs.sum(), 1, atol=1e-6)


def test_entropy_keeps_weights_even():
    settled = Bandit().learn(40, (-1, 2, -1))
    kept = Bandit().learn(40, (-1, 2, -1), entropy=5.0)
    assert abs(kept - 1 / 3).max() < 0.3 * abs(settled - 1 / 3).max()


# -- in the learner -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", STUDENTS)
def test_resuming_is_bit_equal(student):
    one = learner(student)
    curve(one, 2)
    state = {name: value.copy() for name, value in one.state().items()}
    expected = curve(one)
    resumed = learner(student, seed=0)
    resumed.load_state(state)
    np.testing.assert_array_equal(curve(resumed), expected)
    ends, resumed_ends = one.state(), resumed.state()
    assert ends.keys() == resumed_ends.keys()
    assert any(name.startswith("teaching.") for name in ends)
    for name in ends.keys() - {"seconds"}:
        np.testing.assert_array_equal(ends[name], resumed_ends[name])


def test_the_mixture_is_the_teacher():
    one = learner()
    row = one.iterate()
    buffers, policies = one._buffers, one._teaching._policies
    assert row["teacher_weight"] == 2.0
    assert row["teacher_loss"] > 0
    assert row["label_miss_rate"] == 0
    assert not one.unlabelled
    assert buffers.labelled.all()  # exploring or something else is always possible here
    np.testing.assert_allclose(buffers.teacher.sum(-1), 1, atol=1e-5)
    able = policies.any(-1, keepdims=True)
    np.testing.assert_allclose(buffers.teacher, policies.sum(2) / able.sum(2), atol=1e-5)  # even at first
    one.iterate()
    able = policies.any(-1, keepdims=True)
    assert np.abs(buffers.teacher - policies.sum(2) / able.sum(2)).max() > 0.01  # and then no longer


def test_every_advised_action_moves_the_weights_in_the_first_iteration():
    """Unless all options that can act advise it: then no weights make it more or less likely."""
    one = learner()
    one.iterate()
    rollout = one._buffers.rollout()
    policies, actions = torch.from_numpy(one._teaching._flat), torch.from_numpy(rollout.actions)[:, None]
    scores = torch.zeros(policies.shape[:2], requires_grad=True)  # what w starts from
    mixture = torch.einsum("rk,rka->ra", log_weights(scores, policies.sum(-1) > 0).exp(), policies)
    probs = mixture.gather(-1, actions).squeeze(-1)
    old_probs, log_probs = probs.detach(), torch.from_numpy(rollout.log_probs)
    np.testing.assert_allclose(old_probs, torch.from_numpy(rollout.teacher).gather(-1, actions).squeeze(-1), atol=1e-6)
    mixture_surrogate(probs, old_probs, log_probs, torch.from_numpy(rollout.advantages), 0.2).backward()
    moved = scores.grad.abs().sum(-1) * len(actions) > 1e-6
    disputed = (old_probs > 0) & (old_probs < 0.999)
    assert disputed.sum() > 5
    assert torch.equal(moved, disputed)


def test_without_the_teacher_it_is_plain_ppo():
    """The teacher-free phase has no policy over teachers: the same numbers as the method `rl`."""
    hierarchical, alone = learner(phase="finetune"), learner(phase="finetune", hierarchical=False)
    np.testing.assert_array_equal(curve(hierarchical), curve(alone))
    state = hierarchical.state()
    assert not any(name.startswith("teaching.") for name in state)  # it never took a step


# -- as a run and as stages -----------------------------------------------------------------------------------------


def run(root, phase="train", train=STUDENTS["fused"]):
    taught = root / "taught"
    return Run(
        task=TASK, method="hierarchical", phase=phase, seed=0, schedule_name="tiny", schedule=SCHEDULE, train=train,
        labels=None, states=None, start=None if phase == "train" else taught,
        out=taught if phase == "train" else root / "final", root=root,
    )  # fmt: skip


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path):
    for name in ("whole", "halved"):
        (tmp_path / name).mkdir()
    whole, halved = run(tmp_path / "whole"), run(tmp_path / "halved")
    carry_out(whole, lambda *_: None, lambda: False)
    asked = iter(range(100))
    with pytest.raises(Interrupted):
        carry_out(halved, lambda *_: None, lambda: next(asked) >= 3)
    carry_out(halved, lambda *_: None, lambda: False)
    for name in ("student.safetensors", "optimiser.safetensors"):
        assert (whole.out / name).read_bytes() == (halved.out / name).read_bytes()


def test_every_stage_without_a_label_table(tmp_path):
    settings = params({"methods": ["hierarchical", "rl"]})
    for method in settings.methods:
        train(TASK, method, settings, tmp_path)
        finetune(TASK, method, settings, tmp_path)
        metrics = evaluate(TASK, method, settings, tmp_path)
        assert set(metrics) == {"sampled", "argmax"}
    assert not (tmp_path / "data/labels").exists()
