"""What a policy is: a family of action distributions that a network's outputs parametrise.

`Categorical` for discrete actions and `DiagonalGaussian` for continuous ones: how an action is drawn, its
log-probability, the entropy, and D of the paper's Eq. 2, the distance to the teacher. Importing this loads no torch;
what works on tensors gets them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.tasks.spaces import Space

Distance = Literal["kl", "wasserstein"]


class Policy(ABC):
    """One row of outputs is one state's distribution.

    outputs  how many numbers parametrise it
    """

    outputs: int

    @abstractmethod
    def actions(self, *rows: int) -> np.ndarray:
        """An empty array for the actions of so many rows."""

    @abstractmethod
    def noise(self, rng: np.random.Generator, *rows: int) -> np.ndarray:
        """What decides the actions that so many rows sample, float32[*rows, ...]."""

    def to_task(self, actions: np.ndarray) -> np.ndarray:
        """Sampled actions as the task takes them."""
        return actions

    @abstractmethod
    def distribution(self, outputs: Tensor) -> Distribution:
        """The distributions that outputs [rows, self.outputs] parametrise."""

    @abstractmethod
    def teacher_likelihood(self, teachers: Tensor, actions: Tensor) -> Tensor:
        """Of each row's action under each of several teachers [rows, teachers, *teacher_shape]; [rows, teachers]."""


class Distribution(ABC):
    """Over actions, one per row."""

    @abstractmethod
    def sample(self, noise: Tensor | None) -> Tensor:
        """An action per row, as `Policy.noise` decides; None: the most probable one."""

    @abstractmethod
    def log_prob(self, actions: Tensor) -> Tensor:
        """Of the given actions (a density, where they are continuous); [rows]."""

    @abstractmethod
    def entropy(self) -> Tensor:
        """In nats (differential, where actions are continuous); [rows]."""

    @abstractmethod
    def to_teacher(self, teacher: Tensor, distance: Distance) -> Tensor:
        """D(teacher || student) of Eq. 2; [rows]. teacher [rows, *Space.teacher_shape]."""


class Categorical(Policy):
    """Discrete actions: outputs are logits, noise is uniform in [0, 1).

    Distances: `kl` is KL(teacher || student), which is cross-entropy but for a constant; `wasserstein` is W1 with all
    actions one apart, which is the total variation distance, in [0, 1].
    """

    def __init__(self, size: int) -> None:
        self.outputs = size

    def actions(self, *rows: int) -> np.ndarray:
        """int64[*rows]."""
        return np.zeros(rows, np.int64)

    def noise(self, rng: np.random.Generator, *rows: int) -> np.ndarray:
        """float32[*rows]: an action is where the cumulated probabilities pass it."""
        return rng.random(rows, dtype=np.float32)

    def distribution(self, outputs: Tensor) -> CategoricalDistribution:
        """See `Policy.distribution`."""
        return CategoricalDistribution(outputs.log_softmax(-1))

    def teacher_likelihood(self, teachers: Tensor, actions: Tensor) -> Tensor:
        """See `Policy.teacher_likelihood`."""
        return teachers.gather(-1, actions[:, None, None].expand(-1, teachers.shape[1], 1)).squeeze(-1)


