"""The compiled students against the same network in torch: acting, gradients by autograd, and many updates in a row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.params import Train
from pipeline.student.autograd.losses import llm4teach_loss
from pipeline.student.autograd.student import TorchStudent
from pipeline.student.fused.layout import ACTIONS
from pipeline.student.fused.student import FusedStudent, layers_of
from pipeline.student.make import make_student, network_for
from pipeline.student.networks.modules import ActorCritic
from pipeline.student.policies import Categorical
from pipeline.student.student import Rollout, UpdateSettings
from pipeline.tasks.registry import get_task

TASK = get_task("ColoredDoorKey")
POLICY = Categorical(ACTIONS)
ROWS = 256
NAMES = ("actions", "log_probs", "advantages", "returns", "teacher", "labelled")
BIASES = {f"trunk.{layer}.bias" for layer in ("hidden", "first", "second", "third")}
SETTINGS = UpdateSettings(
    minibatch=128, learning_rate=1e-3, clip=0.2, grad_norm=0.5, value=0.5, entropy=0.01, teacher=2.0
)


@pytest.fixture(params=["egocentric", "map"])
def network(request):
    return request.param


class Play:
    """Rollouts of a student on true observations, with made-up advantages and teachers."""

    def __init__(self, student, seed=0):
        self.student = student
        self.rng = np.random.default_rng(seed)
        self.batch = TASK.make_batch(ROWS, seed)
        for _ in range(20):
            self.batch.step(self.rng.integers(3, size=ROWS))

    def rollout(self, drift=0.3):
        """`drift` is how far the old log-probabilities are from the present ones: some ratios are then clipped."""
        features = self.student.features(ROWS)
        actions = np.zeros(ROWS, np.int64)
        log_probs, values = np.zeros((2, ROWS), np.float32)
        self.student.encode(self.batch.observation, features)
        self.student.act(features, self.rng.random(ROWS, dtype=np.float32), actions, log_probs, values)
        self.batch.step(actions)
        teacher = self.rng.dirichlet(np.full(7, 0.3), ROWS).astype(np.float32)
        teacher[self.rng.random(ROWS) < 0.3] = np.eye(7, dtype=np.float32)[2]  # sure of one action
        labelled = self.rng.random(ROWS) < 0.7
        teacher[~labelled] = 0
        return Rollout(
            features=features,
            actions=actions,
            log_probs=log_probs + self.rng.normal(0, drift, ROWS).astype(np.float32),
            advantages=self.rng.normal(0.1, 0.5, ROWS).astype(np.float32),
            returns=values + self.rng.normal(0, 0.5, ROWS).astype(np.float32),
            teacher=teacher,
            labelled=labelled,
        )


def students(network, seed=0):
    """The compiled and the torch student with equal weights; heads so large that the policy isn't uniform."""
    compiled, by_torch = (
        make_student(TASK, Train(schedule="", network=network, update=update), np.random.default_rng(seed))
        for update in ("fused", "torch")
    )
    assert (type(compiled), type(by_torch)) == (FusedStudent, TorchStudent)
    weights = compiled.weights()
    weights["heads.weight"][:ACTIONS] *= 50
    for name in BIASES & set(weights):
        weights[name] += np.random.default_rng(seed).normal(0, 0.1, weights[name].shape).astype(np.float32)
    compiled.load_weights(weights)
    by_torch.load_weights(weights)
    return compiled, by_torch


def in_double(network, weights):
    """The torch network with those weights in double precision: the truth up to what float32 can say."""
    model = ActorCritic(network_for(TASK, Train(schedule="", network=network)).trunk(), ACTIONS)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model.double()


def tensors(rollout, rows):
    """A rollout's features and columns as torch has them, floats in double precision."""
    features = {name: torch.from_numpy(value.astype(np.int64))[rows] for name, value in rollout.features.items()}
    columns = [torch.from_numpy(getattr(rollout, name))[rows] for name in NAMES]
    return features, [column.double() if column.is_floating_point() else column for column in columns]


def compiled_gradient(student, rollout, rows, **changes):
    """Gradient (by name, as torch has it) and losses."""
    losses = np.zeros(4)
    return student.gradient(rollout, rows, replace(SETTINGS, **changes), losses), losses


