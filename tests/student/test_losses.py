"""The parts of Eq. 2 against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.student.autograd.losses import clipped_policy_loss, llm4teach_loss, normalised, value_loss
from pipeline.student.policies import Categorical
from pipeline.student.student import UpdateSettings


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


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


def test_unlabelled_rows_weigh_nothing_and_count():
    """The mean is over all rows, so a row's pull doesn't depend on how many others are labelled."""
    logits = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
    teacher = tensor([1, 0], [0, 0], [1, 0], [0, 0])
    labelled = torch.tensor([True, False, False, False])
    nothing, settings = (
        torch.zeros(4),
        UpdateSettings(4, 1e-3, 0.2, 1.0, value=0.0, entropy=0.0, teacher=1.0, policy=0.0),
    )
    rest = (nothing, nothing.long(), nothing, nothing, nothing)
    loss = llm4teach_loss(Categorical(2), logits, *rest, teacher, labelled, settings=settings)
    assert loss.teacher_loss.item() == pytest.approx(math.log(2) / 4)
    loss.total.backward()
    assert logits.grad.tolist() == [[-0.125, 0.125], [0, 0], [0, 0], [0, 0]]  # (student - teacher) / rows


def test_total_is_the_weighted_sum_of_the_parts():
    torch.manual_seed(0)
    rows, actions = 6, 7
    logits = torch.randn(rows, actions, dtype=torch.float64)
    chosen = torch.randint(actions, (rows,))
    log_probs = logits.log_softmax(-1)
    values, returns, old, advantages = torch.randn(4, rows, dtype=torch.float64)
    teacher = torch.rand(rows, actions, dtype=torch.float64).softmax(-1)
    labelled = torch.tensor([True, True, False, True, False, True])
    settings = UpdateSettings(6, 1e-3, clip=0.2, grad_norm=1.0, value=0.5, entropy=0.01, teacher=3.0, policy=0.7)
    policy = Categorical(actions)
    loss = llm4teach_loss(
        policy, logits, values, chosen, old, advantages, returns, teacher, labelled, settings=settings
    )
    entropy = -sum(p * math.log(p) for p in log_probs.exp().flatten().tolist()) / rows
    distances = policy.distribution(logits).to_teacher(teacher, "kl")
    taken = torch.stack([log_probs[k, chosen[k]] for k in range(rows)])
    assert loss.entropy.item() == pytest.approx(entropy)
    assert loss.policy_loss.item() == pytest.approx(clipped_policy_loss(taken, old, normalised(advantages), 0.2).item())
    assert loss.value_loss.item() == pytest.approx(value_loss(values, returns).item())
    assert loss.teacher_loss.item() == pytest.approx(sum(distances[labelled].tolist()) / rows)
    parts = 0.7 * loss.policy_loss + 0.5 * loss.value_loss - 0.01 * loss.entropy + 3 * loss.teacher_loss
    assert loss.total.item() == pytest.approx(parts.item())
