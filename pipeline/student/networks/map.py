"""The map network: convolutions over the remembered map, then actor and critic, as in the paper.

The paper gives the size (24K) and the input (the 10x10 map, four channels of indices), not the layers. Indices are
names and not amounts, so each channel's values have learned vectors, and a cell is the sum of its four. Three 3x3
convolutions follow, then a small layer (`modules.MapTrunk` in torch, `fused/convolutional.py` compiled).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.student.networks.initial import orthogonal
from pipeline.student.networks.network import Network
from pipeline.tasks.spaces import CellMap

if TYPE_CHECKING:
    from pipeline.student.networks.modules import MapTrunk

VALUES = (11, 6, 3, 5)
"""How many values each channel has: MiniGrid's objects, colours and states, and four directions or none."""
CELL = 8
FIRST, SECOND, THIRD, HIDDEN = 16, 16, 24, 72
"""Channels of the convolutions, and width of the layer after them."""
KERNEL = 3
SMALLEST = 5
"""Cells on a side that the convolutions need at least."""


def last_side(side: int) -> int:
    """Cells on a side after the convolutions: the second has a stride of 2, the third no padding (10 -> 5 -> 3)."""
    return (side + 1) // 2 - KERNEL + 1


class Map(Network):
    """For one remembered map of cells (`CellMap`) and nothing else.

    shape  of the map: width, height, channels
    """

    @classmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """See `Network.misfit`."""
        if len(space) != 1 or not all(isinstance(part, CellMap) for part in space.values()):
            return "anything but a single map of cells"
        ((_, cells),) = space.items()
        return None if min(cells.shape[:2]) >= SMALLEST else f"maps of fewer than {SMALLEST} cells on a side"  # type: ignore[index]

    def __init__(self, space: spaces.Dict) -> None:
        super().__init__(space)
        ((self._key, cells),) = space.items()
        self.shape: tuple[int, ...] = cells.shape or ()

    @property
    def _last(self) -> int:
        """Cells that the last convolution leaves."""
        return last_side(self.shape[0]) * last_side(self.shape[1])

    def features(self, rows: int) -> dict[str, np.ndarray]:
        """The map as it is."""
        return {self._key: np.zeros((rows, *self.shape), np.uint8)}

    def trunk(self, frames: int = 1) -> MapTrunk:
        """Several frames' vectors are put side by side in each cell."""
        from pipeline.student.networks.modules import MapTrunk

        channels = (CELL, FIRST, SECOND, THIRD)
        return MapTrunk(self._key, VALUES, channels, KERNEL, self._last, HIDDEN, frames)

    def trunk_state(self, rng: np.random.Generator, frames: int = 1) -> dict[str, np.ndarray]:
        """Normal vectors, orthogonal layers."""
        state = {f"cells.{k}": rng.normal(0, 0.5, (values, CELL)) for k, values in enumerate(VALUES)}
        for name, outputs, inputs in (
            ("first", FIRST, (CELL * frames, KERNEL, KERNEL)),
            ("second", SECOND, (FIRST, KERNEL, KERNEL)),
            ("third", THIRD, (SECOND, KERNEL, KERNEL)),
            ("hidden", HIDDEN, (self._last * THIRD,)),
        ):
            weight = orthogonal(rng, outputs, int(np.prod(inputs))) * np.sqrt(2)
            state |= {f"{name}.weight": weight.reshape(outputs, *inputs), f"{name}.bias": np.zeros(outputs)}
        return {name: value.astype(np.float32) for name, value in state.items()}

    def first_state(self, rng: np.random.Generator, width: int, outputs: int, frames: int = 1) -> dict[str, np.ndarray]:
        """See `Network.first_state`; the value's weights are orthogonal to the policy's, with a gain of sqrt(2)."""
        state = {f"trunk.{name}": value for name, value in self.trunk_state(rng, frames).items()}
        heads = orthogonal(rng, outputs + 1, width) * np.sqrt(2)
        heads[:outputs] *= 0.01
        bias = np.zeros(outputs + 1, np.float32)
        return {**state, "heads.weight": heads.astype(np.float32), "heads.bias": bias}
