"""The remembered map in letters, for terminals."""

from __future__ import annotations

import numpy as np

from pipeline.tasks.doorkey.description import COLOURS, DOOR, EMPTY, KEY, LAVA, NO_AGENT, UNSEEN, WALL

SIGNS = {UNSEEN: "··", EMPTY: "  ", WALL: "██", LAVA: "~~"}
LETTERS = {DOOR: "D", KEY: "k"}
AGENT = ">v<^"
"""By direction: right, down, left, up."""


def sketch(cells: np.ndarray) -> str:
    """A map uint8[10, 10, 4], indexed [x, y], two letters a cell: rows from top to bottom.

    `██` wall, `··` never seen, `~~` lava; a door is `D`, a key `k`, each after its colour's first letter; the agent
    points where it looks, followed by what it carries.
    """
    return "\n".join("".join(_sign(cells[x, y]) for x in range(cells.shape[0])) for y in range(cells.shape[1]))


def _sign(cell: np.ndarray) -> str:
    kind, colour, _, direction = (int(value) for value in cell)
    if direction != NO_AGENT:
        return AGENT[direction] + LETTERS.get(kind, " ")
    return COLOURS[colour][0] + LETTERS[kind] if kind in LETTERS else SIGNS[kind]
