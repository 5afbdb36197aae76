"""What a student is to the learner: something that encodes observations, acts, and improves on a rollout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.student.policies import Distance, Policy

BETA1, BETA2 = 0.9, 0.999
"""Adam's decay rates, of every update."""
LOSSES = ("policy_loss", "value_loss", "teacher_loss", "entropy")
"""The parts of the loss."""

Reduce = Callable[[np.ndarray], None]
"""Replaces a gradient, float32[parameters], by the mean over all processes that learn together."""

Memory = dict[str, np.ndarray]
"""What a student keeps of an episode's earlier steps, arrays [rows, ...]; all zeros at an episode's start."""


def forget(memory: Memory, done: np.ndarray) -> None:
    """Empty the memory of the rows (bool[rows]) whose episode has ended."""
    for kept in memory.values():
        kept[done] = 0


@dataclass(frozen=True)
class Rollout:
    """The steps of one iteration, flat: row t * environments + e is step t of environment e.

    features    what `Student.encode` gave, each [rows, ...]
    actions     [rows, ...] as the policy samples them: int64[rows], or float32[rows, size]
    log_probs   float32[rows]   of those actions when they were taken
    advantages  float32[rows]
    returns     float32[rows]   targets of the value
    teacher     float32[rows, *Space.teacher_shape]  the teacher policy of Eq. 1
    labelled    bool[rows]      False where it is to be left out
    steps       steps of each environment
    """

    features: dict[str, np.ndarray]
    actions: np.ndarray
    log_probs: np.ndarray
    advantages: np.ndarray
    returns: np.ndarray
    teacher: np.ndarray
    labelled: np.ndarray
    steps: int = 1


@dataclass(frozen=True)
class UpdateSettings:
    """One iteration's settings; see `params.Schedule` for the meaning of each.

    policy  weight of PPO's surrogate, 1 but for methods that don't learn from reward
    """

    minibatch: int
    learning_rate: float
    clip: float
    grad_norm: float
    value: float
    entropy: float
    teacher: float
    distance: Distance = "kl"
    policy: float = 1.0
    epsilon: float = 1e-5


class Student(ABC):
    """A policy with a value, and the optimiser that improves both."""

    parameters: int
    policy: Policy

    @abstractmethod
    def features(self, rows: int) -> dict[str, np.ndarray]:
        """Empty arrays for the features of that many observations, each [rows, ...]."""

    def memory(self, rows: int) -> Memory:  # noqa: ARG002 (for those who keep something)
        """An empty memory for that many environments; without arrays if the student keeps nothing."""
        return {}

    @abstractmethod
    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,
    ) -> None:
        """Fill features with those of a batch of observations, and with what is remembered (None: nothing is).

        Each observation is to be encoded once: a memory may take it in here.
        """

    @abstractmethod
    def act(
        self,
        features: Mapping[str, np.ndarray],
        noise: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,
    ) -> None:
        """Fill actions ([rows, ...]), their log-probabilities and the values (float32[rows] each); move memory on.

        noise  what decides the samples, see `Policy.noise`; None takes the most probable action
        """

    @abstractmethod
    def update(
        self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings, reduce: Reduce | None = None
    ) -> dict[str, float]:
        """PPO with the teacher's loss (Eq. 2) over the rollout; `orders` int64[epochs, rows] says in which order.

        reduce  comes between each minibatch's gradient and the step that follows it; None: nothing does
        Returns the means of LOSSES over all minibatches.
        """

    @abstractmethod
    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the network's parameters, named as in torch's state dict."""

    @abstractmethod
    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace the parameters. Raises ValueError for another network's."""

    @abstractmethod
    def optimiser(self) -> dict[str, np.ndarray]:
        """Copies of the optimiser's state."""

    @abstractmethod
    def load_optimiser(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace the optimiser's state."""
