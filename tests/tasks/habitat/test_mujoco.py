"""The MuJoCo twin sees and moves as the compiled world does. Needs the extra: pip install 'llm4teach[mujoco]'."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tasks.habitat.camera import take_picture
from pipeline.tasks.habitat.homes import WALLS, home_of
from pipeline.tasks.habitat.motion import DRIVE, JOINT, to_world
from pipeline.tasks.habitat.mujoco_world import MujocoBatch, Physics
from pipeline.tasks.habitat.robot import GRIP, JOINTS, REST, place_arm
from pipeline.tasks.habitat.rules import Rules
from pipeline.tasks.habitat.task import NavPickTask
from pipeline.tasks.habitat.world import ACTIONS, FORWARD, STOP, WORLD

mujoco = pytest.importorskip("mujoco", reason="MuJoCo is missing: pip install 'llm4teach[mujoco]'")
SIDE = 24


def world(seed, joints=REST, pose=None):
    w = np.zeros(1, WORLD)[0]
    home = home_of(seed)
    for name in home.dtype.names:
        w[name] = home[name]
    w["pose"] = home["start"] if pose is None else pose
    w["joints"] = joints
    points, frames = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3))
    place_arm(w["joints"], points, frames)
    return w, points, frames


@pytest.mark.parametrize("seed", [0, 21, 47, 90])
@pytest.mark.parametrize("joints", [REST, np.array([0.3, 0.4, 0.5, -0.6, 0.7, 0.8, 0.9])])
def test_both_see_the_same_depths(seed, joints):
    """Within a millimetre on all pixels but those that an edge runs through, the arm included."""
    w, points, frames = world(seed, joints)
    depth = np.zeros((SIDE, SIDE))
    take_picture(w, points, frames, depth)
    other = Physics(w).depth(SIDE)
    assert (np.abs(depth - other) <= 1e-3).mean() > 0.999


def test_both_have_the_grip_in_the_same_place():
    joints = np.array([0.3, 0.4, 0.5, -0.6, 0.7, 0.8, 0.9])
    w, points, _ = world(3, joints)
    physics = Physics(w)
    body = physics._model.jnt_bodyid[2 + JOINTS]
    place, frame = physics._data.xpos[body], physics._data.xmat[body].reshape(3, 3)
    grip = np.zeros(3)
    to_world(w["pose"], points[GRIP], grip)
    np.testing.assert_allclose(place + frame @ [0.16645, 0, 0], grip, atol=1e-9)


def test_in_the_open_it_moves_as_it_is_told():
    w, *_ = world(0, pose=(6.0, 3.2, 0.0))
    physics, action = Physics(w), np.zeros(ACTIONS)
    action[FORWARD], action[0] = 0.5, -1
    before = np.array(w["joints"])
    moved = [physics.move(action) for _ in range(10)]
    assert not any(moved)
    assert w["pose"][0] - 6 == pytest.approx(10 * DRIVE * 0.5, rel=0.1)
    assert before[0] - w["joints"][0] == pytest.approx(min(10 * JOINT, 0.3056), rel=0.2)


def test_a_wall_stops_it():
    w, *_ = world(0, pose=(0.5, 5.0, np.pi))
    w["boxes"][WALLS:] = 0
    w["box_count"] = WALLS
    physics, action = Physics(w), np.zeros(ACTIONS)
    action[FORWARD] = 1
    touched = [physics.move(action) for _ in range(20)]
    assert touched[-1]
    assert w["pose"][0] == pytest.approx(0.27, abs=0.02)


def test_a_batch_of_it_is_the_same_task():
    task = NavPickTask(side=8)
    batch = MujocoBatch(task, Rules(), 8, 2, 0, None, None)
    other = task.make_batch(2, 0, None, None)
    for name, array in other.observation.items():
        np.testing.assert_allclose(batch.observation[name], array, atol=1e-6)
    action = np.zeros((2, ACTIONS))
    action[:, STOP] = -1
    for _ in range(3):
        np.testing.assert_allclose(batch.step(action).reward, other.step(action).reward, atol=1e-3)
