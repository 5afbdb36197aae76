"""What the robot remembers of the floor, and the ways that it plans over that.

The map is uint8[WIDTH, DEPTH]: UNKNOWN, FREE (floor was seen there) or OBSTACLE, filled from depth pictures. Ways lead
over it cell by cell; what is unknown counts as passable.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.habitat.camera import camera_pose
from pipeline.tasks.habitat.homes import CELL, DEPTH, WIDTH

UNKNOWN, FREE, OBSTACLE = 0, 1, 2
LOOKS = 32
"""Rows and columns of a picture that are remembered, however many it has."""
STRAIGHT, DIAGONAL = 5, 7
"""Length of a step to a neighbouring cell, in units of CELL / STRAIGHT = 0.04 m."""
UNREACHED = np.int32(1 << 20)
WITHIN = 0.65
"""A way to a place ends within so many metres of it."""


@compiled
def _of_the_arm(points, x, y, z):
    """Whether a place in the base's frame is on the arm or what it holds, 0.12 m around."""
    for number in range(1, len(points) - 1):
        a, b = points[number], points[number + 1]
        along, length = 0.0, 0.0
        place = (x, y, z)
        for k in range(3):
            along += (place[k] - a[k]) * (b[k] - a[k])
            length += (b[k] - a[k]) ** 2
        share = min(1.0, max(0.0, along / length))
        away = 0.0
        for k in range(3):
            away += (place[k] - a[k] - share * (b[k] - a[k])) ** 2
        if away < 0.0144:
            return True
    return False


