"""A home from above, and what its robot's head camera sees, as a picture for films."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.tasks.habitat.homes import CELL, DEPTH, OBJECTS, WALLS, WIDTH
from pipeline.tasks.habitat.memory import UNKNOWN
from pipeline.tasks.habitat.motion import to_world
from pipeline.tasks.habitat.robot import JOINTS, RADIUS, place_arm

PIXELS = 40
"""Per metre."""
FLOOR, UNSEEN, WALL, RECEPTACLE, CLUTTER = (
    (250, 248, 240),
    (225, 222, 214),
    (90, 90, 96),
    (176, 137, 104),
    (150, 160, 170),
)
ROBOT, ARM, TARGET, THING = (0, 114, 178), (20, 60, 110), (213, 60, 40), (120, 120, 60)


def draw(w: Any, depth: np.ndarray) -> np.ndarray:
    """uint8[240, 560, 3]: the home, floor that was never seen darker, and depth (0 to 1) from near (light) to far.

    w      a record of `world.WORLD`
    depth  float32[side, side]
    """
    height, width = int(DEPTH * CELL * PIXELS), int(WIDTH * CELL * PIXELS)
    home = np.empty((height, width, 3), np.uint8)
    cell = int(CELL * PIXELS)
    unseen = np.repeat(np.repeat(w["map"].T == UNKNOWN, cell, 0), cell, 1)
    home[:] = np.where(unseen[..., None], UNSEEN, FLOOR)
    for number in range(4, int(w["box_count"])):
        box = (w["boxes"][number] * PIXELS).astype(int)
        furniture = RECEPTACLE if number < WALLS + w["receptacle_count"] else CLUTTER
        home[box[1] : box[4], box[0] : box[3]] = WALL if number < WALLS else furniture
    y, x = np.mgrid[:height, :width] / PIXELS
    for number in range(OBJECTS):
        thing = w["objects"][number]
        home[np.hypot(x - thing[0], y - thing[1]) < 0.07] = TARGET if number == w["target"] else THING
    home[np.hypot(x - w["pose"][0], y - w["pose"][1]) < RADIUS] = ROBOT
    points = np.zeros((JOINTS + 1, 3))
    place_arm(w["joints"], points, np.zeros((JOINTS + 1, 3, 3)))
    places = np.zeros_like(points)
    for number in range(len(points)):
        to_world(w["pose"], points[number], places[number])
    for start, end in pairwise(places[1:]):
        for share in np.linspace(0, 1, 8):
            spot = start + share * (end - start)
            home[np.hypot(x - spot[0], y - spot[1]) < 0.04] = ARM
    scale = -(-height // len(depth))
    grey = (255 * (1 - np.repeat(np.repeat(depth, scale, 0), scale, 1)[:height, :height].clip(0, 1))).astype(np.uint8)
    return np.concatenate([home[::-1], np.repeat(grey[..., None], 3, 2)], 1)
