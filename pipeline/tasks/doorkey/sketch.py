"""The remembered map in letters, for terminals."""

from __future__ import annotations

import numpy as np

from pipeline.tasks.minigrid_numbers import COLOURS, DOOR, EMPTY, KEY, LAVA, NO_AGENT, UNSEEN, WALL

SIGNS = {UNSEEN: "··", EMPTY: "  ", WALL: "██", LAVA: "~~"}
LETTERS = {DOOR: "D", KEY: "k"}
COLOUR_LETTERS = {colour: colour[0] for colour in COLOURS} | {"grey": "e"}
AGENT = ">v<^"
"""By direction: right, down, left, up."""
LEGEND = f"""\
██ wall, ·· never seen, ~~ lava, D door, k key
before D or k the colour: {", ".join(f"{letter} {colour}" for colour, letter in COLOUR_LETTERS.items())}
> v < ^ you, looking right, down, left, up; a k after it is the key that you carry
left and right turn, forward goes on, pickup, drop and toggle (which opens a door) are for the cell before you"""


def sketch(cells: np.ndarray) -> str:
    """A map uint8[10, 10, 4], indexed [x, y], two letters a cell: rows from top to bottom.

    `LEGEND` says what they mean.
    """
    return "\n".join("".join(_sign(cells[x, y]) for x in range(cells.shape[0])) for y in range(cells.shape[1]))


def _sign(cell: np.ndarray) -> str:
    kind, colour, _, direction = (int(value) for value in cell)
    if direction != NO_AGENT:
        return AGENT[direction] + LETTERS.get(kind, " ")
    return COLOUR_LETTERS[COLOURS[colour]] + LETTERS[kind] if kind in LETTERS else SIGNS[kind]
