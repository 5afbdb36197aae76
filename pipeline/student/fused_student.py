"""The egocentric student on the CPU, all compiled: no torch, no autograd."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.student import egocentric, fused
from pipeline.student.student import Memory, Rollout, Student, UpdateSettings


class FusedStudent(Student):
    """See `egocentric` for the network and `fused` for its update.

    cell_kinds  uint8[objects, colours]: see `Task.cell_kinds`
    """

    parameters = egocentric.PARAMETERS

    def __init__(self, cell_kinds: np.ndarray, rng: np.random.Generator) -> None:
        self._cell_kinds = cell_kinds
        self._theta = egocentric.initial_parameters(rng)
        self._parts = egocentric.parts_of(self._theta)
        self._first = np.zeros_like(self._theta)
        self._second = np.zeros_like(self._theta)
        self._gradient = np.zeros_like(self._theta)
        self._gradient_parts = egocentric.parts_of(self._gradient)
        self._steps = 0
        self._losses = np.zeros(len(fused.LOSSES))

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {"tokens": np.zeros((rows, egocentric.CELLS), np.uint16), "counts": np.zeros(rows, np.int32)}

    def encode(
        self,
        observation: Mapping[str, np.ndarray],
        features: Mapping[str, np.ndarray],
        memory: Memory | None = None,  # noqa: ARG002 (this student keeps nothing)
    ) -> None:
        egocentric.encode(
            observation["map"], self._cell_kinds, egocentric.PLACES, features["tokens"], features["counts"]
        )

    def act(
        self,
        features: Mapping[str, np.ndarray],
        uniforms: np.ndarray | None,
        actions: np.ndarray,
        log_probs: np.ndarray,
        values: np.ndarray,
        memory: Memory | None = None,  # noqa: ARG002
    ) -> None:
        given = np.zeros(len(actions), np.float32) if uniforms is None else uniforms
        tokens, counts = features["tokens"], features["counts"]
        egocentric.act(self._parts, tokens, counts, given, uniforms is None, actions, log_probs, values)

    def update(self, rollout: Rollout, orders: np.ndarray, settings: UpdateSettings) -> dict[str, float]:
        self._steps = fused.update(
            self._theta, self._parts, self._gradient, self._gradient_parts, self._first, self._second, self._steps,
            rollout.features["tokens"], rollout.features["counts"], rollout.actions, rollout.log_probs,
            rollout.advantages, rollout.returns, rollout.teacher, rollout.labelled, orders, settings.minibatch,
            settings.learning_rate, settings.clip, settings.grad_norm, settings.value, settings.entropy,
            settings.teacher, settings.distance == "wasserstein", self._losses,
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
