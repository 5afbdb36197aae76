"""The robot: a Fetch's arm and head by its published joint offsets, on a round base.

The base's frame has x ahead, y to the left, z up, and its origin on the floor. Joints in order: shoulder pan, shoulder
lift, upper arm roll, elbow, forearm roll, wrist flex, wrist roll. The torso is lifted by 0.15 m and stays there.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled

JOINTS = 7
RADIUS = 0.27
"""Of the base."""
OFFSETS = np.array(
    [
        [0.03265, 0.0, 0.87601],  # shoulder pan, from the base
        [0.117, 0.0, 0.06],
        [0.219, 0.0, 0.0],
        [0.133, 0.0, 0.0],
        [0.197, 0.0, 0.0],
        [0.1245, 0.0, 0.0],
        [0.1385, 0.0, 0.0],
        [0.16645, 0.0, 0.0],  # where the suction grips, from the wrist roll
    ]
)
"""Each joint's place in the frame of the one before it, in metres."""
AXES = np.array([2, 1, 0, 1, 0, 1, 0])
"""Which axis of its own frame each joint turns about."""
LOW = np.array([-1.6056, -1.221, -np.pi, -2.251, -np.pi, -2.16, -np.pi])
HIGH = np.array([1.6056, 1.518, np.pi, 2.251, np.pi, 2.16, np.pi])
REST = np.array([-1.3, -1.2, -1.57, 2.2, 0.0, 1.8, 0.0])
"""The arm folded above the base, out of the camera's sight: no joint sticks out more than 3 cm."""
ELBOW, WRIST, GRIP = 3, 5, 7
"""Where among the joints' places elbow, wrist and grip are."""
LINKS = np.array([[1, 3], [3, 5], [5, 7]])
"""The arm as a body: three boxes, from which place to which; x of the frame at the first place is their length."""
LINK_HALF = np.array([0.06, 0.05, 0.04])
"""Half of their height and width."""
TILT = 0.35
"""Of the camera, down from straight ahead, in radians."""
CAMERA = np.array([0.10878 + 0.055 * np.cos(0.35) + 0.0225 * np.sin(0.35), 0.0,
                   1.18843 - 0.055 * np.sin(0.35) + 0.0225 * np.cos(0.35)])  # fmt: skip
"""The camera in the base's frame."""


@compiled
def turn(frame, axis, angle):
    """Turn a frame (columns are its axes, float64[3, 3]) about one of its own axes, in place."""
    c, s = np.cos(angle), np.sin(angle)
    one, two = (axis + 1) % 3, (axis + 2) % 3
    for row in range(3):
        a, b = frame[row, one], frame[row, two]
        frame[row, one], frame[row, two] = c * a + s * b, c * b - s * a


@compiled
def place_arm(joints, points, frames):
    """Forward kinematics in the base's frame.

    joints  float64[7], in radians
    points  float64[8, 3]: filled with each joint's place and the grip's
    frames  float64[8, 3, 3]: filled with the frame after each joint's turn (the grip's is the last joint's)
    """
    frame = np.eye(3)
    for number in range(JOINTS + 1):
        for row in range(3):
            before = points[number - 1, row] if number else 0.0
            shift = 0.0
            for k in range(3):
                shift += frame[row, k] * OFFSETS[number, k]
            points[number, row] = before + shift
        if number < JOINTS:
            turn(frame, AXES[number], joints[number])
        frames[number] = frame


@compiled
def jacobian(points, frames, out):
    """How the grip moves with each joint, float64[3, 7], from what `place_arm` gave."""
    for number in range(JOINTS):
        axis = AXES[number]
        x, y, z = frames[number, 0, axis], frames[number, 1, axis], frames[number, 2, axis]
        a = points[GRIP, 0] - points[number, 0]
        b = points[GRIP, 1] - points[number, 1]
        c = points[GRIP, 2] - points[number, 2]
        out[0, number], out[1, number], out[2, number] = y * c - z * b, z * a - x * c, x * b - y * a
