"""The students on the CPU, all compiled: no torch, no autograd."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from pipeline.student import convolutional, egocentric, fused
from pipeline.student.layout import Layout
from pipeline.student.student import Memory, Rollout, Student, UpdateSettings


class FusedStudent(Student):
    """A network that is compiled, gradient and all, with the update of `fused`.

    network  which: the module with its LAYOUT, `parts_of` and layers
    theta    float32[LAYOUT.size]: its first parameters
    """

    def __init__(self, network: ModuleType, theta: np.ndarray) -> None:
        self._layout: Layout = network.LAYOUT
        self.parameters = self._layout.size
        self._theta = theta
        self._gradient, self._first, self._second = np.zeros((3, self.parameters), np.float32)
        self._parts, self._gradient_parts = network.parts_of(self._theta), network.parts_of(self._gradient)
        self._steps = 0

    def _workspace(self, rows: int) -> Any:  # noqa: ARG002 (for those who have one)
        """What the network keeps between calls, with room for so many rows; None if it keeps nothing."""
        return None

    def act(
        self,
        features: Mapping[str, np.ndarray],
        uniforms: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,  # noqa: ARG002 (these students keep nothing)
    ) -> None:
        given = np.zeros(len(actions), np.float32) if uniforms is None else uniforms
        work = self._workspace(len(actions))
        fused.act(self._parts, work, tuple(features.values()), given, uniforms is None, actions, log_probs, values)

    def gradient(
        self, rollout: Rollout, rows: np.ndarray, settings: UpdateSettings, losses: np.ndarray
    ) -> dict[str, np.ndarray]:
        """That of the loss over those rows, by parameter. The loss's parts are added to losses (float64[4])."""
        self._gradient[:] = 0
        fused.minibatch_gradient(
            self._parts, self._gradient_parts, self._workspace(len(rows)), tuple(rollout.features.values()),
            rollout.actions, rollout.log_probs, rollout.advantages, rollout.returns, rollout.teacher, rollout.labelled,
            rows, settings.clip, settings.value, settings.entropy, settings.teacher,
            settings.distance == "wasserstein", losses,
        )  # fmt: skip
        return self._layout.to_state_dict(self._gradient)

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> dict[str, float]:
        losses = np.zeros(len(fused.LOSSES))
        self._steps = fused.update(
            self._theta, self._parts, self._gradient, self._gradient_parts, self._first, self._second, self._steps,
            self._workspace(settings.minibatch), tuple(rollout.features.values()), rollout.actions, rollout.log_probs,
            rollout.advantages, rollout.returns, rollout.teacher, rollout.labelled, orders, settings.minibatch,
            settings.learning_rate, settings.clip, settings.grad_norm, settings.value, settings.entropy,
            settings.teacher, settings.distance == "wasserstein", losses,
        )  # fmt: skip
        return dict(zip(fused.LOSSES, losses.tolist(), strict=True))

    def weights(self) -> dict[str, np.ndarray]:
        return self._layout.to_state_dict(self._theta)

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        self._theta[:] = self._layout.from_state_dict(weights)

    def optimiser(self) -> dict[str, np.ndarray]:
        return {"first": self._first.copy(), "second": self._second.copy(), "steps": np.array([self._steps])}

    def load_optimiser(self, state: Mapping[str, np.ndarray]) -> None:
        self._first[:] = state["first"]
        self._second[:] = state["second"]
        self._steps = int(state["steps"][0])


class FusedEgocentricStudent(FusedStudent):
    """See `egocentric` for the network.

    cell_kinds  uint8[objects, colours]: see `CellMap.kinds`
    """

    def __init__(self, cell_kinds: np.ndarray, rng: np.random.Generator) -> None:
        super().__init__(egocentric, egocentric.initial_parameters(rng))
        self._cell_kinds = cell_kinds

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {"tokens": np.zeros((rows, egocentric.CELLS), np.uint16), "counts": np.zeros(rows, np.int32)}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002
    ) -> None:
        egocentric.encode(
            observation["map"], self._cell_kinds, egocentric.PLACES, features["tokens"], features["counts"]
        )


class FusedMapStudent(FusedStudent):
    """See `convolutional` for the network."""

    def __init__(self, rng: np.random.Generator) -> None:
        state = convolutional.initial_state(rng)
        super().__init__(convolutional, convolutional.LAYOUT.from_state_dict(state))
        self._kept = convolutional.make_workspace(0)

    def _workspace(self, rows: int) -> convolutional.Workspace:
        if rows > len(self._kept.outputs):
            self._kept = convolutional.make_workspace(rows)
        return self._kept

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {"map": np.zeros((rows, egocentric.GRID, egocentric.GRID, 4), np.uint8)}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002
    ) -> None:
        features["map"][:] = observation["map"]
