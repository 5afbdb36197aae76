"""The egocentric network: where things lie from where the agent stands and looks.

Each cell that the agent has seen becomes a token: its place in a window of 11 x 11 cells around the agent, turned so
that the agent looks one way, and what kind of cell it is. One learned vector per token is added up; two small layers
follow (`modules.EgocentricTrunk` in torch, `fused/egocentric.py` compiled).

| symbol | shape | meaning |
|---|---|---|
| tokens | uint16[rows, cells] | place * KINDS + kind - 1, for each seen cell in the window |
| counts | int32[rows] | how many of a row's tokens count |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.compiled import compiled
from pipeline.student.networks.initial import orthogonal
from pipeline.student.networks.network import Network
from pipeline.tasks.spaces import CellMap

if TYPE_CHECKING:
    from pipeline.student.networks.modules import EgocentricTrunk

REACH = 5
"""How far the window reaches from the agent, in cells."""
SIDE = 2 * REACH + 1
KINDS = 5
TOKENS = SIDE * SIDE * KINDS
WIDTH = 32
HIDDEN = 64
OUTSIDE = 255


def window_places(width: int, height: int) -> np.ndarray:
    """uint8[agent cells, 4 directions, cells]: place in the agent's window, OUTSIDE if beyond it; cell = x*height+y."""
    ahead = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # [4, xy]
    cells = np.stack(np.divmod(np.arange(width * height), height), -1)  # [cells, xy]
    offset = cells[None, :] - cells[:, None]  # [agent, cell, xy]
    forward = np.einsum("acx,dx->adc", offset, ahead)
    aside = np.einsum("acx,dx->adc", offset, np.stack([-ahead[:, 1], ahead[:, 0]], -1))
    inside = (np.abs(forward) <= REACH) & (np.abs(aside) <= REACH)
    return np.where(inside, (forward + REACH) * SIDE + aside + REACH, OUTSIDE).astype(np.uint8)


@compiled
def encode(maps, cell_kinds, places, tokens, counts):
    """Fill tokens and counts from maps (uint8[rows, width, height, 4]).

    cell_kinds  uint8[objects, colours]: 1..KINDS, or 0 for cells that say nothing (unseen ones)
    places      see `window_places`
    """
    width, height = maps.shape[1:3]
    for row in range(maps.shape[0]):
        agent = 0
        direction = 0
        for x in range(width):
            for y in range(height):
                if maps[row, x, y, 3] < 4:
                    agent = x * height + y
                    direction = maps[row, x, y, 3]
        count = 0
        for x in range(width):
            for y in range(height):
                kind = cell_kinds[maps[row, x, y, 0], maps[row, x, y, 1]]
                place = places[agent, direction, x * height + y]
                if kind and place != OUTSIDE:
                    tokens[row, count] = place * KINDS + kind - 1
                    count += 1
        counts[row] = count


class Egocentric(Network):
    """For one remembered map of cells (`CellMap`) of any size."""

    @classmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """See `Network.misfit`."""
        maps = [part for part in space.values() if isinstance(part, CellMap)]
        if len(space) != 1 or not maps:
            return "anything but a single map of cells"
        return None if maps[0].kinds.max() <= KINDS else f"maps with more than {KINDS} kinds of cells"

    def __init__(self, space: spaces.Dict) -> None:
        super().__init__(space)
        ((self._key, cells),) = space.items()
        assert isinstance(cells, CellMap)
        self._kinds = cells.kinds
        width, height = cells.shape[:2]
        self._places = window_places(width, height)
        self._cells = min(width * height, SIDE * SIDE)

    def features(self, rows: int) -> dict[str, np.ndarray]:
        """Tokens and counts."""
        return {"tokens": np.zeros((rows, self._cells), np.uint16), "counts": np.zeros(rows, np.int32)}

    def encode(self, observation: Mapping[str, np.ndarray], features: Mapping[str, np.ndarray]) -> None:
        """See `encode` of this module."""
        encode(observation[self._key], self._kinds, self._places, features["tokens"], features["counts"])

    def trunk(self, frames: int = 1) -> EgocentricTrunk:
        """Each of several frames has vectors of its own."""
        from pipeline.student.networks.modules import EgocentricTrunk

        return EgocentricTrunk(TOKENS, WIDTH, HIDDEN, frames)

    def trunk_state(self, rng: np.random.Generator, frames: int = 1) -> dict[str, np.ndarray]:
        """Small random vectors per token, orthogonal layers; older frames say nothing at first."""
        embedding = np.zeros((frames * TOKENS, WIDTH), np.float32)
        embedding[:TOKENS] = rng.normal(0, 0.1, (TOKENS, WIDTH))
        hidden = np.ascontiguousarray((orthogonal(rng, WIDTH, HIDDEN) * np.sqrt(2)).T, np.float32)
        return {
            "embedding.weight": embedding,
            "embedding_bias": np.zeros(WIDTH, np.float32),
            "hidden.weight": hidden,
            "hidden.bias": np.zeros(HIDDEN, np.float32),
        }
