"""Homes: two rooms with a doorway, receptacles, clutter and small objects, drawn from a number.

A home is a list of boxes on a floor of WIDTH x DEPTH cells, and objects on the boxes that are receptacles; every engine
reads this one description. A layout is a home with where the robot starts and what it is to fetch: layout seed =
home * LAYOUTS + which of its layouts. Lengths are metres, z points up, the floor is z = 0.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.doorkey.worlds import mix64

CELL = 0.2
"""Side of a cell of the floor; boxes stand on whole cells."""
WIDTH, DEPTH = 40, 30
"""Cells of the floor along x and y: 8 m by 6 m."""
WALL_HEIGHT = 2.5
LAYOUTS = 16
"""Layouts of a home."""
WALLS = 6
"""The first boxes of a home are its walls: four outer ones, and two beside the doorway."""
RECEPTACLES, CLUTTER, OBJECTS = 5, 4, 6
"""At most so many receptacles and clutter boxes, and exactly so many objects."""
BOXES = WALLS + RECEPTACLES + CLUTTER
DOORWAY = 6
"""Cells of the doorway."""
OBJECT = 0.03
"""Half the side of an object, a cube."""

HOME = [
    ("boxes", np.float64, (BOXES, 6)),  # x, y, z from, and x, y, z to
    ("box_count", np.int64),
    ("receptacle_count", np.int64),  # those are the boxes WALLS, WALLS + 1, ...
    ("access", np.float64, (RECEPTACLES, 2)),  # where one reaches for what is on a receptacle: the middle of its front
    ("objects", np.float64, (OBJECTS, 3)),  # the middle of each
    ("lies_on", np.int64, (OBJECTS,)),  # the receptacle it starts on
    ("wall_x", np.float64),  # the middle of the wall between the rooms
]
"""The fields of a record that describe a home."""
LAYOUT = [("start", np.float64, (3,)), ("target", np.int64)]
"""Those that make a layout of it: the robot's first x, y and heading in radians, and the object to fetch."""

U = np.uint64


@compiled
def _draw(rng):
    """A uniform number in [0, 1); rng uint64[1] is the state of splitmix64."""
    word = mix64(rng[0])
    rng[0] += U(0x9E3779B97F4A7C15)
    return (word >> U(11)) * (1.0 / 9007199254740992.0)


@compiled
def _below(rng, count):
    """A whole number from 0 to count - 1."""
    return int(_draw(rng) * count)


@compiled
def _add_box(w, number, x, y, width, depth, height):
    """Box of so many cells from cell (x, y) on."""
    box = w.boxes[number]
    box[0], box[1], box[2] = x * CELL, y * CELL, 0.0
    box[3], box[4], box[5] = (x + width) * CELL, (y + depth) * CELL, height


@compiled
def _apart(w, first, count, x, y, width, depth, gap):
    """Whether a rectangle of cells keeps a gap (in cells) to the boxes first .. count - 1."""
    for number in range(first, count):
        box = w.boxes[number]
        if (
            box[0] < (x + width + gap) * CELL - 1e-6
            and box[3] > (x - gap) * CELL + 1e-6
            and box[1] < (y + depth + gap) * CELL - 1e-6
            and box[4] > (y - gap) * CELL + 1e-6
        ):
            return False
    return True


@compiled
def _clear_of_doorway(x, y, width, depth, wall, door):
    """Whether a rectangle of cells leaves the ways to the doorway free, 1.4 m on either side of it."""
    return x >= wall + 8 or x + width <= wall - 7 or y >= door + DOORWAY + 1 or y + depth <= door - 1


@compiled
def _place_receptacle(w, number, room, wall, door, rng):
    """One receptacle along a wall of a room; False if a place was not found."""
    left, right = (0, wall) if room == 0 else (wall + 1, WIDTH)
    for _ in range(40):
        side, long = _below(rng, 4), 5 + _below(rng, 4)
        width, depth = (long, 3) if side < 2 else (3, long)
        x = left if side == 2 else right - width if side == 3 else left + _below(rng, right - left - width + 1)
        y = 0 if side == 0 else DEPTH - depth if side == 1 else _below(rng, DEPTH - depth + 1)
        if not _clear_of_doorway(x, y, width, depth, wall, door) or not _apart(
            w, WALLS, WALLS + number, x, y, width, depth, 5
        ):
            continue
        _add_box(w, WALLS + number, x, y, width, depth, 0.4 + 0.35 * _draw(rng))
        box, access = w.boxes[WALLS + number], w.access[number]
        access[0], access[1] = 0.5 * (box[0] + box[3]), 0.5 * (box[1] + box[4])
        if side == 0:
            access[1] = box[4] - 0.15
        elif side == 1:
            access[1] = box[1] + 0.15
        elif side == 2:
            access[0] = box[3] - 0.15
        else:
            access[0] = box[0] + 0.15
        return True
    return False


