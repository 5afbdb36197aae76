"""MiniGrid's numbers, and one byte for what a cell holds: kind, colour and state together.

A cell's code is kind * 6 + colour, for doors that are closed or locked CLOSED or LOCKED + colour.
"""

from __future__ import annotations

import numpy as np

from pipeline.tasks import minigrid_numbers as numbers
from pipeline.tasks.minigrid_numbers import (
    BALL,
    BOX,
    COLOURS,
    DOOR,
    EMPTY,
    FLOOR,
    GOAL,
    GREY,
    KEY,
    LAVA,
    OBJECTS,
    WALL,
)

KINDS = len(OBJECTS)
CLOSED = KINDS * len(COLOURS)
LOCKED = CLOSED + len(COLOURS)
CODES = LOCKED + len(COLOURS)

NOTHING = EMPTY * 6
OPEN = DOOR * 6
WALL_CODE = WALL * 6 + GREY
"""Codes of an empty cell, a red open door (colours follow), and a wall."""


def code_of(kind: int, colour: int, state: int) -> int:
    """The code of what MiniGrid encodes as (kind, colour, state)."""
    if kind == DOOR and state != numbers.OPEN:
        return (CLOSED if state == numbers.CLOSED else LOCKED) + colour
    return kind * len(COLOURS) + colour


def _contents() -> np.ndarray:
    """uint8[CODES, 3]: kind, colour and state of each code, as MiniGrid encodes them; the inverse of `code_of`."""
    contents = np.zeros((CODES, 3), np.uint8)
    for kind in range(KINDS):
        for colour in range(len(COLOURS)):
            for state in range(3 if kind == DOOR else 1):
                contents[code_of(kind, colour, state)] = kind, colour, state
    return contents


CONTENTS = _contents()
KIND = np.ascontiguousarray(CONTENTS[:, 0])
COLOUR = np.ascontiguousarray(CONTENTS[:, 1])
IS_CLOSED = (np.arange(CODES) >= CLOSED).astype(np.bool_)
"""bool[CODES]: doors that are closed or locked."""
OPAQUE = (KIND == WALL) | IS_CLOSED
"""bool[CODES]: what blocks sight."""
WALKABLE = np.isin(KIND, (EMPTY, FLOOR, GOAL, LAVA)) | ((KIND == DOOR) & ~IS_CLOSED)
"""bool[CODES]: what the agent can walk onto."""
PORTABLE = np.isin(KIND, (KEY, BALL, BOX))
"""bool[CODES]: what the agent can pick up."""
