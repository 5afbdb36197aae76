"""Where each of a network's parameters lies in one flat array, for compiled code and its optimiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

ACTIONS = 7
"""How many actions the compiled code is made for: MiniGrid's. Loops of a known length are unrolled."""
OUTPUTS = ACTIONS + 1
"""Of the heads: a logit per action, and the value."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a network.

    name   in torch's state dict
    shape  in torch
    axes   torch's axes in the order of this layout, so that inner loops run over neighbours; empty: torch's order
    flat   the shape after that, with some neighbouring axes made one; empty: all are kept
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...] = ()
    flat: tuple[int, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """Torch's axes in the order of this layout."""
        return self.axes or tuple(range(len(self.shape)))

    @property
    def ordered(self) -> tuple[int, ...]:
        """The shape with the axes in that order."""
        return tuple(self.shape[axis] for axis in self.order)


class Layout:
    """A network's parameters one after another in one array (theta, float32[size])."""

    def __init__(self, *parameters: Parameter) -> None:
        self._parameters = parameters
        self.size = sum(math.prod(parameter.shape) for parameter in parameters)

    def views(self, theta: np.ndarray) -> list[np.ndarray]:
        """Views of theta, one per parameter."""
        views = []
        start = 0
        for parameter in self._parameters:
            size = math.prod(parameter.shape)
            views.append(theta[start : start + size].reshape(parameter.flat or parameter.ordered))
            start += size
        return views

    def to_state_dict(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Copies of the parameters as torch's `state_dict()` has them."""
        named = zip(self._parameters, self.views(theta), strict=True)
        return {p.name: view.reshape(p.ordered).transpose(np.argsort(p.order)).copy() for p, view in named}

    def from_state_dict(self, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """theta from such a state dict. Raises ValueError for other names or shapes."""
        theta = np.zeros(self.size, np.float32)
        names = [parameter.name for parameter in self._parameters]
        if set(state) != set(names):
            raise ValueError(f"wanted parameters {', '.join(names)}; found {', '.join(state)}")
        for parameter, view in zip(self._parameters, self.views(theta), strict=True):
            value = state[parameter.name]
            if value.shape != parameter.shape:
                raise ValueError(f"{parameter.name} has shape {value.shape}, not that of this network")
            view[:] = value.transpose(parameter.order).reshape(view.shape)
        return theta
