"""MiniGrid's seven actions (`MiniGridEnv.step` and the objects' own `toggle` of the installed package), compiled."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import (
    BOX,
    CLOSED,
    COLOUR,
    DOOR,
    GOAL,
    KEY,
    KIND,
    LAVA,
    LOCKED,
    NOTHING,
    OPEN,
    PORTABLE,
    WALKABLE,
)
from pipeline.tasks.minigrid.world import NOWHERE, SIDE

LEFT, RIGHT, FORWARD, PICK_UP, DROP, TOGGLE, DONE = range(7)
ACTIONS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
"""MiniGrid's actions, by number."""
STEP = np.array([SIDE, 1, -SIDE, -1])
"""Change of the cell number by one step in each direction."""

NOTHING_SPECIAL, REACHED_GOAL, DIED = range(3)


@compiled
def _toggle(w, front):
    """Open or close a door (a locked one only with its key in the hand), or replace a box by what it holds."""
    code = w.cells[front]
    colour = COLOUR[code]
    number = w.thing[front]
    if KIND[code] == DOOR:
        if code >= LOCKED:
            if w.held == 0 or w.code[w.held] != KEY * 6 + colour:
                return
            code = OPEN + colour
        elif code >= CLOSED:
            code = OPEN + colour
        else:
            code = CLOSED + colour
        w.code[number] = code
        w.cells[front] = code
        w.changed = 1
    elif KIND[code] == BOX:
        inside = w.inside[number]
        w.place[number] = NOWHERE
        w.thing[front] = inside
        w.cells[front] = w.code[inside] if inside else NOTHING
        if inside:
            w.place[inside] = front
        w.changed = 1


@compiled
def act(w, action):
    """Carry out one action; gives NOTHING_SPECIAL, REACHED_GOAL or DIED."""
    front = w.agent + STEP[w.direction]
    code = w.cells[front]
    if action == LEFT:
        w.direction = (w.direction + 3) & 3
    elif action == RIGHT:
        w.direction = (w.direction + 1) & 3
    elif action == FORWARD:
        if WALKABLE[code]:
            w.agent = front
            if KIND[code] == GOAL:
                return REACHED_GOAL
            if KIND[code] == LAVA:
                return DIED
    elif action == PICK_UP:
        if w.held == 0 and PORTABLE[code]:
            w.held = w.thing[front]
            w.place[w.held] = NOWHERE
            w.thing[front] = 0
            w.cells[front] = NOTHING
            w.changed = 1
    elif action == DROP:
        if w.held and code == NOTHING:
            w.cells[front] = w.code[w.held]
            w.thing[front] = w.held
            w.place[w.held] = front
            w.held = 0
            w.changed = 1
    elif action == TOGGLE:
        _toggle(w, front)
    return NOTHING_SPECIAL
