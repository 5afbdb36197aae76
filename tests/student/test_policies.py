"""Action distributions against values worked out by hand, torch's own, and scipy's transport."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from pipeline.student.policies import (
    Categorical,
    CategoricalDistribution,
    DiagonalGaussian,
    GaussianDistribution,
    policy_of,
)
from pipeline.tasks.spaces import Space


def tensor(*values):
    return torch.from_numpy(np.array(values, np.float64))


def logits(*probs):
    return tensor(*probs).log()


# -- discrete actions -----------------------------------------------------------------------------------------------


def test_kl_by_hand():
    student = CategoricalDistribution(logits([0.5, 0.25, 0.25], [0.2, 0.3, 0.5]))
    teacher = tensor([0.25, 0.75, 0.0], [0.2, 0.3, 0.5])
    first = 0.25 * math.log(0.5) + 0.75 * math.log(3)  # a zero of the teacher counts nothing
    assert student.to_teacher(teacher, "kl").tolist() == pytest.approx([first, 0], abs=1e-15)


def test_kl_of_a_hard_teacher_is_the_surprise():
    student = CategoricalDistribution(logits([0.9, 0.1], [0.9, 0.1]))
    distances = student.to_teacher(tensor([0.0, 1.0], [1.0, 0.0]), "kl")
    assert distances.tolist() == pytest.approx([-math.log(0.1), -math.log(0.9)])


def test_discrete_wasserstein_by_hand():
    """What has to be moved, each unit by one: 0.25 from each of two actions, nothing, everything."""
    student = CategoricalDistribution(logits([0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]))
    teacher = tensor([0.25, 0.75, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0])
    assert student.to_teacher(teacher, "wasserstein").tolist() == pytest.approx([0.5, 0, 1])


@given(st.integers(0, 2**31))
def test_discrete_wasserstein_is_what_transport_costs(seed):
    """Against scipy's general W1 for two actions, and within Pinsker's bound of KL for seven."""
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet([0.5, 0.5], 2)
    distance = CategoricalDistribution(logits(p)).to_teacher(tensor(q), "wasserstein").item()
    assert distance == pytest.approx(wasserstein_distance([0, 1], [0, 1], p, q), abs=1e-12)
    p, q = rng.dirichlet(np.ones(7), 2)
    student, teacher = CategoricalDistribution(logits(p)), tensor(q)
    distance, kl = (student.to_teacher(teacher, name).item() for name in ("wasserstein", "kl"))
    assert distance <= math.sqrt(kl / 2) + 1e-12


def test_discrete_actions_are_drawn_where_the_cumulated_probabilities_pass():
    student = Categorical(3).distribution(logits(*[[0.2, 0.5, 0.3]] * 5))
    noise = tensor(0.0, 0.19, 0.21, 0.69, 0.71)
    assert student.sample(noise).tolist() == [0, 0, 1, 1, 2]
    assert student.sample(None).tolist() == [1] * 5
    expected = [math.log(p) for p in (0.2, 0.2, 0.5, 0.5, 0.3)]
    assert student.log_prob(student.sample(noise)).tolist() == pytest.approx(expected)
    by_hand = -sum(p * math.log(p) for p in (0.2, 0.5, 0.3))
    assert student.entropy().tolist() == pytest.approx([by_hand] * 5)


# -- continuous actions ---------------------------------------------------------------------------------------------


def test_gaussian_outputs_are_in_units_of_the_action():
    """Zeros: the middle of the bounds, and half of the way to either."""
    policy = DiagonalGaussian(2, low=-1.0, high=3.0)
    student = policy.distribution(tensor([0, 0, 0, 0], [0.5, -1, math.log(2), 9]))
    assert student.mean.tolist() == [[1, 1], [2, -1]]
    expected = [[1, 1], [2, math.exp(2)]]  # the last one is cut off
    np.testing.assert_allclose(student.deviation, expected)
    np.testing.assert_array_equal(policy.to_task(np.array([[-2.0, 5.0]])), [[-1, 3]])


def test_gaussian_is_torchs():
    rng = np.random.default_rng(0)
    policy = DiagonalGaussian(3, -1.0, 1.0)
    student = policy.distribution(torch.from_numpy(rng.normal(size=(5, 6))))
    reference = torch.distributions.Independent(torch.distributions.Normal(student.mean, student.deviation), 1)
    noise = torch.from_numpy(policy.noise(rng, 5))
    assert noise.shape == (5, 3)
    actions = student.sample(noise)
    torch.testing.assert_close(actions, student.mean + student.deviation * noise)
    torch.testing.assert_close(student.log_prob(actions), reference.log_prob(actions))
    torch.testing.assert_close(student.entropy(), reference.entropy())
    assert torch.equal(student.sample(None), student.mean)
    teacher = torch.from_numpy(rng.uniform(0.1, 1, (5, 2, 3)))
    other = torch.distributions.Independent(torch.distributions.Normal(*teacher.unbind(1)), 1)
    expected = torch.distributions.kl_divergence(other, reference)
    torch.testing.assert_close(student.to_teacher(teacher, "kl"), expected)


@pytest.mark.parametrize("distance", ["kl", "wasserstein"])
def test_rows_without_a_teacher_leave_the_gradient_of_the_others_alone(distance):
    """A teacher of zeros advises nothing; where it is left out of the loss, no gradient may come of it."""
    outputs = tensor([0.1, -0.2, 0.3, 0.4], [0.5, 0.6, -0.7, 0.8]).requires_grad_()
    teacher = tensor([[0.5, 0.5], [0.3, 0.3]], [[0.0, 0.0], [0.0, 0.0]])
    distances = DiagonalGaussian(2, -1.0, 1.0).distribution(outputs).to_teacher(teacher, distance)
    torch.where(torch.tensor([True, False]), distances, 0.0).sum().backward()
    assert outputs.grad is not None
    assert outputs.grad[0].abs().min() > 0
    assert outputs.grad[1].tolist() == [0, 0, 0, 0]


def test_w2_by_hand():
    student = GaussianDistribution(tensor([1, 2], [0, 0]), tensor([1, 1], [2, 1]))
    teacher = torch.stack([tensor([1, 0], [3, 0]), tensor([0.5, 1], [2, 3])], 1)
    # rows: (0 + 4) + (0.25 + 0) and (9 + 0) + (0 + 4)
    assert student.to_teacher(teacher, "wasserstein").tolist() == [4.25, 13]


def test_w2_is_that_of_quantile_functions():
    """In one dimension W2 squared is the mean squared distance between equally likely quantiles."""
    levels = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    standard = torch.distributions.Normal(0.0, 1.0).icdf(levels)
    by_quantiles = ((1 + 2 * standard) - (-0.5 + 0.7 * standard)).square().mean().item()
    student = GaussianDistribution(tensor([1]), tensor([2]))
    closed = student.to_teacher(tensor([[-0.5], [0.7]]), "wasserstein")
    assert closed.item() == pytest.approx(by_quantiles, rel=1e-3)


@given(st.integers(0, 2**31))
def test_the_barycentre_teaches_as_the_mixture_does(seed):
    """Sum p_k W2^2(student, k) and W2^2(student, barycentre) differ by what no student can change."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(3))
    means, deviations = rng.normal(size=(3, 4)), rng.uniform(0.05, 1, (3, 4))
    barycentre = torch.from_numpy(np.stack([p @ means, p @ deviations])[None])
    differences = []
    for _ in range(2):
        mean, deviation = rng.normal(size=(1, 4)), rng.uniform(0.05, 1, (1, 4))
        student = GaussianDistribution(torch.from_numpy(mean), torch.from_numpy(deviation))
        to_each = ((mean - means) ** 2 + (deviation - deviations) ** 2).sum(-1)
        differences.append(p @ to_each - student.to_teacher(barycentre, "wasserstein").item())
    spread = p @ ((means - p @ means) ** 2 + (deviations - p @ deviations) ** 2).sum(-1)
    assert differences == pytest.approx([spread, spread])


def test_likelihood_under_several_teachers():
    discrete = Categorical(3).teacher_likelihood(tensor([[1, 0, 0], [0.2, 0.3, 0.5]]), torch.tensor([2]))
    assert discrete.tolist() == [[0, 0.5]]
    teachers = tensor([[[0, 0], [1, 2]], [[0, 0], [0, 0]]])  # the second one advises nothing
    for action, density in (([0.0, 2.0], math.exp(-0.5) / (4 * math.pi)), ([0.0, 0.0], 1 / (4 * math.pi))):
        found = DiagonalGaussian(2, -1.0, 1.0).teacher_likelihood(teachers, tensor(action))
        assert found.tolist() == [[pytest.approx(density), 0]]


def test_a_tasks_actions_decide():
    assert isinstance(policy_of(Space("discrete", 3, ("a", "b", "c"))), Categorical)
    policy = policy_of(Space("continuous", 2, ("x", "y"), -2.0, 2.0))
    assert isinstance(policy, DiagonalGaussian)
    assert (policy.outputs, policy.actions(4, 5).shape, policy.low, policy.high) == (4, (4, 5, 2), -2.0, 2.0)