def autograd_gradient(network, weights, rollout, rows, **changes):
    model, settings = in_double(network, weights), replace(SETTINGS, **changes)
    features, columns = tensors(rollout, rows)
    loss = llm4teach_loss(POLICY, *model(**features), *columns, settings=settings)
    loss.total.backward()
    gradient = {name: value.grad.numpy() for name, value in model.named_parameters()}
    parts = (loss.policy_loss, loss.value_loss, loss.teacher_loss, loss.entropy)
    return gradient, np.array([part.item() for part in parts])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"teacher": 0.0},
        {"teacher": 0.0, "entropy": 0.0, "value": 0.0},  # PPO's policy term alone
        {"entropy": 1.0, "clip": 0.01},
        {"teacher": 10.0, "value": 2.0},
        {"policy": 0.0},  # the teacher's alone, as in cloning
        {"policy": 0.5, "teacher": 0.0, "entropy": 0.0, "value": 0.0},
        {"distance": "wasserstein"},
        {"distance": "wasserstein", "teacher": 10.0},
    ],
)
def test_gradient_is_autograds(network, changes):
    student, _ = students(network)
    rollout = Play(student).rollout()
    rows = np.random.default_rng(1).permutation(ROWS)[:128]
    found, losses = compiled_gradient(student, rollout, rows, **changes)
    expected, expected_losses = autograd_gradient(network, student.weights(), rollout, rows, **changes)
    for name, truth in expected.items():
        size = np.linalg.norm(truth)
        assert np.linalg.norm(found[name] - truth) < 1e-5 * size + 1e-9, name
        np.testing.assert_allclose(found[name], truth, rtol=1e-3, atol=5e-6 * size + 1e-9, err_msg=name)
    if changes.get("teacher") == 0.0:  # the compiled update doesn't work out what has no weight
        expected_losses[2] = 0
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5, atol=1e-7)


def test_some_ratios_are_clipped_and_some_rows_masked(network):
    """What the comparison above rests on: all branches are taken."""
    student, _ = students(network)
    rollout = Play(student).rollout()
    features, _ = tensors(rollout, slice(None))
    with torch.no_grad():
        log_probs = in_double(network, student.weights())(**features)[0].log_softmax(-1).numpy()
    ratios = np.exp(log_probs[np.arange(ROWS), rollout.actions] - rollout.log_probs)
    up = rollout.advantages > rollout.advantages.mean()
    assert min((up & (ratios > 1.2)).sum(), (up & (ratios < 0.8)).sum()) > 5
    assert min((~up & (ratios > 1.2)).sum(), (~up & (ratios < 0.8)).sum()) > 5
    assert 0 < (~rollout.labelled).sum() < ROWS
    assert (rollout.teacher[rollout.labelled] == 0).any()


def test_unlabelled_rows_dont_pull(network):
    student, _ = students(network)
    rollout = Play(student).rollout()
    rows = np.arange(ROWS)
    before, losses = compiled_gradient(student, rollout, rows)
    rollout.teacher[~rollout.labelled] = np.eye(7, dtype=np.float32)[3]
    after, same_losses = compiled_gradient(student, rollout, rows)
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])
    np.testing.assert_array_equal(losses, same_losses)
    rollout.labelled[:] = True
    pulled, _ = compiled_gradient(student, rollout, rows)
    assert not np.allclose(before["heads.bias"], pulled["heads.bias"])


def settings(k, updates):
    """As in training: learning rate and teacher's weight fall, the gradient's norm is cut now and then."""
    left = 1 - k / updates
    return UpdateSettings(
        minibatch=96, learning_rate=4e-3 * left + 2e-4, clip=0.2, grad_norm=0.5, value=0.5, entropy=0.01,
        teacher=2 * left,
    )  # fmt: skip


@pytest.mark.parametrize(("network", "updates"), [("egocentric", 100), ("map", 30)])
def test_many_updates_in_a_row_are_torchs(network, updates):
    """Each with four steps of Adam, from the weights and moments that the last one left; short minibatches left out.

    Only rounding may differ. Seen: weights apart by 6e-6 (map: 3e-5) of the way travelled, which is closer than torch's
    own float32 and float64 are; the bound leaves room for other processors. Now and then a value lies so near to a
    corner of the loss (a rectifier's, or PPO's clipping) that rounding says on which side; so nine of ten are enough.
    """
    compiled, by_torch = students(network)
    play = Play(compiled)
    agreed = []
    for k in range(updates):
        rollout = play.rollout(drift=0.1)
        orders = np.stack([play.rng.permutation(ROWS) for _ in range(2)])
        start = compiled.weights()
        by_torch.load_weights(start)
        by_torch.load_optimiser(as_torch_has_it(network, compiled.optimiser()))
        losses = compiled.update(rollout, orders, settings(k, updates))
        expected = by_torch.update(rollout, orders, settings(k, updates))
        assert losses.keys() == expected.keys()
        ends = compiled.weights()
        travelled = {name: np.linalg.norm(end - start[name]) for name, end in by_torch.weights().items()}
        assert min(travelled.values()) > 0
        apart = max(np.linalg.norm(end - ends[name]) / travelled[name] for name, end in by_torch.weights().items())
        same_losses = np.allclose(list(losses.values()), list(expected.values()), rtol=1e-4, atol=1e-5)
        agreed.append(same_losses and apart < 2e-4)
    assert np.mean(agreed) >= 0.9


