"""A student that sees its last observations side by side, as in the paper's release."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from pipeline.student.autograd.student import TorchStudent
from pipeline.student.networks.network import STATE, Network
from pipeline.student.policies import Policy
from pipeline.student.student import Memory


class StackingStudent(TorchStudent):
    """Features are those of the last `frames` observations, [rows, frames, ...], the newest first.

    Before an episode's first observation there is nothing: zeros, as in cells that were never seen. What only
    a critic sees is not stacked.
    """

    def __init__(
        self,
        network: Network,
        policy: Policy,
        state: spaces.Space | None,
        device: str,
        rng: np.random.Generator,
        frames: int,
    ) -> None:
        self.frames = frames
        super().__init__(network, policy, state, device, rng)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        stacked = self._network.features(rows)
        critic = self._critic.features(rows) if self._critic else {}
        frames = {k: np.zeros((rows, self.frames, *array.shape[1:]), array.dtype) for k, array in stacked.items()}
        return frames | critic

    def memory(self, rows: int) -> Memory:
        return {name: kept for name, kept in self.features(rows).items() if name != STATE}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,
    ) -> None:
        rows = len(next(iter(features.values())))
        newest = self._network.features(rows) | (self._critic.features(rows) if self._critic else {})
        super().encode(observation, newest)
        for name, stacked in features.items():
            if name == STATE:
                stacked[:] = newest[name]
                continue
            kept = memory[name] if memory else np.zeros_like(stacked)
            kept[:, 1:] = kept[:, :-1].copy()
            kept[:, 0] = newest[name]
            stacked[:] = kept
