"""What a network is to a student: what it keeps of a task's observations, and the layers over that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.student.networks.initial import heads_state, orthogonal_state

if TYPE_CHECKING:
    from pipeline.student.networks.modules import Trunk

STATE = "state"
"""The observation that only a critic sees (a central one, of several agents); no network's business."""


class Network(ABC):
    """A kind of network, made for a task's observations; params call it by the name under which it is registered.

    space   what an agent sees, without `state`
    """

    @classmethod
    @abstractmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """Why the network is not for such observations, in words that follow `is not for`; None if it is."""

    def __init__(self, space: spaces.Dict) -> None:
        self.space = space

    @abstractmethod
    def features(self, rows: int) -> dict[str, np.ndarray]:
        """Empty arrays for what is kept of that many observations, each [rows, ...]."""

    def encode(self, observation: Mapping[str, np.ndarray], features: Mapping[str, np.ndarray]) -> None:
        """Fill features from a batch of observations, arrays [rows, ...]; here, those of the same names are copied."""
        for name, kept in features.items():
            kept[:] = observation[name]

    @abstractmethod
    def trunk(self, frames: int = 1) -> Trunk:
        """The layers below the heads in torch, for so many stacked frames, its parameters not drawn yet."""

    def trunk_state(self, rng: np.random.Generator, frames: int = 1) -> dict[str, np.ndarray]:
        """The trunk's first parameters by name."""
        shapes = {name: tuple(value.shape) for name, value in self.trunk(frames).state_dict().items()}
        return orthogonal_state(shapes, rng)

    def first_state(self, rng: np.random.Generator, width: int, outputs: int, frames: int = 1) -> dict[str, np.ndarray]:
        """The first parameters of trunk and heads, as torch's state dict names them.

        width    of the trunk's output
        outputs  of the policy; the heads have one more, the value
        """
        trunk = {f"trunk.{name}": value for name, value in self.trunk_state(rng, frames).items()}
        return trunk | heads_state(rng, width, outputs)
