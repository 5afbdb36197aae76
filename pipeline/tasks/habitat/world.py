"""One home with its robot as a record, and what a step does to it: motion, grip, stop, reward and observation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.doorkey.worlds import in_split
from pipeline.tasks.habitat.camera import FAR, take_picture
from pipeline.tasks.habitat.homes import CELL, DEPTH, HOME, LAYOUT, LAYOUTS, OBJECT, OBJECTS, WALLS, WIDTH, draw_layout
from pipeline.tasks.habitat.memory import OBSTACLE, STRAIGHT, UNREACHED, plan, remember, true_map, way
from pipeline.tasks.habitat.motion import drive, move_arm, to_base, to_world
from pipeline.tasks.habitat.robot import GRIP, JOINTS, REST, place_arm

ACTIONS = 11
ARM, GRIPPING, FORWARD, TURNING, STOP = 0, 7, 8, 9, 10
"""Where in an action the seven joints, the grip, the base's two and the stop are."""
GRASP = 0.15
"""What the suction takes hold of: objects whose middle is so near to the grip, in metres."""
RELEASE = -0.5
"""A grip action above 0 takes hold, one below this lets go, and between them nothing changes."""
REPLAN = 8
"""Steps between looks at the map to plan ways anew."""
REACHED, FACING = 0.8, 0.35
"""One has come to a place if it is within so many metres and radians ahead."""
AT_ARM = 1.5
"""Metres from the grip to the target up to which getting closer is rewarded."""
NOTHING = -1

WORLD = np.dtype(
    [
        *HOME,
        *LAYOUT,
        ("pose", np.float64, (3,)),  # x, y, heading
        ("joints", np.float64, (JOINTS,)),
        ("held", np.int64),  # an object, or NOTHING
        ("grasped", np.bool_),  # the target has been held in this episode
        ("contact", np.bool_),  # the last step touched something
        ("map", np.uint8, (WIDTH, DEPTH)),  # what is remembered of the floor
        ("planned", np.uint8, (WIDTH, DEPTH)),  # the same when ways were last planned
        ("ways", np.int32, (WIDTH, DEPTH)),  # lengths to the target over `planned`
        ("distance", np.int32, (WIDTH, DEPTH)),  # lengths to the target over the true floor
        ("potential", np.float64),  # metres still to go, for the reward
        ("steps", np.int64),
        ("total", np.float64),  # return of the episode so far
        ("code", np.int64),  # the layout's seed
        ("next_seed", np.int64),  # the next candidate
    ],
    align=True,
)
"""One world."""


@compiled
def potential(w, points):
    """Metres still to go: of the base to the target's reach, and of the grip from AT_ARM on."""
    i, j = int(w.pose[0] / CELL), int(w.pose[1] / CELL)
    grip = np.empty(3)
    to_world(w.pose, points[GRIP], grip)
    target = w.objects[w.target]
    away = np.sqrt((grip[0] - target[0]) ** 2 + (grip[1] - target[1]) ** 2 + (grip[2] - target[2]) ** 2)
    length = w.distance[i, j]
    return (length if length < UNREACHED else 500) * (CELL / STRAIGHT) + min(away, AT_ARM)


@compiled
def _carry(w, points, frames):
    """What is held sits in front of the grip."""
    if w.held != NOTHING:
        point = np.empty(3)
        for k in range(3):
            point[k] = points[GRIP, k] + OBJECT * frames[GRIP, k, 0]
        to_world(w.pose, point, w.objects[w.held])