class CategoricalDistribution(Distribution):
    """Over discrete actions; log_probs [rows, size]."""

    def __init__(self, log_probs: Tensor) -> None:
        self.log_probs = log_probs

    def sample(self, noise: Tensor | None) -> Tensor:
        """See `Distribution.sample`."""
        if noise is None:
            return self.log_probs.argmax(-1)
        cumulated = self.log_probs.exp().cumsum(-1)
        return (cumulated <= noise[:, None]).sum(-1).clamp(max=self.log_probs.shape[-1] - 1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """See `Distribution.log_prob`."""
        return self.log_probs.gather(-1, actions[:, None]).squeeze(-1)

    def entropy(self) -> Tensor:
        """See `Distribution.entropy`."""
        return -(self.log_probs.exp() * self.log_probs).sum(-1)

    def to_teacher(self, teacher: Tensor, distance: Distance) -> Tensor:
        """See `Distribution.to_teacher`; teacher [rows, size] are probabilities."""
        if distance == "kl":
            return (teacher.xlogy(teacher) - teacher * self.log_probs).sum(-1)
        return 0.5 * (self.log_probs.exp() - teacher).abs().sum(-1)


class DiagonalGaussian(Policy):
    """Continuous actions, each dimension for itself: outputs are the means and then the logarithms of the deviations.

    Outputs of zero are the middle of the action's bounds and half of what lies between it and either. Actions are
    learned as they were sampled, and cut to the bounds only where the task takes them.

    The teacher of Eq. 1 is a mixture of Gaussians, an option each, N(mu_k, sigma_k) with probability p_k; its row holds
    the mean sum p_k mu_k and the deviation sum p_k sigma_k. These are all that the squared Wasserstein distance to the
    components depends on: sum_k p_k W2^2(student, k) is W2^2(student, N(mean, deviation)) and a constant (the spread of
    the options among themselves), so both have the same gradient, and that Gaussian is the mixture's Wasserstein
    barycentre. The paper says "Wasserstein distance between those two policies" and gives no formula for a mixture; a
    Gaussian of the mixture's own variance would be wider where plans disagree, and would teach the student to waver.

    Distances: `wasserstein` is W2^2 in closed form, |mean - mean'|^2 + |deviation - deviation'|^2, in units of the
    action; `kl` is KL(teacher || student).
    """

    LOG_DEVIATIONS = (-5.0, 2.0)
    """Bounds of the outputs for the deviations."""

    def __init__(self, size: int, low: float, high: float) -> None:
        self.size, self.outputs = size, 2 * size
        self.low, self.high = low, high
        self._middle, self._scale = (low + high) / 2, (high - low) / 2

    def actions(self, *rows: int) -> np.ndarray:
        """float32[*rows, size]."""
        return np.zeros((*rows, self.size), np.float32)

    def noise(self, rng: np.random.Generator, *rows: int) -> np.ndarray:
        """float32[*rows, size], standard normal."""
        return rng.standard_normal((*rows, self.size), dtype=np.float32)

    def to_task(self, actions: np.ndarray) -> np.ndarray:
        """Within the bounds."""
        return np.clip(actions, self.low, self.high)

    def distribution(self, outputs: Tensor) -> GaussianDistribution:
        """See `Policy.distribution`."""
        mean, log_deviation = outputs.chunk(2, -1)
        deviation = 0.5 * self._scale * log_deviation.clamp(*self.LOG_DEVIATIONS).exp()
        return GaussianDistribution(self._middle + self._scale * mean, deviation)

    def teacher_likelihood(self, teachers: Tensor, actions: Tensor) -> Tensor:
        """See `Policy.teacher_likelihood`; densities, and zero for teachers of zeros, who advise nothing."""
        mean, deviation = teachers.unbind(2)
        advises = deviation.gt(0).all(-1)
        width = deviation.clamp(min=1e-6)
        squares = ((actions[:, None] - mean) / width).square()
        return (-(0.5 * squares + width.log() + 0.5 * math.log(2 * math.pi)).sum(-1)).exp() * advises


class GaussianDistribution(Distribution):
    """Over vectors, each dimension for itself; mean, deviation [rows, size] in units of the action."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        self.mean, self.deviation = mean, deviation

    def sample(self, noise: Tensor | None) -> Tensor:
        """See `Distribution.sample`."""
        return self.mean if noise is None else self.mean + self.deviation * noise

    def log_prob(self, actions: Tensor) -> Tensor:
        """See `Distribution.log_prob`."""
        squares = ((actions - self.mean) / self.deviation).square()
        return -(0.5 * squares + self.deviation.log() + 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self) -> Tensor:
        """See `Distribution.entropy`."""
        return (self.deviation.log() + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)

    def to_teacher(self, teacher: Tensor, distance: Distance) -> Tensor:
        """See `Distribution.to_teacher`; teacher [rows, 2, size] are means and deviations."""
        mean, deviation = teacher.unbind(1)
        if distance == "wasserstein":
            return ((self.mean - mean).square() + (self.deviation - deviation).square()).sum(-1)
        ratio = (deviation / self.deviation).square()
        log_ratio = 2 * (deviation.clamp(min=1e-6).log() - self.deviation.log())  # finite for rows without a teacher
        return 0.5 * (ratio + ((self.mean - mean) / self.deviation).square() - 1 - log_ratio).sum(-1)


def policy_of(space: Space) -> Policy:
    """The family for a task's actions."""
    return Categorical(space.size) if space.kind == "discrete" else DiagonalGaussian(space.size, space.low, space.high)
