"""Maps drawn in letters, for tests."""

import numpy as np

from pipeline.tasks.minigrid_numbers import (
    BALL,
    BOX,
    CLOSED,
    COLOURS,
    DOOR,
    EMPTY,
    GOAL,
    KEY,
    LAVA,
    LOCKED,
    NO_AGENT,
    OPEN,
    UNSEEN,
    WALL,
)

SIGNS = {"?": UNSEEN, ".": EMPTY, "#": WALL, "G": GOAL, "~": LAVA, "k": KEY, "o": BALL, "b": BOX}
DOORS = {"_": OPEN, "D": CLOSED, "L": LOCKED}
AGENT = ">v<^"
LETTERS = {("e" if name == "grey" else name[0]): number for number, name in enumerate(COLOURS)}


def drawn(text: str, marks: str = "", held: str = "") -> np.ndarray:
    """A map uint8[width, height, 4]: two signs a cell, rows from top to bottom.

    The first sign is the colour's first letter (green is `g`, grey `e`), or a space; the second what is there.
    marks  for signs with an upper-case colour, in their order: the mark of the thing
    held   the same two signs for what the agent holds, a third one for its mark
    """
    rows = text.strip("\n").splitlines()
    cells = np.zeros((len(rows[0]) // 2, len(rows), 4), np.uint8)
    cells[..., 3] = NO_AGENT
    left = list(marks)
    for y, row in enumerate(rows):
        for x in range(cells.shape[0]):
            colour, sign = row[2 * x : 2 * x + 2]
            mark = int(left.pop(0)) if colour.isupper() else 0
            cells[x, y, :3] = _cell(colour.lower(), "." if sign in AGENT else sign, mark)
            if sign in AGENT:
                cells[x, y, 3] = AGENT.index(sign)
                if held:
                    cells[x, y, :3] = _cell(held[0], held[1], int(held[2:] or 0))
    return cells


def _cell(colour: str, sign: str, mark: int) -> tuple[int, int, int]:
    number = LETTERS.get(colour, 0)
    if sign in DOORS:
        return DOOR, number, DOORS[sign] + 3 * mark
    kind = SIGNS[sign]
    return kind, (number if kind in (KEY, BALL, BOX) else 0), 3 * mark
