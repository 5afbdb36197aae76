"""The students on the CPU, all compiled: no torch, no autograd."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.student import convolutional, egocentric, fused
from pipeline.student.layout import Layout
from pipeline.student.student import Memory, Rollout, Student, UpdateSettings


class FusedStudent(Student):
    """A network with a gradient of its own, and the update of `fused`.

    theta   float32[layout.size]: its first parameters
    """

    def __init__(self, layout: Layout, theta: np.ndarray) -> None:
        self._layout = layout
        self.parameters = layout.size
        self._theta = theta
        self._gradient, self._first, self._second = np.zeros((3, layout.size), np.float32)
        self._steps = 0

    @abstractmethod
    def _forward(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> Any:
        """The network's layers for those rows (int64[n]) of the features; its `outputs` are float32[n, OUTPUTS]."""

    @abstractmethod
    def _backward(
        self, features: Mapping[str, np.ndarray], rows: np.ndarray, layers: Any, at_outputs: np.ndarray
    ) -> None:
        """Add to the gradient, from that by the outputs."""

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
        outputs = self._forward(features, np.arange(len(actions))).outputs
        fused.choose(outputs, given, uniforms is None, actions, log_probs, values)

    def gradient(
        self, rollout: Rollout, rows: np.ndarray, settings: UpdateSettings, losses: np.ndarray
    ) -> dict[str, np.ndarray]:
        """That of a minibatch's loss, by parameter; see `update`. The loss's parts are added to losses (float64[4])."""
        self._set_gradient(rollout, rows, settings, losses)
        return self._layout.to_state_dict(self._gradient)

    def _set_gradient(self, rollout: Rollout, rows: np.ndarray, settings: UpdateSettings, losses: np.ndarray) -> None:
        layers = self._forward(rollout.features, rows)
        at_outputs = fused.loss_gradient(
            layers.outputs, rollout.actions, rollout.log_probs, rollout.advantages, rollout.returns, rollout.teacher,
            rollout.labelled, rows, settings.clip, settings.value, settings.entropy, settings.teacher,
            settings.distance == "wasserstein", losses,
        )  # fmt: skip
        self._gradient[:] = 0
        self._backward(rollout.features, rows, layers, at_outputs)

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> dict[str, float]:
        losses = np.zeros(len(fused.LOSSES))
        minibatches = 0
        for order in orders:
            for start in range(0, len(order) - settings.minibatch + 1, settings.minibatch):
                self._set_gradient(rollout, order[start : start + settings.minibatch], settings, losses)
                minibatches += 1
                self._steps += 1
                fused.adam(
                    self._theta, self._gradient, self._first, self._second, self._steps, settings.learning_rate,
                    settings.grad_norm,
                )  # fmt: skip
        return dict(zip(fused.LOSSES, (losses / minibatches).tolist(), strict=True))

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

    cell_kinds  uint8[objects, colours]: see `Task.cell_kinds`
    """

    def __init__(self, cell_kinds: np.ndarray, rng: np.random.Generator) -> None:
        super().__init__(egocentric.LAYOUT, egocentric.initial_parameters(rng))
        self._cell_kinds = cell_kinds
        self._parts = egocentric.parts_of(self._theta)
        self._gradient_parts = egocentric.parts_of(self._gradient)

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

    def _forward(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> egocentric.Layers:
        return egocentric.forward(self._parts, features["tokens"], features["counts"], rows)

    def _backward(
        self, features: Mapping[str, np.ndarray], rows: np.ndarray, layers: Any, at_outputs: np.ndarray
    ) -> None:
        egocentric.backward(
            self._parts, self._gradient_parts, features["tokens"], features["counts"], rows, layers, at_outputs
        )


class FusedMapStudent(FusedStudent):
    """See `convolutional` for the network."""

    def __init__(self, rng: np.random.Generator) -> None:
        state = convolutional.initial_state(rng)
        super().__init__(convolutional.LAYOUT, convolutional.LAYOUT.from_state_dict(state))
        self._parts = convolutional.parts_of(self._theta)
        self._gradient_parts = convolutional.parts_of(self._gradient)
        self._workspace = convolutional.make_workspace(0)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {"map": np.zeros((rows, egocentric.GRID, egocentric.GRID, 4), np.uint8)}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002
    ) -> None:
        features["map"][:] = observation["map"]

    def _forward(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> convolutional.Layers:
        if len(rows) > len(self._workspace.outputs):
            self._workspace = convolutional.make_workspace(len(rows))
        return convolutional.forward(self._parts, self._workspace, features["map"], rows)

    def _backward(
        self,
        features: Mapping[str, np.ndarray],  # noqa: ARG002 (the layers tell what was shown)
        rows: np.ndarray,  # noqa: ARG002
        layers: Any,
        at_outputs: np.ndarray,
    ) -> None:
        convolutional.backward(self._parts, self._gradient_parts, self._workspace, layers, at_outputs)
