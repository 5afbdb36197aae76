"""Contact at a wall, worked out by hand, and an arm that stops before a table."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tasks.habitat.motion import DRIVE, JOINT, drive, move_arm
from pipeline.tasks.habitat.robot import JOINTS, RADIUS, REST, place_arm
from pipeline.tasks.habitat.world import WORLD


def world(pose, box=(1, -50, 0, 2, 50, 0.5), joints=REST):
    """A robot and one long box, too low for the folded arm to touch."""
    w = np.zeros(1, WORLD)[0]
    w["boxes"][0], w["box_count"] = box, 1
    w["pose"][:], w["joints"][:] = pose, joints
    points, frames = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3))
    place_arm(w["joints"], points, frames)
    return w, points, frames


def test_in_the_open_a_full_action_is_a_full_step():
    w, points, _ = world((-3.0, 0.0, 0.5))
    assert not drive(w, 1.0, 0.0, points)
    np.testing.assert_allclose(w["pose"], [-3 + DRIVE * np.cos(0.5), DRIVE * np.sin(0.5), 0.5])


@pytest.mark.parametrize(
    ("degrees", "kept"),
    [
        (0, 0.0),  # straight in: nothing goes along the wall
        (45, 0.0),  # pushed in as much as along: friction holds it
        (60, np.sin(np.pi / 3) - np.cos(np.pi / 3)),  # along minus friction times into
        (80, np.sin(np.radians(80)) - np.cos(np.radians(80))),
    ],
)
def test_a_wall_stops_what_goes_into_it_and_rubs_what_goes_along(degrees, kept):
    w, points, _ = world((1 - RADIUS, 0.0, np.radians(degrees)))
    assert drive(w, 1.0, 0.0, points)
    assert w["pose"][0] == pytest.approx(1 - RADIUS, abs=1e-9)
    assert w["pose"][1] == pytest.approx(DRIVE * kept, abs=1e-9)


def test_backing_away_is_free():
    w, points, _ = world((1 - RADIUS, 0.0, 0.0))
    assert not drive(w, -1.0, 0.0, points)
    assert w["pose"][0] == pytest.approx(1 - RADIUS - DRIVE)


def test_joints_move_by_shares_of_their_step_within_their_bounds():
    w, points, frames = world((-3.0, 0.0, 0.0))
    assert not move_arm(w, np.array([1, -1, 0.5, 0, 0, 0, 0.0]), points, frames)
    np.testing.assert_allclose(w["joints"] - REST, [JOINT, -0.021, JOINT / 2, 0, 0, 0, 0], atol=1e-12)


def test_the_arm_stops_at_a_table_and_says_so():
    joints = np.zeros(JOINTS)
    w, points, frames = world((0.0, 0.0, 0.0), (0.6, -1, 0, 2, 1, 0.9), joints)
    assert move_arm(w, np.array([0, 1, 0, 0, 0, 0, 0.0]), points, frames)
    np.testing.assert_array_equal(w["joints"], joints)
