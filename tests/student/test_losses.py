"""The parts of Eq. 2 against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from pipeline.student.losses import (
    clipped_policy_loss,
    discrete_wasserstein_to_teacher,
    kl_to_teacher,
    llm4teach_loss,
    normalised,
    value_loss,
    wasserstein_to_teacher,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_kl_by_hand():
    student = tensor([0.5, 0.25, 0.25], [0.2, 0.3, 0.5]).log()
    teacher = tensor([0.25, 0.75, 0.0], [0.2, 0.3, 0.5])
    first = 0.25 * math.log(0.5) + 0.75 * math.log(3)  # a zero of the teacher counts nothing
    both = torch.tensor([True, True])
    assert kl_to_teacher(student, teacher, both).item() == pytest.approx(first / 2)
    assert kl_to_teacher(student[1:], teacher[1:], both[1:]).item() == pytest.approx(0, abs=1e-15)


def test_kl_of_a_hard_teacher_is_the_surprise():
    student = tensor([0.9, 0.1], [0.9, 0.1]).log()
    teacher = tensor([0.0, 1.0], [1.0, 0.0])
    expected = -(math.log(0.1) + math.log(0.9)) / 2
    assert kl_to_teacher(student, teacher, torch.tensor([True, True])).item() == pytest.approx(expected)


def test_unlabelled_rows_weigh_nothing_and_count():
    """The mean is over all rows, so a row's pull doesn't depend on how many others are labelled."""
    logits = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
    teacher = tensor([1, 0], [0, 0], [1, 0], [0, 0])
    labelled = torch.tensor([True, False, False, False])
    loss = kl_to_teacher(logits.log_softmax(-1), teacher, labelled)
    assert loss.item() == pytest.approx(math.log(2) / 4)
    loss.backward()
    assert logits.grad.tolist() == [[-0.125, 0.125], [0, 0], [0, 0], [0, 0]]  # (student - teacher) / rows


def test_discrete_wasserstein_by_hand():
    """What has to be moved, each unit by one: 0.25 from each of two actions, nothing; unlabelled rows weigh nothing."""
    student = tensor([0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]).log()
    teacher = tensor([0.25, 0.75, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0])
    labelled = torch.tensor([True, True, False])
    assert discrete_wasserstein_to_teacher(student, teacher, labelled).item() == pytest.approx(0.5 / 3)


@given(st.integers(0, 2**31))
def test_discrete_wasserstein_is_what_transport_costs(seed):
    """Against scipy's general W1 for two actions, and within Pinsker's bound of KL for seven."""
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet([0.5, 0.5], 2)
    row = torch.tensor([True])
    distance = discrete_wasserstein_to_teacher(tensor(*p).log(), tensor(*q), row).item()
    assert distance == pytest.approx(wasserstein_distance([0, 1], [0, 1], p, q), abs=1e-12)
    p, q = rng.dirichlet(np.ones(7), 2)
    log_probs, teacher = tensor(*p).log(), tensor(*q)
    distance = discrete_wasserstein_to_teacher(log_probs, teacher, row).item()
    assert distance <= math.sqrt(kl_to_teacher(log_probs, teacher, row).item() / 2) + 1e-12


def test_wasserstein_by_hand():
    mean, std = tensor([1, 2], [0, 0]), tensor([1, 1], [2, 1])
    teacher_mean, teacher_std = tensor([1, 0], [3, 0]), tensor([0.5, 1], [2, 3])
    # rows: (0 + 4) + (0.25 + 0) and (9 + 0) + (0 + 4)
    both = torch.tensor([True, True])
    assert wasserstein_to_teacher(mean, std, teacher_mean, teacher_std, both).item() == (4.25 + 13) / 2
    only_first = torch.tensor([True, False])
    assert wasserstein_to_teacher(mean, std, teacher_mean, teacher_std, only_first).item() == 4.25 / 2
    assert wasserstein_to_teacher(mean, std, mean, std, both).item() == 0


def test_wasserstein_is_that_of_quantile_functions():
    """In one dimension W2 squared is the mean squared distance between equally likely quantiles."""
    levels = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    standard = torch.distributions.Normal(0.0, 1.0).icdf(levels)
    by_quantiles = ((1 + 2 * standard) - (-0.5 + 0.7 * standard)).square().mean().item()
    closed = wasserstein_to_teacher(tensor([1]), tensor([2]), tensor([-0.5]), tensor([0.7]), torch.tensor([True]))
    assert closed.item() == pytest.approx(by_quantiles, rel=1e-3)


def test_clipped_policy_loss_by_hand():
    old = tensor(0.5, 0.5, 0.5, 0.5).log()
    new = tensor(0.55, 0.8, 0.8, 0.2).log()  # ratios 1.1, 1.6, 1.6, 0.4
    advantages = tensor(2, 2, -2, -2)
    # within the range; cut at 1.2; not cut, since that is the worse; cut at 0.8
    expected = -(1.1 * 2 + 1.2 * 2 + 1.6 * -2 + 0.8 * -2) / 4
    assert clipped_policy_loss(new, old, advantages, 0.2).item() == pytest.approx(expected)


def test_clipping_stops_the_gradient_only_on_the_far_side():
    new = tensor(0.8, 0.8, 0.2, 0.2).log().requires_grad_()
    clipped_policy_loss(new, tensor(0.5, 0.5, 0.5, 0.5).log(), tensor(1, -1, 1, -1), 0.2).backward()
    assert new.grad.tolist() == pytest.approx([0, 1.6 / 4, -0.4 / 4, 0])


def test_value_loss_by_hand():
    assert value_loss(tensor(1, 2), tensor(0, 4)).item() == 0.5 * (1 + 4) / 2


def test_advantages_are_normalised():
    scaled = normalised(tensor(1, 2, 3, 6))
    assert scaled.mean().item() == pytest.approx(0, abs=1e-12)
    assert scaled.std().item() == pytest.approx(1, abs=1e-6)
    assert normalised(tensor(5, 5, 5)).tolist() == [0, 0, 0]
    assert normalised(tensor(5)).tolist() == [0]  # a minibatch of one row has no spread


def test_total_is_the_weighted_sum_of_the_parts():
    torch.manual_seed(0)
    rows, actions = 6, 7
    logits = torch.randn(rows, actions, dtype=torch.float64)
    chosen = torch.randint(actions, (rows,))
    log_probs = logits.log_softmax(-1)
    values, returns, old, advantages = torch.randn(4, rows, dtype=torch.float64)
    teacher = torch.rand(rows, actions, dtype=torch.float64).softmax(-1)
    labelled = torch.tensor([True, True, False, True, False, True])
    loss = llm4teach_loss(
        logits, values, chosen, old, advantages, returns, teacher, labelled,
        clip=0.2, value_weight=0.5, entropy_weight=0.01, teacher_weight=3.0,
    )  # fmt: skip
    entropy = -sum(p * math.log(p) for p in log_probs.exp().flatten().tolist()) / rows
    taken = torch.stack([log_probs[k, chosen[k]] for k in range(rows)])
    assert loss.entropy.item() == pytest.approx(entropy)
    assert loss.policy_loss.item() == pytest.approx(clipped_policy_loss(taken, old, normalised(advantages), 0.2).item())
    assert loss.value_loss.item() == pytest.approx(value_loss(values, returns).item())
    assert loss.teacher_loss.item() == pytest.approx(kl_to_teacher(log_probs, teacher, labelled).item())
    parts = loss.policy_loss + 0.5 * loss.value_loss - 0.01 * loss.entropy + 3 * loss.teacher_loss
    assert loss.total.item() == pytest.approx(parts.item())
