"""Scripted controllers for Navigate and Pick: the teachers of the options' networks, and a yardstick.

Given a way over the true floor they know the home; given one over the remembered map they know what the robot knows.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.habitat.memory import way
from pipeline.tasks.habitat.motion import JOINT, TURN, to_base
from pipeline.tasks.habitat.robot import GRIP, JOINTS, REST, jacobian
from pipeline.tasks.habitat.world import FORWARD, GRIPPING, NOTHING, STOP, TURNING

STAND = (0.45, 0.7)
"""From so near to so far, in metres, one stands to reach for an object."""


@compiled
def _clip(value):
    return min(1.0, max(-1.0, value))


@compiled
def navigate(w, ways, x, y, action):
    """Follow a way to a place, the arm folded, and turn to face it; fills action float64[11]."""
    leads = np.empty(3)
    way(ways, w.pose, x, y, leads)
    aside = np.arctan2(leads[2], leads[1])
    action[:] = 0
    for number in range(JOINTS):
        action[number] = _clip((REST[number] - w.joints[number]) / JOINT)
    action[GRIPPING] = 0.0 if w.held == NOTHING else 1.0
    action[TURNING] = _clip(0.5 * aside / TURN)
    if leads[0] > 0:
        action[FORWARD] = -0.5 if w.contact else max(0.0, 1 - 2 * abs(aside))
    action[STOP] = -1.0


@compiled
def pick(w, place, points, frames, action):
    """Stand before an object at a place float64[3], reach for it from above and take hold; fills action float64[11].

    The arm moves by damped least squares (Wampler 1986) on the grip's way to 8 cm above the object.
    """
    target = np.empty(3)
    to_base(w.pose, place, target)
    away, aside = np.hypot(target[0], target[1]), np.arctan2(target[1], target[0])
    action[:] = 0
    action[GRIPPING], action[STOP] = 1.0, -1.0
    action[TURNING] = _clip(0.3 * aside / TURN)
    if abs(aside) < 0.3 and not w.contact:
        action[FORWARD] = _clip(4 * (away - STAND[1])) if away > STAND[1] else _clip(4 * min(0.0, away - STAND[0]))
    error = np.empty(3)
    for k in range(3):
        error[k] = target[k] - points[GRIP, k]
    error[2] += 0.08 if np.hypot(error[0], error[1]) < 0.12 else 0.2
    size = np.sqrt(error[0] ** 2 + error[1] ** 2 + error[2] ** 2)
    error *= min(1.0, 0.08 / max(size, 1e-9))
    slopes = np.empty((3, JOINTS))
    jacobian(points, frames, slopes)
    damped = slopes @ slopes.T + 0.01 * np.eye(3)
    joints = slopes.T @ np.linalg.solve(damped, error)
    fastest = max(1.0, np.abs(joints).max() / JOINT)
    for number in range(JOINTS):
        action[number] = _clip(joints[number] / JOINT / fastest)
