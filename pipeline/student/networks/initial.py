"""First parameters of networks, drawn with NumPy: the same for the compiled and the torch version of a network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A random matrix with orthonormal rows or columns, whichever are fewer."""
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


def orthogonal_state(shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Orthogonal weights of gain sqrt(2), as rectified layers want (Saxe et al. 2014), and biases of zero, in order.

    shapes  of a network's parameters by name: weights [outputs, inputs...], biases [outputs]
    """
    state = {}
    for name, shape in shapes.items():
        value = np.zeros(shape)
        if len(shape) > 1:
            value = np.sqrt(2) * orthogonal(rng, shape[0], int(np.prod(shape[1:]))).reshape(shape)
        state[name] = value.astype(np.float32)
    return state


def heads_state(rng: np.random.Generator, width: int, policy_outputs: int) -> dict[str, np.ndarray]:
    """The heads' first parameters: a policy that hardly depends on what is seen, and a value of gain 1."""
    policy, value = orthogonal(rng, policy_outputs, width) * 0.01, orthogonal(rng, 1, width)
    weight = np.concatenate([policy, value]).astype(np.float32)
    return {"heads.weight": weight, "heads.bias": np.zeros(policy_outputs + 1, np.float32)}
