"""The losses of the paper's Eq. 2 in torch: PPO's three terms, and how far the student is from the teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


def clipped_policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's clipped surrogate (Schulman et al. 2017, Eq. 7), to be minimised; all arguments [rows]."""
    ratio = (log_probs - old_log_probs).exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


def value_loss(values: Tensor, returns: Tensor) -> Tensor:
    """Half the mean squared error; both [rows]."""
    return 0.5 * (values - returns).square().mean()


def kl_to_teacher(log_probs: Tensor, teacher: Tensor, labelled: Tensor) -> Tensor:
    """Mean over all rows of KL(teacher || student), unlabelled rows counting as zero (Eq. 2 for discrete actions).

    log_probs, teacher [rows, actions]; labelled bool [rows].
    """
    per_row = (torch.xlogy(teacher, teacher) - teacher * log_probs).sum(-1)
    return torch.where(labelled, per_row, 0.0).mean()


def wasserstein_to_teacher(
    mean: Tensor, std: Tensor, teacher_mean: Tensor, teacher_std: Tensor, labelled: Tensor
) -> Tensor:
    """Mean over all rows of the squared W2 distance between diagonal Gaussians (Eq. 2 for continuous actions).

    Closed form: |mean - teacher_mean|^2 + |std - teacher_std|^2. The first four are [rows, size], labelled bool [rows].
    """
    per_row = ((mean - teacher_mean).square() + (std - teacher_std).square()).sum(-1)
    return torch.where(labelled, per_row, 0.0).mean()


def discrete_wasserstein_to_teacher(log_probs: Tensor, teacher: Tensor, labelled: Tensor) -> Tensor:
    """Mean over all rows of W1(teacher, student) between discrete actions that are all one apart.

    With that ground distance W1 is the total variation distance, in [0, 1]. Arguments as for `kl_to_teacher`.
    """
    per_row = 0.5 * (log_probs.exp() - teacher).abs().sum(-1)
    return torch.where(labelled, per_row, 0.0).mean()


TO_TEACHER = {"kl": kl_to_teacher, "wasserstein": discrete_wasserstein_to_teacher}
"""D of Eq. 2 for discrete actions, by its name in params."""


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
    logits: Tensor,
    values: Tensor,
    actions: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    returns: Tensor,
    teacher: Tensor,
    labelled: Tensor,
    *,
    clip: float,
    value_weight: float,
    entropy_weight: float,
    teacher_weight: float,
    distance: Literal["kl", "wasserstein"] = "kl",
) -> Loss:
    """Eq. 2 for discrete actions: L_RL + lambda * D, with PPO's policy, value and entropy terms as L_RL.

    logits, teacher [rows, actions]; actions int64 [rows]; labelled bool [rows]; everything else [rows]. Advantages are
    normalised here.
    """
    log_probs = logits.log_softmax(-1)
    chosen = log_probs.gather(-1, actions[:, None]).squeeze(-1)
    policy = clipped_policy_loss(chosen, old_log_probs, normalised(advantages), clip)
    value = value_loss(values, returns)
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    from_teacher = TO_TEACHER[distance](log_probs, teacher, labelled)
    total = policy + value_weight * value - entropy_weight * entropy + teacher_weight * from_teacher
    return Loss(total, policy, value, from_teacher, entropy)