def as_torch_has_it(network, optimiser):
    """The compiled student's Adam state by parameter."""
    layout = layers_of(network_for(TASK, Train(schedule="", network=network))).layout()
    first, second = (layout.to_state_dict(optimiser[moment]) for moment in ("first", "second"))
    steps = dict.fromkeys(first, np.float32(optimiser["steps"][0]))
    moments = {"exp_avg": first, "exp_avg_sq": second, "step": steps}
    return {f"{name}/{key}": values[name] for key, values in moments.items() for name in first}


@pytest.mark.parametrize(("minibatch", "distance"), [(64, "kl"), (256, "kl"), (96, "wasserstein")])
def test_an_update_is_torchs(network, minibatch, distance):
    """Where the minibatches leave no row out, and with the other distance to the teacher."""
    one, other = students(network)
    rollout = Play(one).rollout(drift=0.1)
    orders = np.stack([np.random.default_rng(k).permutation(ROWS) for k in range(2)])
    given = replace(settings(0, 9), minibatch=minibatch, distance=distance)
    losses, expected = (student.update(rollout, orders, given) for student in (one, other))
    assert losses == pytest.approx(expected, rel=1e-4, abs=1e-5)
    for name, value in other.weights().items():
        np.testing.assert_allclose(one.weights()[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("greedy", [False, True])
def test_acting_is_torchs(network, greedy):
    compiled, by_torch = students(network, seed=1)
    features = Play(compiled).rollout().features
    rng = np.random.default_rng(2)
    both = []
    uniforms = None if greedy else rng.random(ROWS, dtype=np.float32)
    for student in (compiled, by_torch):
        actions = np.zeros(ROWS, np.int64)
        log_probs, values = np.zeros((2, ROWS), np.float32)
        student.act(features, uniforms, actions, log_probs, values)
        both.append((actions, log_probs, values))
    np.testing.assert_array_equal(both[0][0], both[1][0])
    np.testing.assert_allclose(both[0][1], both[1][1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(both[0][2], both[1][2], rtol=1e-4, atol=1e-5)
    assert len(set(both[0][0].tolist())) > 1


def test_sampling_follows_the_probabilities(network):
    """Equally spaced uniforms draw each action as often as its probability says."""
    student, _ = students(network)
    play = Play(student)
    one = {name: np.repeat(value[:1], 10_000, 0) for name, value in play.rollout().features.items()}
    actions = np.zeros(10_000, np.int64)
    log_probs, values = np.zeros((2, 10_000), np.float32)
    student.act(one, ((np.arange(10_000) + 0.5) / 10_000).astype(np.float32), actions, log_probs, values)
    assert (np.diff(actions) >= 0).all()
    for action in range(ACTIONS):
        drawn = actions == action
        assert drawn.any()
        assert drawn.mean() == pytest.approx(np.exp(log_probs[drawn][0]), abs=2e-4)


@pytest.mark.parametrize("number", [0, 1], ids=["compiled", "torch"])
def test_the_ends_of_what_can_be_drawn(network, number):
    """No uniform draws an action of probability 0 before the first, or one beyond the last."""
    student = students(network)[number]
    weights = student.weights()
    weights["heads.bias"][0] = -500
    student.load_weights(weights)
    features = Play(student).rollout().features
    actions, log_probs, values = np.zeros(ROWS, np.int64), *np.zeros((2, ROWS), np.float32)
    for uniform in (0, np.nextafter(np.float32(1), np.float32(0))):
        student.act(features, np.full(ROWS, uniform, np.float32), actions, log_probs, values)
        assert set(actions.tolist()) == {1 if uniform == 0 else 6}


def test_optimiser_travels_with_the_weights(network):
    """Two updates in one go, or with a new student in between that is given weights and optimiser."""
    for number in (0, 1):
        first, second = students(network)[number], students(network, seed=1)[number]
        play = Play(first)
        rollouts = [play.rollout() for _ in range(2)]
        order = np.arange(ROWS)[None]
        first.update(rollouts[0], order, settings(0, 9))
        second.load_weights(first.weights())
        second.load_optimiser(first.optimiser())
        for student in (first, second):
            student.update(rollouts[1], order, settings(1, 9))
        for name, value in first.weights().items():
            np.testing.assert_array_equal(value, second.weights()[name])
