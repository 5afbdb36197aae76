"""How the robot moves: a base that drives and turns, stopped by what it touches, and an arm that follows its joints."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.habitat.robot import ELBOW, GRIP, HIGH, JOINTS, LOW, RADIUS, WRIST, place_arm

DRIVE, TURN, JOINT = 0.05, 0.08, 0.05
"""Metres, radians and radians per step at full action: 1.5 m/s, 2.4 rad/s and 1.5 rad/s at 30 steps a second."""
FRICTION = 1.0
"""Coulomb's coefficient between the base and what it touches: it slides only when it is pushed along more than in."""
SKIN = 0.03
"""How near the arm's elbow, wrist and grip may come to a box."""


@compiled
def to_world(base, point, out):
    """A point of the base's frame as a place in the home."""
    c, s = np.cos(base[2]), np.sin(base[2])
    x, y = point[0], point[1]
    out[0], out[1], out[2] = base[0] + c * x - s * y, base[1] + s * x + c * y, point[2]


@compiled
def to_base(base, place, out):
    """A place in the home as a point of the base's frame."""
    c, s = np.cos(base[2]), np.sin(base[2])
    x, y = place[0] - base[0], place[1] - base[1]
    out[0], out[1], out[2] = c * x + s * y, c * y - s * x, place[2]


@compiled
def _overlap(w, x, y, normal):
    """How deep the base at (x, y) is in the box that it overlaps most, in metres; normal points out of that box."""
    deepest = 0.0
    for number in range(w.box_count):
        box = w.boxes[number]
        dx = x - min(max(x, box[0]), box[3])
        dy = y - min(max(y, box[1]), box[4])
        away = np.hypot(dx, dy)
        if away > 1e-9 and RADIUS - away > deepest:
            deepest = RADIUS - away
            normal[0], normal[1] = dx / away, dy / away
        elif away <= 1e-9:
            return 1e9
    return deepest


@compiled
def _arm_touches(w, base, points):
    """Whether elbow, wrist or grip is in a box, or nearer to it than SKIN."""
    place = np.empty(3)
    for joint in (ELBOW, WRIST, GRIP):
        to_world(base, points[joint], place)
        for number in range(w.box_count):
            box = w.boxes[number]
            if (
                box[0] - SKIN < place[0] < box[3] + SKIN
                and box[1] - SKIN < place[1] < box[4] + SKIN
                and place[2] < box[5] + SKIN
            ):
                return True
    return False


@compiled
def drive(w, forward, turning, points):
    """Move the base by shares (-1 to 1) of DRIVE and TURN; returns whether it touched something.

    Against a box what remains of a move is what goes along it, less FRICTION times what went into it.
    """
    before_x, before_y, before_heading = w.pose[0], w.pose[1], w.pose[2]
    heading = before_heading + TURN * turning
    if heading > np.pi:
        heading -= 2 * np.pi
    elif heading < -np.pi:
        heading += 2 * np.pi
    move_x, move_y = DRIVE * forward * np.cos(heading), DRIVE * forward * np.sin(heading)
    normal = np.zeros(2)
    touched = False
    if _overlap(w, before_x + move_x, before_y + move_y, normal) > 0:
        touched = True
        into = -(move_x * normal[0] + move_y * normal[1])
        along_x, along_y = move_x + into * normal[0], move_y + into * normal[1]
        along = np.hypot(along_x, along_y)
        kept = max(0.0, 1 - FRICTION * max(0.0, into) / along) if along > 1e-12 else 0.0
        move_x, move_y = kept * along_x, kept * along_y
        if _overlap(w, before_x + move_x, before_y + move_y, normal) > 1e-3:
            move_x, move_y = 0.0, 0.0
    w.pose[0], w.pose[1], w.pose[2] = before_x + move_x, before_y + move_y, heading
    if _arm_touches(w, w.pose, points):
        w.pose[0], w.pose[1], w.pose[2] = before_x, before_y, before_heading
        return True
    return touched


@compiled
def move_arm(w, action, points, frames):
    """Move the joints by shares (-1 to 1, [7]) of JOINT within their bounds; returns whether the arm touched something.

    Where it would, it stays. points and frames, see `place_arm`, are those of the arm before and after.
    """
    before = w.joints.copy()
    for number in range(JOINTS):
        w.joints[number] = min(max(before[number] + JOINT * action[number], LOW[number]), HIGH[number])
    place_arm(w.joints, points, frames)
    if not _arm_touches(w, w.pose, points):
        return False
    w.joints[:] = before
    place_arm(w.joints, points, frames)
    return True