@compiled
def _grip(w, action, points):
    """Take hold of the nearest object in reach, or let go, so that it falls on what is below."""
    if action > 0 and w.held == NOTHING:
        grip = np.empty(3)
        to_world(w.pose, points[GRIP], grip)
        nearest = GRASP
        for number in range(OBJECTS):
            thing = w.objects[number]
            away = np.sqrt((thing[0] - grip[0]) ** 2 + (thing[1] - grip[1]) ** 2 + (thing[2] - grip[2]) ** 2)
            if away < nearest:
                nearest = away
                w.held = number
    elif action < RELEASE and w.held != NOTHING:
        thing = w.objects[w.held]
        support = 0.0
        for number in range(w.box_count):
            box = w.boxes[number]
            if box[0] < thing[0] < box[3] and box[1] < thing[1] < box[4] and box[5] < thing[2] + OBJECT:
                support = max(support, box[5])
        thing[2] = support + OBJECT
        w.held = NOTHING


@compiled
def advance(w, action, points, frames, rules):
    """One step; returns reward, terminated and success.

    action  float[11], see ARM and the others; points and frames of the arm are kept up to date
    rules   float64[6]: see `Rules.as_array`
    """
    touched = drive(w, action[FORWARD], action[TURNING], points)
    touched = move_arm(w, action, points, frames) or touched
    return judge(w, action, touched, points, frames, rules)


@compiled
def judge(w, action, touched, points, frames, rules):
    """The rest of a step once the robot has moved (and perhaps touched something): grip, stop and reward."""
    _carry(w, points, frames)
    _grip(w, action[GRIPPING], points)
    _carry(w, points, frames)
    w.contact = touched
    w.steps += 1
    reward = -rules[4] - (rules[3] if touched else 0.0)
    holds = w.held == w.target
    if not w.grasped:
        togo = potential(w, points)
        reward += rules[2] * (w.potential - togo)
        w.potential = togo
        if holds:
            w.grasped = True
            reward += rules[1]
    stops = action[STOP] > 0
    success = stops and holds
    if success:
        reward += rules[0]
    w.total += reward
    return reward, success or (stops and rules[5] > 0), success


@compiled
def look(w, points, frames, depth):
    """Take a picture (float64[side, side], metres) and make use of it."""
    take_picture(w, points, frames, depth)
    note(w, points, depth)


@compiled
def note(w, points, depth):
    """Remember a picture, and plan anew where it is time."""
    remember(w.map, w.pose, points, depth)
    if w.steps % REPLAN == 0:
        w.planned[:] = w.map
        plan(w.planned, w.objects[w.target, 0], w.objects[w.target, 1], True, w.ways)


@compiled
def at(w, x, y):
    """Whether one has come to a place: near it, and facing it."""
    dx, dy = x - w.pose[0], y - w.pose[1]
    c, s = np.cos(w.pose[2]), np.sin(w.pose[2])
    return np.hypot(dx, dy) < REACHED and abs(np.arctan2(c * dy - s * dx, c * dx + s * dy)) < FACING


@compiled
def begin(w, seed, points, frames, depth):
    """Start an episode on a layout."""
    draw_layout(w, seed)
    w.code = seed
    w.pose[:] = w.start
    w.joints[:] = REST
    w.held = NOTHING
    w.grasped, w.contact = False, False
    w.steps, w.total = 0, 0.0
    place_arm(w.joints, points, frames)
    true_map(w, w.map)
    plan(w.map, w.objects[w.target, 0], w.objects[w.target, 1], False, w.distance)
    w.potential = potential(w, points)
    w.map[:] = 0
    look(w, points, frames, depth)


