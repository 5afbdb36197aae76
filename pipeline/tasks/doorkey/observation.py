"""What an agent observes in the DoorKey tasks: the 10x10 map that it remembers."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from pipeline.tasks.minigrid_numbers import COLOURS, DOOR, EMPTY, KEY, LAVA, OBJECTS, RED, WALL
from pipeline.tasks.spaces import CellMap

SIZE = 10
"""Cells along each side of the world; rooms are at most as large."""


def observation_space(colours_matter: bool) -> spaces.Dict:
    """`{"map": uint8[10, 10, 4]}`; kinds of cells: empty, wall, door, key, and last what is not to be touched.

    The last kind is lava, or the key of the wrong colour where colours matter.
    """
    kinds = np.zeros((len(OBJECTS), len(COLOURS)), np.uint8)
    for kind, thing in enumerate((EMPTY, WALL, DOOR, KEY, LAVA), 1):
        kinds[thing] = kind
    if colours_matter:
        kinds[KEY, RED] = kinds[LAVA, 0]
    return spaces.Dict({"map": CellMap(SIZE, SIZE, kinds)})
