"""Depth by hand: a ray through a pixel's middle meets a face, the floor or the ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tasks.habitat.camera import FAR, take_picture
from pipeline.tasks.habitat.robot import CAMERA, JOINTS, REST, TILT, place_arm
from pipeline.tasks.habitat.world import WORLD

SIDE = 16


def picture(box, pose=(0.0, 0.0, 0.0), joints=REST):
    worlds = np.zeros(1, WORLD)
    w = worlds[0]
    w["boxes"][0], w["box_count"] = box, 1
    w["objects"][:] = (-50, -50, 0.03)
    w["pose"][:] = pose
    points, frames = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3))
    place_arm(np.asarray(joints, float), points, frames)
    depth = np.zeros((SIDE, SIDE))
    take_picture(w, points, frames, depth)
    return depth


def rays():
    """Tangents of each pixel's middle to the right and down."""
    middles = (2 * np.arange(SIDE) + 1) / SIDE - 1
    return np.meshgrid(middles, middles)


def test_a_wall_ahead():
    """Of a face at x = 2: depth d with 2 = camera + d (cos t - down sin t)."""
    depth = picture((2, -50, 0, 3, 50, 2.5))
    _, down = rays()
    forward, sinking = np.cos(TILT) - down * np.sin(TILT), np.sin(TILT) + down * np.cos(TILT)
    face = (2 - CAMERA[0]) / forward
    height = CAMERA[2] - face * sinking
    expected = np.where(height > 0, face, CAMERA[2] / np.maximum(sinking, 1e-9))
    np.testing.assert_allclose(depth, expected, rtol=1e-12)


def test_floor_ceiling_and_nothing():
    depth = picture((-9, -9, 0, -8, -8, 1))
    _, down = rays()
    sinking = np.sin(TILT) + down * np.cos(TILT)
    expected = np.where(sinking > 0, CAMERA[2], 2.5 - CAMERA[2]) / np.abs(sinking)
    np.testing.assert_allclose(depth, np.minimum(expected, FAR), rtol=1e-12)


def test_a_box_to_the_left_covers_the_left_and_turns_with_the_robot():
    """The face y = 0.5 of a long box: its depth is 0.5 / (how far left a ray leads per metre ahead)."""
    box = (-20, 0.5, 0, 20, 1, 2.5)
    depth = picture(box)
    right, down = rays()
    forward, sinking = np.cos(TILT) - down * np.sin(TILT), np.sin(TILT) + down * np.cos(TILT)
    face = np.where(right < 0, 0.5 / np.maximum(-right, 1e-9), np.inf)
    beyond = CAMERA[0] + face * forward > 20
    plane = np.where(sinking > 0, CAMERA[2], 2.5 - CAMERA[2]) / np.abs(sinking)
    expected = np.minimum(np.minimum(np.where(beyond, np.inf, face), plane), FAR)
    np.testing.assert_allclose(depth, expected, rtol=1e-9)
    turned = picture((-1, -20, 0, -0.5, 20, 2.5), (0, 0, np.pi / 2))
    np.testing.assert_allclose(turned, depth, rtol=1e-9)


def test_the_straight_arm_is_seen_and_the_folded_one_is_not():
    empty = (-9, -9, 0, -8, -8, 1)
    straight = picture(empty, joints=np.zeros(JOINTS))
    assert (straight < picture(empty) - 1e-9).sum() > 3
    # Straight below the picture's middle: the arm's upper side, LINK_HALF above z = 0.93601.
    nearest = straight[:, SIDE // 2].min()
    _, down = rays()
    row = int(straight[:, SIDE // 2].argmin())
    sinking = np.sin(TILT) + down[row, 0] * np.cos(TILT)
    assert CAMERA[2] - nearest * sinking == pytest.approx(0.93601 + 0.06, abs=0.021)
