"""The policy over teachers without autograd, for the networks that are compiled.

The same arithmetic as `methods/over_teachers.py`, where what it does is told; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.fused.dispatch import backward, forward
from pipeline.student.fused.student import layers_of
from pipeline.student.fused.update import Adam, adam_step
from pipeline.student.networks.network import Network
from pipeline.student.student import Rollout, UpdateSettings

ROWS_AT_ONCE = 512
"""Rows that `mix` passes through the network at a time."""


@compiled_fast
def _weights(scores, k, can_act, weights):
    """Fill weights (float32[options]) for row k of scores, over the options that can act (bool[options])."""
    any_can = False
    for j in range(weights.shape[0]):
        any_can |= can_act[j]
    top = np.float32(-1e30)
    for j in range(weights.shape[0]):
        if can_act[j] or not any_can:
            top = max(top, scores[k, j])
    total = np.float32(0)
    for j in range(weights.shape[0]):
        weights[j] = math.exp(scores[k, j] - top) if can_act[j] or not any_can else np.float32(0)
        total += weights[j]
    for j in range(weights.shape[0]):
        weights[j] /= total


@compiled
def weigh(p, work, features, rows, can_act, weights):
    """Fill weights (float32[n, options]) for the given n rows (int64[n]); can_act bool[all rows, options]."""
    scores = forward(p, work, features, rows).outputs
    for k in range(rows.shape[0]):
        _weights(scores, k, can_act[rows[k]], weights[k])


@compiled
def _minibatch(p, g, work, features, rows, can_act, likelihoods, old_probs, log_probs, advantages, clip, entropy):
    """Set g (Parts), given as zeros, to the gradient of the clipped surrogate and the entropy bonus over the rows."""
    n = rows.shape[0]
    mean = 0.0
    for k in range(n):
        mean += advantages[rows[k]]
    mean /= n
    variance = 0.0
    for k in range(n):
        variance += (advantages[rows[k]] - mean) ** 2
    scale = 1 / (np.sqrt(variance / max(n - 1, 1)) + 1e-8)
    layers = forward(p, work, features, rows)
    options = can_act.shape[1]
    at_scores = np.empty((n, options), np.float32)
    weights = np.empty(options, np.float32)
    for k in range(n):
        row = rows[k]
        _weights(layers.outputs, k, can_act[row], weights)
        prob, spread = 0.0, 0.0
        for j in range(options):
            prob += weights[j] * likelihoods[row, j]
            if weights[j] > 0:
                spread -= weights[j] * math.log(weights[j])
        student = math.exp(log_probs[row])
        lower, upper = min(old_probs[row], student), max(old_probs[row], student)
        clipped = min(max(prob, (1 - clip) * lower), (1 + clip) * upper)
        advantage = (advantages[row] - mean) * scale
        push = -advantage / (upper * n) if prob * advantage <= clipped * advantage else 0.0
        for j in range(options):
            surprise = math.log(weights[j]) if weights[j] > 0 else 0.0
            at_scores[k, j] = weights[j] * (push * (likelihoods[row, j] - prob) + entropy / n * (surprise + spread))
    backward(p, g, work, features, rows, layers, at_scores)


@compiled
def _improve(p, g, work, features, can_act, likelihoods, old_probs, log_probs, advantages, orders, minibatch, clip,
             entropy, adam, step):  # fmt: skip
    """All epochs of one iteration, in place; returns Adam's step count afterwards."""
    for epoch in range(orders.shape[0]):
        for start in range(0, orders.shape[1] - minibatch + 1, minibatch):
            adam.gradient[:] = 0
            rows = orders[epoch, start : start + minibatch]
            _minibatch(
                p, g, work, features, rows, can_act, likelihoods, old_probs, log_probs, advantages, clip, entropy
            )
            step += 1
            adam_step(adam, step)
    return step


class FusedPolicyOverTeachers:
    """See `PolicyOverTeachers`, whose parameters these are; for discrete actions.

    Raises ValueError for a network without compiled layers.
    """

    def __init__(self, options: int, network: Network, rng: np.random.Generator) -> None:
        layers = layers_of(network)
        if layers is None:
            raise ValueError("this network has no compiled layers")
        trunk = {f"trunk.{name}": value for name, value in network.trunk_state(rng).items()}
        heads = np.zeros((options, layers.HIDDEN), np.float32)  # at first, all options that can act weigh the same
        self._layout = layers.layout(options)
        state = {**trunk, "heads.weight": heads, "heads.bias": np.zeros(options, np.float32)}
        self._theta = self._layout.from_state_dict(state)
        self._gradient, self._first, self._second = np.zeros((3, self._layout.size), np.float32)
        self._parts = layers.parts_of(self._theta, options)
        self._gradient_parts = layers.parts_of(self._gradient, options)
        self._make_workspace, self._work, self._room = layers.make_workspace, None, -1
        self._options = options
        self._steps = 0
        self._weights = np.zeros((0, options), np.float32)

    def _workspace(self, rows: int) -> object:
        if rows > self._room:
            self._work, self._room = self._make_workspace(rows, self._options), rows
        return self._work

    def mix(
        self, features: Mapping[str, np.ndarray], policies: np.ndarray, teacher: np.ndarray, labelled: np.ndarray
    ) -> None:
        """See `PolicyOverTeachers.mix`."""
        n = len(policies)
        self._weights = np.zeros((n, self._options), np.float32)
        can_act = policies.any(-1)
        for start in range(0, n, ROWS_AT_ONCE):
            rows = np.arange(start, min(start + ROWS_AT_ONCE, n))
            work = self._workspace(ROWS_AT_ONCE)
            weigh(self._parts, work, tuple(features.values()), rows, can_act, self._weights[start : start + len(rows)])
        np.einsum("rk,rka->ra", self._weights, policies, out=teacher)
        labelled[:] = can_act.any(1)

    def update(self, rollout: Rollout, policies: np.ndarray, orders: np.ndarray, settings: UpdateSettings) -> None:
        """See `PolicyOverTeachers.update`."""
        likelihoods = np.take_along_axis(policies, rollout.actions[:, None, None], 2)[..., 0]  # [rows, options]
        old_probs = np.einsum("rk,rk->r", self._weights, likelihoods)
        arrays = (self._theta, self._gradient, self._first, self._second)
        adam = Adam(*arrays, settings.learning_rate, settings.epsilon, settings.grad_norm)
        self._steps = _improve(
            self._parts, self._gradient_parts, self._workspace(settings.minibatch), tuple(rollout.features.values()),
            policies.any(-1), likelihoods, old_probs, rollout.log_probs, rollout.advantages, orders,
            settings.minibatch, float(settings.clip), float(settings.entropy), adam, self._steps,
        )  # fmt: skip

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the parameters, named as in torch's state dict."""
        return self._layout.to_state_dict(self._theta)

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the parameters and the optimiser's state."""
        return {
            "theta": self._theta.copy(),
            "first": self._first.copy(),
            "second": self._second.copy(),
            "steps": np.array([self._steps]),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `state` was taken."""
        for name, kept in (("theta", self._theta), ("first", self._first), ("second", self._second)):
            kept[:] = state[name]
        self._steps = int(state["steps"][0])
