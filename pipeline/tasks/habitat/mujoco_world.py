"""Nav & Pick in MuJoCo: the same homes and the same robot, moved by motors and stopped by contacts.

MuJoCo moves the base and the arm and casts the camera's rays; grip, reward, memory, observation and teacher are the
compiled world's, so a student meets the same task. It is an extra: `pip install 'llm4teach[mujoco]'`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.tasks.base import Finished
from pipeline.tasks.habitat.batch import Moved, NavPickBatch
from pipeline.tasks.habitat.camera import FAR, camera_pose
from pipeline.tasks.habitat.homes import OBJECT, OBJECTS, WALL_HEIGHT
from pipeline.tasks.habitat.motion import DRIVE, FRICTION, JOINT, TURN
from pipeline.tasks.habitat.robot import AXES, HIGH, JOINTS, LINK_HALF, LINKS, LOW, OFFSETS, RADIUS
from pipeline.tasks.habitat.world import FORWARD, TURNING

SUBSTEPS = 4
"""Steps of physics, at 120 a second, for one of the robot's."""
STEP = 1 / 120


def model_of(w: Any) -> str:
    """A home with its robot in MuJoCo's XML; w is a record of `world.WORLD`.

    Nothing falls: the base stands on its wheels, and what the grip holds or lets go is the compiled world's business.
    """
    boxes = [
        f'<geom type="box" pos="{_text((box[:3] + box[3:]) / 2)}" size="{_text((box[3:] - box[:3]) / 2)}" '
        f'contype="1" conaffinity="2"/>'
        for box in w["boxes"][: w["box_count"]]
    ]
    things = [
        f'<body mocap="true" name="object{number}"><geom type="box" size="{_text([OBJECT] * 3)}" '
        f'contype="0" conaffinity="0"/></body>'
        for number in range(OBJECTS)
    ]
    arm, closing = "", ""
    for number in range(JOINTS):
        axis = np.eye(3)[AXES[number]]
        arm += (
            f'<body pos="{_text(OFFSETS[number])}"><inertial pos="0 0 0" mass="0.5" diaginertia="0.01 0.01 0.01"/>'
            f'<joint name="joint{number}" axis="{_text(axis)}" range="{LOW[number]} {HIGH[number]}" damping="2"/>'
        )
        for link, (start, end) in enumerate(LINKS):
            if start == number:
                half = float(OFFSETS[start + 1 : end + 1, 0].sum()) / 2
                size = _text([half, LINK_HALF[link], LINK_HALF[link]])
                arm += f'<geom type="box" pos="{half} 0 0" size="{size}" contype="2" conaffinity="1"/>'
        closing += "</body>"
    motors = "".join(f'<position joint="joint{number}" kp="200" kv="10"/>' for number in range(JOINTS))
    wheels = "".join(
        f'<velocity joint="{name}" kv="{kv}"/>' for name, kv in (("x", 8000), ("y", 8000), ("heading", 400))
    )
    return f"""<mujoco><compiler angle="radian"/>
<option timestep="{STEP}" gravity="0 0 0" integrator="implicitfast" cone="elliptic"/>
<default><geom friction="{FRICTION} 0.005 0.0001"/></default>
<worldbody>
<geom type="plane" size="0 0 1" contype="0" conaffinity="0"/>
<geom type="box" pos="4 3 {WALL_HEIGHT + 0.05}" size="6 5 0.05" contype="0" conaffinity="0"/>
{"".join(boxes)}{"".join(things)}
<body name="base"><inertial pos="0 0 0.3" mass="50" diaginertia="3 3 3"/>
<joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/>
<joint name="heading" type="hinge" axis="0 0 1"/>
<geom type="cylinder" pos="0 0 0.2" size="{RADIUS} 0.2" contype="2" conaffinity="1"/>
{arm}{closing}</body>
</worldbody>
<actuator>{wheels}{motors}</actuator></mujoco>"""