@compiled
def remember(cells, base, points, depth):
    """Note what a depth picture (metres, float64[side, side]) shows of the floor; the arm is left out."""
    side = depth.shape[0]
    stride = max(1, side // LOOKS)
    eye, frame = np.empty(3), np.empty((3, 3))
    camera_pose(base, eye, frame)
    cosine, sine = np.cos(base[2]), np.sin(base[2])
    here_x, here_y = int(base[0] / CELL), int(base[1] / CELL)
    cells[here_x, here_y] = FREE
    for row in range(stride // 2, side, stride):
        b = (2 * row + 1) / side - 1
        for column in range(stride // 2, side, stride):
            far = depth[row, column]
            if far > 6.0:
                continue
            a = (2 * column + 1) / side - 1
            z = eye[2] + far * (frame[0, 2] + b * frame[2, 2])
            if z > 2.4:
                continue
            on_floor = z < 0.04
            reach = far if on_floor else far + 0.04  # into what was hit, off its border between cells
            x = eye[0] + reach * (frame[0, 0] + a * frame[1, 0] + b * frame[2, 0])
            y = eye[1] + reach * (frame[0, 1] + a * frame[1, 1] + b * frame[2, 1])
            i, j = int(np.floor(x / CELL)), int(np.floor(y / CELL))
            if i < 0 or j < 0 or i >= WIDTH or j >= DEPTH:
                continue
            if on_floor:
                if cells[i, j] == UNKNOWN:
                    cells[i, j] = FREE
            elif cells[i, j] != OBSTACLE:
                dx, dy = x - base[0], y - base[1]
                if far > 1.5 or not _of_the_arm(points, cosine * dx + sine * dy, cosine * dy - sine * dx, z):
                    cells[i, j] = OBSTACLE


@compiled
def true_map(w, cells):
    """The map of a home that is known: uint8[WIDTH, DEPTH]."""
    cells[:] = FREE
    for number in range(4, w.box_count):
        box = w.boxes[number]
        i, j = int(box[0] / CELL + 0.5), int(box[1] / CELL + 0.5)
        cells[i : int(box[3] / CELL + 0.5), j : int(box[4] / CELL + 0.5)] = OBSTACLE


@compiled
def plan(cells, x, y, careful, lengths):
    """Lengths of the shortest ways from every cell to the floor near a place.

    cells    uint8[WIDTH, DEPTH], a map
    x, y     metres; a way ends within WITHIN of it, with 0.3 m to what is known to stand there
    careful  whether ways keep away from obstacles: cells beside them count eight times, and those next to these four
    lengths  int32[WIDTH, DEPTH]: filled, in units of 0.04 m; UNREACHED where there is no way
    """
    cost = np.ones((WIDTH, DEPTH), np.int32)
    for i in range(WIDTH):
        for j in range(DEPTH):
            edge = min(i, WIDTH - 1 - i, j, DEPTH - 1 - j)
            if edge == 0:
                cost[i, j] = 8
            elif edge == 1:
                cost[i, j] = max(cost[i, j], 4)
            if cells[i, j] == OBSTACLE:
                for k in range(max(0, i - 2), min(WIDTH, i + 3)):
                    for m in range(max(0, j - 2), min(DEPTH, j + 3)):
                        near = max(abs(k - i), abs(m - j))
                        cost[k, m] = max(cost[k, m], 4 if near == 2 else 8)
    queue = np.empty(WIDTH * DEPTH, np.int32)
    waiting = np.zeros((WIDTH, DEPTH), np.bool_)
    lengths[:] = UNREACHED
    head, count = 0, 0
    reach = int(WITHIN / CELL) + 1
    for i in range(max(0, int(x / CELL) - reach), min(WIDTH, int(x / CELL) + reach + 1)):
        for j in range(max(0, int(y / CELL) - reach), min(DEPTH, int(y / CELL) + reach + 1)):
            away = np.hypot((i + 0.5) * CELL - x, (j + 0.5) * CELL - y)
            if away < WITHIN and cost[i, j] < 8:
                lengths[i, j] = 0
                waiting[i, j] = True
                queue[count] = i * DEPTH + j
                count += 1
    while count > 0:
        cell = queue[head]
        head = head + 1 if head + 1 < len(queue) else 0
        count -= 1
        i, j = cell // DEPTH, cell % DEPTH
        waiting[i, j] = False
        for di in range(-1, 2):
            for dj in range(-1, 2):
                k, m = i + di, j + dj
                if (di == 0 and dj == 0) or k < 0 or m < 0 or k >= WIDTH or m >= DEPTH or cells[k, m] == OBSTACLE:
                    continue
                step = STRAIGHT if di == 0 or dj == 0 else DIAGONAL
                through = lengths[i, j] + (step * max(cost[i, j], cost[k, m]) if careful else step)
                if through < lengths[k, m]:
                    lengths[k, m] = through
                    if not waiting[k, m]:
                        waiting[k, m] = True
                        tail = head + count
                        queue[tail if tail < len(queue) else tail - len(queue)] = k * DEPTH + m
                        count += 1


@compiled
def way(lengths, base, x, y, out):
    """Where a way leads next: out float64[3] = metres to go, and how far ahead and to the left, of a metre.

    lengths  from `plan`; base float64[3]; where it ends, or if there is none, straight to the place x, y
    """
    i, j = int(base[0] / CELL), int(base[1] / CELL)
    start = lengths[i, j]
    toward_x, toward_y = x, y
    if 0 < start < UNREACHED:
        for _ in range(4):
            best, next_i, next_j = lengths[i, j], i, j
            for k in range(max(0, i - 1), min(WIDTH, i + 2)):
                for m in range(max(0, j - 1), min(DEPTH, j + 2)):
                    if lengths[k, m] < best:
                        best, next_i, next_j = lengths[k, m], k, m
            i, j = next_i, next_j
        toward_x, toward_y = (i + 0.5) * CELL, (j + 0.5) * CELL
    dx, dy = toward_x - base[0], toward_y - base[1]
    away = max(1e-6, np.hypot(dx, dy))
    c, s = np.cos(base[2]), np.sin(base[2])
    out[0] = min(start, 500) * (CELL / STRAIGHT)
    out[1], out[2] = (c * dx + s * dy) / away, (c * dy - s * dx) / away
