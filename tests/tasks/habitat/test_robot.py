"""Forward kinematics by hand, and the Jacobian by differences."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tasks.habitat.robot import GRIP, HIGH, JOINTS, LOW, REST, jacobian, place_arm
from pipeline.tasks.habitat.world import REST_GRIP

REACH = 0.219 + 0.133 + 0.197 + 0.1245 + 0.1385 + 0.16645
"""From the shoulder's lift to the grip of a straight arm."""


def grip(**turned):
    joints = np.zeros(JOINTS)
    for name, angle in turned.items():
        joints[["pan", "lift", "roll", "elbow", "forearm", "wrist", "hand"].index(name)] = angle
    points, frames = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3))
    place_arm(joints, points, frames)
    return points[GRIP]


@pytest.mark.parametrize(
    ("turned", "place"),
    [
        ({}, (0.03265 + 0.117 + REACH, 0, 0.93601)),
        ({"pan": np.pi / 2}, (0.03265, 0.117 + REACH, 0.93601)),
        ({"lift": np.pi / 2}, (0.14965, 0, 0.93601 - REACH)),
        ({"elbow": np.pi / 2}, (0.14965 + 0.352, 0, 0.93601 - (REACH - 0.352))),
        ({"roll": np.pi / 2, "elbow": np.pi / 2}, (0.14965 + 0.352, REACH - 0.352, 0.93601)),
        ({"wrist": -np.pi / 2}, (0.14965 + 0.6735, 0, 0.93601 + 0.30495)),
        ({"hand": 1.0}, (0.03265 + 0.117 + REACH, 0, 0.93601)),
    ],
)
def test_the_grip_is_where_geometry_has_it(turned, place):
    np.testing.assert_allclose(grip(**turned), place, atol=1e-12)


def test_the_folded_arms_grip_is_the_one_written_down():
    points, frames = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3))
    place_arm(REST, points, frames)
    np.testing.assert_allclose(points[GRIP], REST_GRIP, atol=1e-6)


def test_the_jacobian_is_the_slope_of_the_grip():
    rng = np.random.default_rng(0)
    joints = rng.uniform(LOW, HIGH)
    points, frames, slopes = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3)), np.zeros((3, JOINTS))
    place_arm(joints, points, frames)
    jacobian(points, frames, slopes)
    for number in range(JOINTS):
        ends = []
        for step in (-1e-6, 1e-6):
            moved = joints.copy()
            moved[number] += step
            place_arm(moved, points, frames)
            ends.append(points[GRIP].copy())
        np.testing.assert_allclose(slopes[:, number], (ends[1] - ends[0]) / 2e-6, atol=1e-8)
