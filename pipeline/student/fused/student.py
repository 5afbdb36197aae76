"""The students on the CPU, all compiled: no torch, no autograd."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from pipeline.student.fused import convolutional, egocentric, relational
from pipeline.student.fused import update as fused
from pipeline.student.fused.layout import ACTIONS, Layout
from pipeline.student.networks.egocentric import Egocentric
from pipeline.student.networks.map import Map
from pipeline.student.networks.network import Network
from pipeline.student.networks.relational import Relational
from pipeline.student.policies import Categorical, Policy
from pipeline.student.student import LOSSES, Memory, Reduce, Rollout, Student, UpdateSettings


def layers_of(network: Network) -> ModuleType | None:
    """The module with a network's compiled layers; None where only torch has them."""
    if isinstance(network, Relational):
        return relational
    if isinstance(network, Egocentric):
        return egocentric
    side = convolutional.GRID
    return convolutional if isinstance(network, Map) and network.shape[:2] == (side, side) else None


def misfit(network: Network, policy: Policy, memory: str, device: str, sees_state: bool) -> str | None:
    """Why a student can't be a fused one, in words; None if it can.

    sees_state  whether there is a central critic
    """
    if device != "cpu" or memory != "none":
        return "the compiled update is for students on 'cpu' without memory"
    if layers_of(network) is None or sees_state:
        return "the compiled update is for the networks egocentric, relational and map (of 10 x 10 cells)"
    if not isinstance(policy, Categorical) or policy.outputs != ACTIONS:
        return f"the compiled update is for {ACTIONS} discrete actions"
    return None


class FusedStudent(Student):
    """A network that is compiled, gradient and all, with the update of `fused.update`.

    Raises ValueError for a network without compiled layers.
    """

    def __init__(self, network: Network, policy: Policy, rng: np.random.Generator) -> None:
        layers = layers_of(network)
        if layers is None:
            raise ValueError("this network has no compiled layers")
        self._network, self.policy = network, policy
        self._layout: Layout = layers.layout()
        self.parameters = self._layout.size
        self._theta = self._layout.from_state_dict(network.first_state(rng, layers.HIDDEN, policy.outputs))
        self._gradient, self._first, self._second = np.zeros((3, self.parameters), np.float32)
        self._parts, self._gradient_parts = layers.parts_of(self._theta), layers.parts_of(self._gradient)
        self._make_workspace = layers.make_workspace
        self._work, self._room = layers.make_workspace(0), 0
        self._steps = 0

    def _workspace(self, rows: int) -> Any:
        """What the layers keep between calls, with room for so many rows."""
        if rows > self._room:
            self._work, self._room = self._make_workspace(rows), rows
        return self._work

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return self._network.features(rows)

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002 (these students keep nothing)
    ) -> None:
        self._network.encode(observation, features)

    def act(
        self,
        features: Mapping[str, np.ndarray],
        noise: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,  # noqa: ARG002
    ) -> None:
        uniforms = np.zeros(len(actions), np.float32) if noise is None else noise
        work = self._workspace(len(actions))
        fused.act(self._parts, work, tuple(features.values()), uniforms, noise is None, actions, log_probs, values)

    def gradient(
        self, rollout: Rollout, rows: np.ndarray, settings: UpdateSettings, losses: np.ndarray
    ) -> dict[str, np.ndarray]:
        """That of the loss over those rows, by parameter. The loss's parts are added to losses (float64[4])."""
        self._add_gradient(rollout, rows, settings, losses)
        return self._layout.to_state_dict(self._gradient)

    def _add_gradient(self, rollout: Rollout, rows: np.ndarray, settings: UpdateSettings, losses: np.ndarray) -> None:
        self._gradient[:] = 0
        fused.minibatch_gradient(
            self._parts, self._gradient_parts, self._workspace(len(rows)), tuple(rollout.features.values()),
            _experience(rollout), rows, _coefficients(settings), losses,
        )  # fmt: skip

    def update(
        self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings, reduce: Reduce | None = None
    ) -> dict[str, float]:
        losses = np.zeros(len(LOSSES))
        if reduce is not None:
            self._update_together(rollout, orders, settings, reduce, losses)
        else:
            self._steps = fused.update(
                self._parts, self._gradient_parts, self._workspace(settings.minibatch),
                tuple(rollout.features.values()), _experience(rollout), orders, settings.minibatch,
                _coefficients(settings), self._adam(settings), self._steps, losses,
            )  # fmt: skip
        return dict(zip(LOSSES, losses.tolist(), strict=True))

    def _update_together(
        self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings, reduce: Reduce, losses: np.ndarray
    ) -> None:
        """The same as the compiled update, with a reduction between each gradient and its step."""
        starts = range(0, orders.shape[1] - settings.minibatch + 1, settings.minibatch)
        adam = self._adam(settings)
        for order in orders:
            for start in starts:
                self._add_gradient(rollout, order[start : start + settings.minibatch], settings, losses)
                reduce(self._gradient)
                self._steps += 1
                fused.adam_step(adam, self._steps)
        losses /= len(orders) * len(starts)

    def _adam(self, settings: UpdateSettings) -> fused.Adam:
        arrays = (self._theta, self._gradient, self._first, self._second)
        return fused.Adam(*arrays, settings.learning_rate, settings.epsilon, settings.grad_norm)

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


def _experience(rollout: Rollout) -> fused.Experience:
    return fused.Experience(
        rollout.actions, rollout.log_probs, rollout.advantages, rollout.returns, rollout.teacher, rollout.labelled
    )


def _coefficients(settings: UpdateSettings) -> fused.Coefficients:
    return fused.Coefficients(
        float(settings.clip),
        float(settings.policy),
        float(settings.value),
        float(settings.entropy),
        float(settings.teacher),
        settings.distance == "wasserstein",
    )
