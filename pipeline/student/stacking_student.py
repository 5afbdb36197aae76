"""A student that sees its last observations side by side, as in the paper's release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from pipeline.student.network import EgocentricNetwork, MapNetwork, make_network
from pipeline.student.student import Memory
from pipeline.student.torch_student import TorchStudent


class StackingStudent(TorchStudent):
    """Features are those of the last `frames` observations, [rows, frames, ...], the newest first.

    Before an episode's first observation there is nothing: zeros, as in cells that were never seen.
    """

    def __init__(
        self,
        network: Literal["egocentric", "map"],
        cell_kinds: np.ndarray | None,
        device: str,
        rng: np.random.Generator,
        frames: int,
    ) -> None:
        self._frames = frames
        super().__init__(network, cell_kinds, device, rng)

    def _make_model(self, network: Literal["egocentric", "map"]) -> EgocentricNetwork | MapNetwork:
        return make_network(network, self._frames)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {
            name: np.zeros((rows, self._frames, *array.shape[1:]), array.dtype)
            for name, array in super().features(rows).items()
        }

    def memory(self, rows: int) -> Memory:
        return self.features(rows)

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,
    ) -> None:
        rows = len(next(iter(features.values())))
        newest = super().features(rows)
        super().encode(observation, newest)
        for name, stacked in features.items():
            kept = memory[name] if memory else np.zeros_like(stacked)
            kept[:, 1:] = kept[:, :-1].copy()
            kept[:, 0] = newest[name]
            stacked[:] = kept
