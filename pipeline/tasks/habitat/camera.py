"""The depth camera in the robot's head, by casting a ray through each pixel's middle at boxes.

Depth is the distance along the camera's axis, as Habitat has it: 0 to FAR metres. The view is square, 90 degrees wide.
What it sees: floor, ceiling, the boxes of the home, its objects, and the robot's own arm.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.habitat.homes import OBJECT, OBJECTS, WALL_HEIGHT
from pipeline.tasks.habitat.robot import CAMERA, LINK_HALF, LINKS, TILT

FAR = 10.0
NEAR = 0.02


@compiled
def camera_pose(base, eye, frame):
    """Where the camera is and how it looks.

    base   float64[3]: x, y and heading of the robot
    eye    float64[3]: filled with the camera's place
    frame  float64[3, 3]: filled with what is ahead, to the right and down, a row each
    """
    c, s = np.cos(base[2]), np.sin(base[2])
    eye[0] = base[0] + c * CAMERA[0]
    eye[1] = base[1] + s * CAMERA[0]
    eye[2] = CAMERA[2]
    ct, st = np.cos(TILT), np.sin(TILT)
    frame[0, 0], frame[0, 1], frame[0, 2] = c * ct, s * ct, -st
    frame[1, 0], frame[1, 1], frame[1, 2] = s, -c, 0.0
    frame[2, 0], frame[2, 1], frame[2, 2] = -c * st, -s * st, -ct


@compiled
def _cast(eye, frame, low, high, depth):
    """Put one box, given in the frame in which eye and frame are, into the picture float64[side, side]."""
    side = depth.shape[0]
    left, right, top, bottom = 1e9, -1e9, 1e9, -1e9
    behind = 0
    for corner in range(8):
        x = (high[0] if corner & 1 else low[0]) - eye[0]
        y = (high[1] if corner & 2 else low[1]) - eye[1]
        z = (high[2] if corner & 4 else low[2]) - eye[2]
        ahead = frame[0, 0] * x + frame[0, 1] * y + frame[0, 2] * z
        if ahead <= NEAR:
            behind += 1
            continue
        a = (frame[1, 0] * x + frame[1, 1] * y + frame[1, 2] * z) / ahead
        b = (frame[2, 0] * x + frame[2, 1] * y + frame[2, 2] * z) / ahead
        left, right, top, bottom = min(left, a), max(right, a), min(top, b), max(bottom, b)
    if behind == 8:
        return
    if behind:
        left, right, top, bottom = -1.0, 1.0, -1.0, 1.0
    first, last = max(0, int(np.floor((left + 1) * 0.5 * side))), min(side, int(np.ceil((right + 1) * 0.5 * side)))
    for row in range(max(0, int(np.floor((top + 1) * 0.5 * side))), min(side, int(np.ceil((bottom + 1) * 0.5 * side)))):
        b = (2 * row + 1) / side - 1
        x0, y0, z0 = (
            frame[0, 0] + b * frame[2, 0],
            frame[0, 1] + b * frame[2, 1],
            frame[0, 2] + b * frame[2, 2],
        )
        for column in range(first, last):
            a = (2 * column + 1) / side - 1
            x, y, z = 1 / (x0 + a * frame[1, 0]), 1 / (y0 + a * frame[1, 1]), 1 / (z0 + a * frame[1, 2])
            x1, x2 = (low[0] - eye[0]) * x, (high[0] - eye[0]) * x
            y1, y2 = (low[1] - eye[1]) * y, (high[1] - eye[1]) * y
            z1, z2 = (low[2] - eye[2]) * z, (high[2] - eye[2]) * z
            enters = max(min(x1, x2), min(y1, y2), min(z1, z2))
            leaves = min(max(x1, x2), max(y1, y2), max(z1, z2))
            if enters <= leaves and NEAR < enters < depth[row, column]:
                depth[row, column] = enters


@compiled
def take_picture(w, points, frames, depth):
    """Fill depth, float64[side, side] in metres.

    points, frames  of the arm in the base's frame, see `place_arm`
    """
    side = depth.shape[0]
    eye, frame = np.empty(3), np.empty((3, 3))
    camera_pose(w.pose, eye, frame)
    for row in range(side):
        down = frame[0, 2] + ((2 * row + 1) / side - 1) * frame[2, 2]
        seen = FAR
        if down < 0:
            seen = min(FAR, -eye[2] / down)
        elif down > 0:
            seen = min(FAR, (WALL_HEIGHT - eye[2]) / down)
        depth[row] = seen
    for number in range(w.box_count):
        _cast(eye, frame, w.boxes[number, :3], w.boxes[number, 3:], depth)
    low, high = np.empty(3), np.empty(3)
    for number in range(OBJECTS):
        low[:] = w.objects[number] - OBJECT
        high[:] = w.objects[number] + OBJECT
        _cast(eye, frame, low, high, depth)
    base_eye, own_eye, own_frame = np.array([CAMERA[0], 0.0, CAMERA[2]]), np.empty(3), np.empty((3, 3))
    ct, st = np.cos(TILT), np.sin(TILT)
    ahead = np.array([[ct, 0.0, -st], [0.0, -1.0, 0.0], [-st, 0.0, -ct]])
    for number in range(len(LINKS)):
        start, end = LINKS[number]
        half = LINK_HALF[number]
        length = 0.0
        for k in range(3):
            length += (points[end, k] - points[start, k]) ** 2
        low[0], low[1], low[2] = 0.0, -half, -half
        high[0], high[1], high[2] = np.sqrt(length), half, half
        for i in range(3):  # into the link's frame
            own_eye[i] = 0.0
            for k in range(3):
                own_eye[i] += frames[start, k, i] * (base_eye[k] - points[start, k])
            for j in range(3):
                own_frame[j, i] = 0.0
                for k in range(3):
                    own_frame[j, i] += frames[start, k, i] * ahead[j, k]
        _cast(own_eye, own_frame, low, high, depth)