@compiled
def begin_next(w, split, stride, points, frames, depth):
    """Start an episode on the next layout of a world's stream that is in the split, see `in_split`."""
    seed = w.next_seed
    while not in_split(seed // LAYOUTS, split):
        seed = (seed + stride) & 0xFFFFFFFF
    w.next_seed = (seed + stride) & 0xFFFFFFFF
    begin(w, seed, points, frames, depth)


@compiled
def seen_receptacles(w, others):
    """How many receptacles but the target's have been seen; others int64[receptacles]: their numbers, nearest first."""
    count = 0
    for number in range(w.receptacle_count):
        if number == w.lies_on[w.target]:
            continue
        box = w.boxes[WALLS + number]
        i, j = int(box[0] / CELL + 0.5), int(box[1] / CELL + 0.5)
        seen = False
        for k in range(i, int(box[3] / CELL + 0.5)):
            for m in range(j, int(box[4] / CELL + 0.5)):
                seen |= w.map[k, m] == OBSTACLE
        if not seen:
            continue
        away = np.hypot(w.access[number, 0] - w.pose[0], w.access[number, 1] - w.pose[1])
        place = count
        while place > 0:
            other = w.access[others[place - 1]]
            if np.hypot(other[0] - w.pose[0], other[1] - w.pose[1]) <= away:
                break
            others[place] = others[place - 1]
            place -= 1
        others[place] = number
        count += 1
    return count


@compiled
def other_object(w):
    """The nearest object that is not the target, if it is in reach of the arm; else NOTHING."""
    found, nearest = NOTHING, REACHED
    for number in range(OBJECTS):
        away = np.hypot(w.objects[number, 0] - w.pose[0], w.objects[number, 1] - w.pose[1])
        if number != w.target and number != w.held and away < nearest:
            found, nearest = number, away
    return found


REST_GRIP = np.array([0.0323295, -0.1077982, 0.9019526])
"""Where the grip of the folded arm is, in the base's frame."""


class Senses(NamedTuple):
    """What the robot observes, float32 arrays [worlds, ...] by Habitat's names; see `task.observation_space`."""

    head_depth: np.ndarray
    joint: np.ndarray
    is_holding: np.ndarray
    ee_pos: np.ndarray
    relative_resting_position: np.ndarray
    obj_start_sensor: np.ndarray
    obj_start_gps_compass: np.ndarray
    route: np.ndarray
    contact: np.ndarray
    situation: np.ndarray

    @classmethod
    def empty(cls, worlds: int, side: int, situation: int) -> Senses:
        """For so many worlds, pictures of so many pixels on a side, and situations of that length."""
        shapes = ((side, side, 1), (JOINTS,), (1,), (3,), (3,), (3,), (2,), (3,), (1,), (situation,))
        return cls(*(np.zeros((worlds, *shape), np.float32) for shape in shapes))


@compiled
def observe(w, i, points, depth, senses):
    """Write what the robot of world i senses; its situation is left to `description`."""
    side = depth.shape[0]
    for row in range(side):
        for column in range(side):
            senses.head_depth[i, row, column, 0] = depth[row, column] / FAR
    target, leads = np.empty(3), np.empty(3)
    to_base(w.pose, w.objects[w.target], target)
    way(w.ways, w.pose, w.objects[w.target, 0], w.objects[w.target, 1], leads)
    for k in range(3):
        senses.ee_pos[i, k] = points[GRIP, k]
        senses.relative_resting_position[i, k] = REST_GRIP[k] - points[GRIP, k]
        senses.obj_start_sensor[i, k] = target[k] - points[GRIP, k]
        senses.route[i, k] = leads[k]
    for number in range(JOINTS):
        senses.joint[i, number] = w.joints[number]
    senses.is_holding[i, 0] = 1.0 if w.held != NOTHING else 0.0
    senses.obj_start_gps_compass[i, 0] = np.hypot(target[0], target[1])
    senses.obj_start_gps_compass[i, 1] = np.arctan2(target[1], target[0])
    senses.contact[i, 0] = 1.0 if w.contact else 0.0


@compiled
def keep_row(senses, last, i):
    """Copy world i's observation."""
    last.head_depth[i] = senses.head_depth[i]
    last.joint[i] = senses.joint[i]
    last.is_holding[i] = senses.is_holding[i]
    last.ee_pos[i] = senses.ee_pos[i]
    last.relative_resting_position[i] = senses.relative_resting_position[i]
    last.obj_start_sensor[i] = senses.obj_start_sensor[i]
    last.obj_start_gps_compass[i] = senses.obj_start_gps_compass[i]
    last.route[i] = senses.route[i]
    last.contact[i] = senses.contact[i]
    last.situation[i] = senses.situation[i]
