"""The loss of the paper's Eq. 2 in torch: PPO's three terms, and how far the student is from the teacher.

`fused/update.py` has the same loss compiled, and that is what runs by default; tests hold the two together. How far a
student is from its teacher depends on what their actions are: see `policies.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.student.policies import Policy
from pipeline.student.student import UpdateSettings


def clipped_policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's clipped surrogate (Schulman et al. 2017, Eq. 7), to be minimised; all arguments [rows]."""
    ratio = (log_probs - old_log_probs).exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Half the mean squared error; both [rows]."""
    return 0.5 * (values - returns).square().mean()


def normalised(advantages: Tensor) -> Tensor:
    """Advantages [rows] with mean 0 and standard deviation 1; a single one is 0."""
    spread = advantages.std(correction=min(1, len(advantages) - 1))
    return (advantages - advantages.mean()) / (spread + 1e-8)


@dataclass(frozen=True)
class Loss:
    """The loss of a minibatch and its four parts, all scalars."""

    total: Tensor
    policy_loss: Tensor
    value_loss: Tensor
    teacher_loss: Tensor
    entropy: Tensor


def llm4teach_loss(
    policy: Policy,
    outputs: Tensor,
    values: Tensor,
    actions: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    returns: Tensor,
    teacher: Tensor,
    labelled: Tensor,
    *,
    settings: UpdateSettings,
) -> Loss:
    """Eq. 2: L_RL + lambda * D, with PPO's policy, value and entropy terms as L_RL.

    outputs   [rows, policy.outputs]; actions as the policy samples them
    teacher   [rows, *Space.teacher_shape]; labelled bool [rows]: rows without label count as zero in the mean of D
    Everything else [rows]. Advantages are normalised here.
    """
    student = policy.distribution(outputs)
    surrogate = clipped_policy_loss(student.log_prob(actions), old_log_probs, normalised(advantages), settings.clip)
    value = value_loss(values, returns)
    entropy = student.entropy().mean()
    from_teacher = torch.where(labelled, student.to_teacher(teacher, settings.distance), 0.0).mean()
    total = (
        settings.policy * surrogate
        + settings.value * value
        - settings.entropy * entropy
        + settings.teacher * from_teacher
    )
    return Loss(total, surrogate, value, from_teacher, entropy)
