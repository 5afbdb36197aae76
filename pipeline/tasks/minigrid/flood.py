"""Which cells the agent knows a way to, compiled: one search from where it stands serves all that is asked of a state.

Cells that are known and free are spread over in order of their distance, straight on before left before right. Each
remembers the direction of the first step towards it, so an option needs no way back. As the agent turns towards a cell
that way stays the first of the shortest ones, so options don't turn to and fro.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import KIND, WALKABLE
from pipeline.tasks.minigrid.dynamics import STEP
from pipeline.tasks.minigrid.world import CELLS, NOWHERE
from pipeline.tasks.minigrid_numbers import FORWARD, GOAL, LAVA, LEFT, RIGHT

FREE = WALKABLE & (KIND != LAVA) & (KIND != GOAL)
"""bool[CODES]: what ways lead over: no lava, and not the goal, where an episode ends."""

FLOOD = np.dtype(
    [
        ("distance", np.int16, (CELLS,)),  # steps to each cell, -1 where no known way leads
        ("way", np.uint8, (CELLS,)),  # direction of the first step
        ("queue", np.int16, (CELLS,)),  # the cells, nearest first
        ("count", np.int32),  # how many
    ],
    align=True,
)


@compiled
def flood(w, f):
    """Fill f (FLOOD) with the ways from where the agent stands."""
    f.distance[:] = -1
    f.distance[w.agent] = 0
    f.way[w.agent] = w.direction
    f.queue[0] = w.agent
    count = 1
    head = 0
    while head < count:
        cell = f.queue[head]
        head += 1
        for turn in (0, 3, 1, 2):
            direction = (w.direction + turn) & 3
            after = cell + STEP[direction]
            if f.distance[after] < 0 and FREE[w.known[after]]:
                f.distance[after] = f.distance[cell] + 1
                f.way[after] = direction if head == 1 else f.way[cell]
                f.queue[count] = after
                count += 1
    f.count = count


@compiled
def stand_before(f, cell):
    """The nearest cell from which a cell can be faced, NOWHERE if no way leads to one."""
    nearest = NOWHERE
    for direction in range(4):
        beside = cell - STEP[direction]
        if not 0 <= beside < CELLS or f.distance[beside] < 0:  # a door may be in the outermost wall
            continue
        if nearest == NOWHERE or f.distance[beside] < f.distance[nearest]:
            nearest = beside
    return nearest


@compiled
def turn_or_go(w, direction):
    """The action that brings the agent nearer in a direction: go, or turn towards it (left if it lies behind)."""
    turn = (direction - w.direction) & 3
    return FORWARD if turn == 0 else RIGHT if turn == 1 else LEFT


@compiled
def direction_to(here, beside):
    """The direction from a cell to one next to it."""
    for direction in range(4):
        if here + STEP[direction] == beside:
            return direction
    return 0
