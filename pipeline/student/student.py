"""What a student is to the learner: something that encodes observations, acts, and improves on a rollout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

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
    actions     int64[rows]
    log_probs   float32[rows]   of those actions when they were taken
    advantages  float32[rows]
    returns     float32[rows]   targets of the value
    teacher     float32[rows, actions]  the teacher policy of Eq. 1
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
    """One iteration's settings; see `params.Schedule` for the meaning of each."""

    minibatch: int
    learning_rate: float
    clip: float
    grad_norm: float
    value: float
    entropy: float
    teacher: float
    distance: Literal["kl", "wasserstein"] = "kl"


class Student(ABC):
    """A policy with a value, and the optimiser that improves both."""

    parameters: int

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
        uniforms: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,
    ) -> None:
        """Fill actions (int64[rows]), their log-probabilities and the values (float32[rows] each); move memory on.

        uniforms  float32[rows] in [0, 1) decides what is sampled; None takes the most probable action.
        """

    @abstractmethod
    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> dict[str, float]:
        """PPO with the teacher's loss (Eq. 2) over the rollout; `orders` int64[epochs, rows] says in which order.

        Returns the mean policy_loss, value_loss, teacher_loss and entropy over all minibatches.
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
