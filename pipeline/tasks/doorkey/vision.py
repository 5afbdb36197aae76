"""What the agent sees and remembers: the 3x3 view, the map that grows with it, and the description of both.

In a 3x3 view MiniGrid's flood (DESIGN section 6) has a closed form. The agent's cell is transparent, so its own row
and the next are always visible; a cell two rows away is visible if a transparent cell of the row before lies straight
or diagonally before it. Only the view and the cells that an action touched can change, so the observation is kept
up to date cell by cell.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.doorkey.worlds import NOWHERE, OPEN_DOOR, OTHER_KEY
from pipeline.tasks.minigrid_numbers import DOOR, EMPTY, GREY, KEY, LAVA, LOCKED, NO_AGENT, RED, STEPS, UNSEEN, WALL

STEP = np.array([10 * x + y for x, y in STEPS])
"""Change of the cell number by one step in each direction."""


BOARD_BIT = np.array(
    [
        1 << ((cell // 10 - 1) * 8 + cell % 10 - 1) if 1 <= cell // 10 <= 8 and 1 <= cell % 10 <= 8 else 0
        for cell in range(100)
    ],
    np.uint64,
)
"""The bit of each inner cell in a 64-bit board (see `worlds`), 0 for cells on the border."""
COLUMN = np.arange(100) // 10
ROW_BIT = 1 << (np.arange(100) % 10)


@compiled
def show(w, cell):
    """Write a seen cell's contents as they are now into the observation and the boards."""
    kind = w.cells[cell]
    kind_shown = kind
    colour = 0
    state = 0
    if kind == WALL:
        colour = GREY
    elif kind == DOOR:
        colour = w.colour
        state = LOCKED  # an episode ends when its door opens
    elif kind == OPEN_DOOR:
        kind_shown = DOOR
        colour = w.colour
    elif kind == KEY:
        colour = w.colour
    elif kind == OTHER_KEY:
        kind_shown = KEY
        colour = RED
    w.shown[cell, 0] = kind_shown
    w.shown[cell, 1] = colour
    w.shown[cell, 2] = state
    bit = BOARD_BIT[cell]
    w.empty = (w.empty | bit) if kind == EMPTY else (w.empty & ~bit)
    walkable = kind == EMPTY or kind == LAVA
    w.walkable = (w.walkable | bit) if walkable else (w.walkable & ~bit)


@compiled
def show_agent(w):
    """Draw the agent at its cell, with what it holds and nothing else, not even the lava that it has entered."""
    w.shown[w.agent, 0] = KEY if w.held else EMPTY
    w.shown[w.agent, 1] = 0 if w.held == 0 else w.colour if w.held == 1 else RED
    w.shown[w.agent, 3] = w.direction


@compiled
def _notice(w, cell):
    """Remember a visible cell."""
    if w.shown[cell, 0] == UNSEEN:
        column = COLUMN[cell]
        w.seen[column] |= ROW_BIT[cell]
        kind = w.cells[cell]
        if kind == WALL or kind == DOOR:
            w.walls[column] |= ROW_BIT[cell]
        show(w, cell)


@compiled
def _transparent(w, cell):
    return w.cells[cell] != WALL and w.cells[cell] != DOOR


@compiled
def look(w):
    """Add what is visible from where the agent stands to what it remembers."""
    here = w.agent
    ahead = STEP[w.direction]
    aside = 1 if w.direction % 2 == 0 else 10
    near = here + ahead
    for offset in (-aside, 0, aside):
        _notice(w, here + offset)
        _notice(w, near + offset)
    if not BOARD_BIT[near]:  # nothing lies behind the border
        return
    before = _transparent(w, near - aside)
    middle = _transparent(w, near)
    after = _transparent(w, near + aside)
    far = near + ahead
    if before or middle:
        _notice(w, far - aside)
    if before or middle or after:
        _notice(w, far)
    if middle or after:
        _notice(w, far + aside)


@compiled
def first_look(w):
    """The observation at the start of an episode: the first view alone."""
    for cell in range(100):
        w.shown[cell, 0] = UNSEEN
        w.shown[cell, 1] = 0
        w.shown[cell, 2] = 0
        w.shown[cell, 3] = NO_AGENT
    look(w)
    show_agent(w)


@compiled
def in_sight(w, thing):
    """Whether an object has been seen and is not in the hand."""
    cell = w.place[thing]
    return cell != NOWHERE and w.shown[cell, 0] != UNSEEN


@compiled
def description_id(w):
    """Which objects are in sight (bits 0-3: fitting key, other key, doors in scan order) plus 16 x what is held."""
    number = 16 * w.held
    for thing in range(4):
        if in_sight(w, thing):
            number += 1 << thing
    return number


DESCRIPTION_IDS = 48