@compiled
def _place_objects(w, rng):
    """Objects near the fronts of receptacles, each of which gets one before any gets more."""
    for number in range(OBJECTS):
        while True:
            on = number if number < w.receptacle_count else _below(rng, w.receptacle_count)
            box, access = w.boxes[WALLS + on], w.access[on]
            across = 0 if abs(access[0] - 0.5 * (box[0] + box[3])) < 1e-9 else 1  # the axis along the front
            along = (_draw(rng) - 0.5) * (box[3 + across] - box[across] - 0.5)
            inward = (_draw(rng) - 0.5) * 0.06
            place = w.objects[number]
            place[across], place[1 - across] = access[across] + along, access[1 - across] + inward
            place[2] = box[5] + OBJECT
            w.lies_on[number] = on
            near = False
            for other in range(number):
                apart = np.hypot(place[0] - w.objects[other, 0], place[1] - w.objects[other, 1])
                near |= apart < 0.15
            if not near:
                break


@compiled
def draw_home(w, home):
    """Fill a record's HOME fields with the home of that number."""
    rng = np.empty(1, U)
    rng[0] = mix64(U(home))
    while True:
        w.boxes[:] = 0
        wall, door = 17 + _below(rng, 6), 3 + _below(rng, DEPTH - DOORWAY - 5)
        _add_box(w, 0, -1, -1, WIDTH + 2, 1, WALL_HEIGHT)
        _add_box(w, 1, -1, DEPTH, WIDTH + 2, 1, WALL_HEIGHT)
        _add_box(w, 2, -1, 0, 1, DEPTH, WALL_HEIGHT)
        _add_box(w, 3, WIDTH, 0, 1, DEPTH, WALL_HEIGHT)
        _add_box(w, 4, wall, 0, 1, door, WALL_HEIGHT)
        _add_box(w, 5, wall, door + DOORWAY, 1, DEPTH - door - DOORWAY, WALL_HEIGHT)
        w.wall_x = (wall + 0.5) * CELL
        wanted = 3 + _below(rng, RECEPTACLES - 2)
        placed = 0
        while placed < wanted and _place_receptacle(w, placed, placed % 2, wall, door, rng):
            placed += 1
        if placed < wanted:
            continue
        w.receptacle_count = wanted
        count = WALLS + wanted
        for _ in range(2 + _below(rng, CLUTTER - 1)):
            for _ in range(30):
                x, y, height = 4 + _below(rng, WIDTH - 9), 4 + _below(rng, DEPTH - 9), 0.3 + 0.9 * _draw(rng)
                if _apart(w, 4, count, x, y, 2, 2, 5) and _clear_of_doorway(x, y, 2, 2, wall, door):
                    _add_box(w, count, x, y, 2, 2, height)
                    count += 1
                    break
        w.box_count = count
        _place_objects(w, rng)
        return


@compiled
def free_disc(w, x, y, radius):
    """Whether a disc on the floor touches no box."""
    for number in range(w.box_count):
        box = w.boxes[number]
        dx = max(box[0] - x, 0.0, x - box[3])
        dy = max(box[1] - y, 0.0, y - box[4])
        if dx * dx + dy * dy < radius * radius:
            return False
    return True


@compiled
def draw_layout(w, seed):
    """Fill a record's HOME and LAYOUT fields with those of a layout seed. The robot starts with 0.5 m around it."""
    draw_home(w, seed // LAYOUTS)
    rng = np.empty(1, U)
    rng[0] = mix64(U(seed) + U(0x51ED2701))
    w.target = _below(rng, OBJECTS)
    start = w.start
    while True:
        start[0], start[1] = _draw(rng) * WIDTH * CELL, _draw(rng) * DEPTH * CELL
        if free_disc(w, start[0], start[1], 0.5):
            break
    start[2] = (2 * _draw(rng) - 1) * np.pi


def home_of(seed: int) -> np.ndarray:
    """The layout of a seed as one record with the fields HOME and LAYOUT."""
    records = np.zeros(1, np.dtype([*HOME, *LAYOUT], align=True))
    _draw_one(records, int(seed))
    return records[0]


@compiled
def _draw_one(records, seed):
    draw_layout(records[0], seed)
