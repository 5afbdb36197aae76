"""MiniGrid's numbers, and one byte for what a cell holds: kind, colour and state together.

A cell's code is kind * 6 + colour, for doors that are closed or locked CLOSED or LOCKED + colour.
"""

from __future__ import annotations

import numpy as np

UNSEEN, EMPTY, WALL, FLOOR, DOOR, KEY, BALL, BOX, GOAL, LAVA, AGENT = range(11)
"""MiniGrid's kinds of objects, by number."""
COLOURS = ("red", "green", "blue", "purple", "yellow", "grey")
GREY = 5
OPEN_STATE, CLOSED_STATE, LOCKED_STATE = range(3)
"""MiniGrid's states of doors."""

KINDS = 11
CLOSED = KINDS * len(COLOURS)
LOCKED = CLOSED + len(COLOURS)
CODES = LOCKED + len(COLOURS)

NOTHING = EMPTY * 6
OPEN = DOOR * 6
WALL_CODE = WALL * 6 + GREY


def code_of(kind: int, colour: int, state: int) -> int:
    """The code of what MiniGrid encodes as (kind, colour, state)."""
    if kind == DOOR and state != OPEN_STATE:
        return (CLOSED if state == CLOSED_STATE else LOCKED) + colour
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