def _text(numbers: Any) -> str:
    return " ".join(repr(float(number)) for number in numbers)


class Physics:
    """One home in MuJoCo; the record w is what the compiled world knows of it, and is kept up to date."""

    def __init__(self, w: Any) -> None:
        import mujoco

        self._mujoco = mujoco
        self._w = w
        self._model = mujoco.MjModel.from_xml_string(model_of(w))
        self._data = mujoco.MjData(self._model)
        self._data.qpos[:3], self._data.qpos[3:] = w["pose"], w["joints"]
        self._aim = np.array(w["joints"])
        mujoco.mj_forward(self._model, self._data)

    def move(self, action: np.ndarray) -> bool:
        """Drive and reach for one step; returns whether the robot touched something."""
        data, w = self._data, self._w
        self._aim = np.clip(np.array(w["joints"]) + JOINT * action[:JOINTS], LOW, HIGH)
        data.ctrl[3:] = self._aim
        data.ctrl[2] = TURN * action[TURNING] / (SUBSTEPS * STEP)
        speed = DRIVE * action[FORWARD] / (SUBSTEPS * STEP)
        touched = False
        for _ in range(SUBSTEPS):
            data.ctrl[0], data.ctrl[1] = speed * np.cos(data.qpos[2]), speed * np.sin(data.qpos[2])
            self._mujoco.mj_step(self._model, data)
            touched |= data.ncon > 0
        w["pose"][:2] = data.qpos[:2]
        w["pose"][2] = np.arctan2(np.sin(data.qpos[2]), np.cos(data.qpos[2]))
        w["joints"][:] = data.qpos[3:]
        return bool(touched)

    def depth(self, side: int) -> np.ndarray:
        """The head camera's picture, float64[side, side] in metres, by a ray through each pixel's middle."""
        for number in range(OBJECTS):
            self._data.mocap_pos[number] = self._w["objects"][number]
        self._mujoco.mj_kinematics(self._model, self._data)
        eye, frame = np.empty(3), np.empty((3, 3))
        camera_pose(np.array(self._w["pose"]), eye, frame)
        middles = (2 * np.arange(side) + 1) / side - 1
        down, right = np.meshgrid(middles, middles, indexing="ij")
        rays = frame[0] + right[..., None] * frame[1] + down[..., None] * frame[2]
        lengths = np.linalg.norm(rays, axis=-1)
        hit, distance = np.zeros(side * side, np.int32), np.zeros(side * side)
        self._mujoco.mj_multiRay(
            self._model, self._data, eye, (rays / lengths[..., None]).reshape(-1), None, True, -1, hit, distance, None,
            side * side, FAR * 2,
        )  # fmt: skip
        metres = np.where(hit < 0, FAR, distance).reshape(side, side) / lengths
        return np.minimum(metres, FAR)


class MujocoBatch(NavPickBatch):
    """As `NavPickBatch`, moved and seen by MuJoCo."""

    def _renew(self, rows: Any) -> None:
        """Make the physics of some worlds from their records."""
        for row in rows:
            self._physics[row] = Physics(self.worlds[row])

    def reset(self, seeds: np.ndarray | None = None) -> None:
        super().reset(seeds)
        self._physics: dict[int, Physics] = {}
        self._renew(range(self.rows))

    def step(self, actions: np.ndarray) -> Finished:
        actions = np.clip(actions, -1, 1).astype(np.float64)
        side = self.observation["head_depth"].shape[1]
        moved = Moved(np.zeros(self.rows, np.bool_), np.zeros((self.rows, side, side)))
        for row, action in enumerate(actions):
            moved.touched[row] = self._physics[row].move(action)
            moved.depth[row] = self._physics[row].depth(side)
        finished = self._finish(actions, moved)
        self._renew(np.flatnonzero(finished.done))
        return finished

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Positions are as they were; velocities, which the compiled world doesn't have, start from rest."""
        super().load_state(state)
        self._renew(range(self.rows))
