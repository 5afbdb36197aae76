"""The state of many DoorKey worlds as plain arrays, and the compiled drawing of their layouts (DESIGN section 6).

Cells are numbered x*10 + y. The agent can only stand inside the room's walls, so everything about walking fits in one
64-bit board per world, with bit (x-1)*8 + (y-1) for the inner cell (x, y).
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.doorkey.generator import U, integers, seed_generator
from pipeline.tasks.minigrid_numbers import BLUE, COLOURS, DOOR, EMPTY, KEY, LAVA, WALL

SIMPLE, WITH_LAVA, COLORED, DIVERGED = range(4)
KINDS = {"SimpleDoorKey": SIMPLE, "LavaDoorKey": WITH_LAVA, "ColoredDoorKey": COLORED, "DivergedDoorKey": DIVERGED}

OTHER_KEY, OPEN_DOOR = 6, 7
"""The red key of ColoredDoorKey and a door that was opened: cell kinds of this engine only, shown as key and door.
`KEY` is the key that fits."""

SORTED_COLOURS = tuple(COLOURS.index(name) for name in sorted(COLOURS))
"""MiniGrid's colour index of each colour name in alphabetical order."""

NOWHERE = -1

STARTS = 400
"""A layout code is the code of its world times this, and the agent's cell and direction."""

WORLD = np.dtype(
    [
        ("shown", np.uint8, (100, 4)),  # the observation: kind, colour, state, and the agent's direction at its cell
        ("cells", np.uint8, (100,)),  # what is where, seen or not
        ("walkable", np.uint64),  # inner cells seen and thought safe to walk on (lava too: see `guide`)
        ("empty", np.uint64),  # inner cells seen and empty
        ("seen", np.int64, (10,)),  # for each x, bit y: seen in this episode
        ("walls", np.int64, (10,)),  # for each x, bit y: seen, and wall or door
        ("place", np.int64, (4,)),  # cell of each object, NOWHERE if absent or held
        ("agent", np.int64),  # the agent's cell
        ("direction", np.int64),  # 0 right, 1 down, 2 left, 3 up
        ("held", np.int64),  # 0 nothing, 1 the key that fits, 2 the other
        ("colour", np.int64),  # of the door and the key that fits
        ("steps", np.int64),  # since the episode began
        ("code", np.int64),  # layout code
        ("next_seed", np.int64),  # the next candidate seed
        ("total", np.float32),  # return of the episode so far
    ],
    align=True,
)
"""One world. Its objects are numbered: 0 the key that fits, 1 the other key, 2 and 3 the doors in scan order."""


@compiled
def mix64(value):
    """splitmix64 of a uint64 (the compiled twin of the hash in `tasks.splits`)."""
    z = value + U(0x9E3779B97F4A7C15)
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return z ^ (z >> U(31))


@compiled
def in_split(world_code, split):
    """Whether a world belongs to a split: 0 train, 1 validation, 2 test, -1 any."""
    if split < 0:
        return True
    tenth = mix64(U(world_code)) % U(10)
    return (tenth < U(8)) if split == 0 else (tenth == U(7 + split))


@compiled
def _draw_place(rng, cells, left, top, width, height, agent, forbidden):
    """MiniGrid's place_obj: draw x, then y, until the cell is empty, not the agent's, and not forbidden."""
    while True:
        x = integers(rng, left, min(left + width, 10))
        y = integers(rng, top, min(top + height, 10))
        cell = x * 10 + y
        if cells[cell] == EMPTY and cell != agent and cell != forbidden:
            return cell


@compiled
def _wall_place(rng, side, width, height):
    """A door's cell on a side of the room: 0 right, 1 bottom, 2 left, 3 top."""
    if side == 0:
        return (width - 1) * 10 + integers(rng, 1, height - 1)
    if side == 1:
        return integers(rng, 1, width - 1) * 10 + height - 1
    if side == 2:
        return integers(rng, 1, height - 1)
    return integers(rng, 1, width - 1) * 10


@compiled
def draw_layout(w, kind, seed, rng, pool):
    """Draw the layout of a seed, in the order of DESIGN section 6, and start an episode on it."""
    seed_generator(seed, rng, pool)
    smallest = 10 if kind == DIVERGED else 5
    width = integers(rng, smallest, 11)
    height = integers(rng, smallest, 11)
    cells = w.cells
    cells[:] = EMPTY
    for x in range(width):
        cells[x * 10] = WALL
        cells[x * 10 + height - 1] = WALL
    for y in range(height):
        cells[y] = WALL
        cells[(width - 1) * 10 + y] = WALL
    side = integers(rng, 0, 2) if kind == DIVERGED else integers(rng, 0, 4)
    first = _wall_place(rng, side, width, height)
    second = _wall_place(rng, side + 2, width, height) if kind == DIVERGED else NOWHERE
    colour = BLUE if kind == COLORED else SORTED_COLOURS[integers(rng, 0, 6)]
    cells[first] = DOOR
    if second != NOWHERE:
        cells[second] = DOOR
    front = first  # the inner cell before the door
    if kind != DIVERGED:
        front += -10 if side == 0 else -1 if side == 1 else 10 if side == 2 else 1
    other = NOWHERE
    if kind == DIVERGED:
        key = _draw_place(rng, cells, 4, 4, 2, 2, NOWHERE, NOWHERE)
        cells[key] = KEY
        agent = _draw_place(rng, cells, 0, 0, width, height, NOWHERE, NOWHERE)
        direction = integers(rng, 0, 4)
    else:
        agent = _draw_place(rng, cells, 0, 0, width, height, NOWHERE, NOWHERE)
        direction = integers(rng, 0, 4)
        key = _draw_place(rng, cells, 0, 0, width, height, agent, front if kind == COLORED else NOWHERE)
        cells[key] = KEY
        if kind == WITH_LAVA or kind == COLORED:
            other = _draw_place(rng, cells, 0, 0, width, height, agent, front)
            cells[other] = LAVA if kind == WITH_LAVA else OTHER_KEY
    code = np.int64(width)
    code = code * 11 + height
    code = code * 100 + first
    code = code * 101 + second + 1
    code = code * 100 + key
    code = code * 101 + other + 1
    w.code = code * STARTS + agent * 4 + direction
    w.colour = colour
    w.place[0] = key
    w.place[1] = other if kind == COLORED else NOWHERE
    w.place[2] = first if second == NOWHERE or first < second else second
    w.place[3] = NOWHERE if second == NOWHERE else max(first, second)
    w.agent = agent
    w.direction = direction
    w.held = 0
    w.steps = 0
    w.total = 0
    w.seen[:] = 0
    w.walls[:] = 0
    w.walkable = U(0)
    w.empty = U(0)


@compiled
def next_layout(w, kind, split, stride, rng, pool):
    """Draw a world's next layout: the next of its candidate seeds, `stride` apart, whose layout is in the split."""
    while True:
        draw_layout(w, kind, w.next_seed, rng, pool)
        w.next_seed = (w.next_seed + stride) & 0xFFFFFFFF
        if in_split(w.code // STARTS, split):
            return


@compiled
def list_codes(worlds, kind, seeds, codes, rng, pool):
    """Fill codes (int64[count]) with the layout codes of seeds (int64[count]); `worlds` is scratch for one."""
    for k in range(codes.shape[0]):
        draw_layout(worlds[0], kind, seeds[k], rng, pool)
        codes[k] = worlds[0].code
