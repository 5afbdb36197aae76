"""The egocentric student on the CPU, all compiled: no torch, no autograd."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.student import egocentric, fused
from pipeline.student.student import Rollout, Student, UpdateSettings


class FusedStudent(Student):
    """See `egocentric` for the network and `fused` for its update.

    cell_kinds  uint8[objects, colours]: see `Task.cell_kinds`
    """

    parameters = egocentric.PARAMETERS

    def __init__(self, cell_kinds: np.ndarray, rng: np.random.Generator) -> None:
        self._cell_kinds = cell_kinds
        self._theta = egocentric.initial_parameters(rng)
        self._first = np.zeros_like(self._theta)
        self._second = np.zeros_like(self._theta)
        self._gradient = np.zeros_like(self._theta)
        self._steps = 0
        self._losses = np.zeros(len(fused.LOSSES))
        self._features: dict[str, np.ndarray] = {}
        self._acting: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def encode(self, observation: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        maps = observation["map"]
        if len(self._features.get("counts", ())) != len(maps):
            self._features = {
                "tokens": np.zeros((len(maps), egocentric.CELLS), np.uint16),
                "counts": np.zeros(len(maps), np.int32),
            }
        egocentric.encode(maps, self._cell_kinds, egocentric.PLACES, **self._features)
        return self._features

    def act(
        self, features: Mapping[str, np.ndarray], uniforms: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = len(features["counts"])
        if self._acting is None or len(self._acting[0]) != rows:
            self._acting = np.zeros(rows, np.int64), np.zeros(rows, np.float32), np.zeros(rows, np.float32)
        greedy = uniforms is None
        given = np.zeros(rows, np.float32) if uniforms is None else uniforms
        egocentric.act(self._theta, features["tokens"], features["counts"], given, greedy, *self._acting)
        return self._acting

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> dict[str, float]:
        self._steps = fused.update(
            self._theta, self._gradient, self._first, self._second, self._steps,
            rollout.features["tokens"], rollout.features["counts"], rollout.actions, rollout.log_probs,
            rollout.advantages, rollout.returns, rollout.teacher, rollout.labelled, orders, settings.minibatch,
            settings.learning_rate, settings.clip, settings.grad_norm, settings.value, settings.entropy,
            settings.teacher, self._losses,
        )  # fmt: skip
        return dict(zip(fused.LOSSES, self._losses.tolist(), strict=True))

    def weights(self) -> dict[str, np.ndarray]:
        return egocentric.to_state_dict(self._theta)

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        self._theta[:] = egocentric.from_state_dict(weights)

    def optimiser(self) -> dict[str, np.ndarray]:
        return {"first": self._first.copy(), "second": self._second.copy(), "steps": np.array([self._steps])}

    def load_optimiser(self, state: Mapping[str, np.ndarray]) -> None:
        self._first[:] = state["first"]
        self._second[:] = state["second"]
        self._steps = int(state["steps"][0])
