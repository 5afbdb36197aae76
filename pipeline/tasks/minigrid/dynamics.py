"""MiniGrid's seven actions (`MiniGridEnv.step` and the objects' own `toggle` of the installed package), compiled."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import CLOSED, COLOUR, KIND, LOCKED, NOTHING, OPEN, PORTABLE, WALKABLE
from pipeline.tasks.minigrid.world import NOWHERE, SIDE
from pipeline.tasks.minigrid_numbers import BOX, DOOR, DROP, FORWARD, GOAL, KEY, LAVA, LEFT, PICK_UP, RIGHT, TOGGLE

STEP = np.array([SIDE, 1, -SIDE, -1])
"""Change of the cell number by one step in each direction."""

NOTHING_SPECIAL, REACHED_GOAL, DIED = range(3)


@compiled
def _put(w, cell, number, code):
    """Make a cell in front of the agent, which therefore knows it, hold a thing (0: none) and its code."""
    w.thing[cell] = number
    w.cells[cell] = code
    w.known[cell] = code
    if number:
        w.place[number] = cell
    w.changed = 1


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
        _put(w, front, number, code)
    elif KIND[code] == BOX:
        inside = w.inside[number]
        w.place[number] = NOWHERE
        _put(w, front, inside, w.code[inside] if inside else NOTHING)


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
            if w.thing[front] or w.thing[w.agent]:  # what the agent stands on is not on its map
                w.changed = 1
            w.agent = front
            if KIND[code] == GOAL:
                return REACHED_GOAL
            if KIND[code] == LAVA:
                return DIED
    elif action == PICK_UP:
        if w.held == 0 and PORTABLE[code]:
            w.held = w.thing[front]
            w.place[w.held] = NOWHERE
            _put(w, front, 0, NOTHING)
    elif action == DROP:
        if w.held and code == NOTHING:
            _put(w, front, w.held, w.code[w.held])
            w.held = 0
    elif action == TOGGLE:
        _toggle(w, front)
    return NOTHING_SPECIAL
