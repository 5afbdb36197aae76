"""The options of Nav & Pick on compiled worlds: which can act, which have terminated, and what their networks do.

Navigate and Pick are small networks over what the robot senses, trained once (`cloning`) and then fixed; place and stop
are single actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.compiled import compiled
from pipeline.instructions import Grammar, OptionSpec
from pipeline.tasks.habitat.memory import plan, way
from pipeline.tasks.habitat.motion import to_base
from pipeline.tasks.habitat.robot import GRIP, JOINTS
from pipeline.tasks.habitat.world import GRIPPING, NOTHING, STOP, at, other_object, seen_receptacles

TARGET, DIFFERENT = "target", "different object"
PLACES = ("receptacle1", "receptacle2", "receptacle3")
"""The target's receptacle, and the two nearest others that have been seen."""
FAR_WORDS = ("within reach", "a few steps away", "far away")
TARGET_PLACES = tuple(f"{TARGET} on {PLACES[0]} {words}" for words in FAR_WORDS)
"""How a description says where the target is."""
GRAMMAR = Grammar(
    (
        OptionSpec("navigate to", PLACES, ("go to", "move to", "drive to", "approach")),
        OptionSpec("pick", (TARGET, DIFFERENT), ("pick up", "grasp", "grab", "take")),
        OptionSpec("place", (TARGET, DIFFERENT), ("put down", "release", "drop"), held=True),
        OptionSpec("stop", (), ("finish", "done")),
    ),
    (*PLACES, TARGET, DIFFERENT, *TARGET_PLACES),
)
PICK, PLACE, STOPPING = 3, 5, 7
"""The options in the grammar's order: three places to navigate to, two objects to pick, two to place, and stop."""
OPTIONS = 8
ACTS, DONE, STUCK = 0, 1, 2
"""An option acts in a state, has terminated there, or can't act."""
PICKABLE = 1.2
"""Pick acts up to so many metres from the robot to the object."""
NAVIGATE_INPUTS, PICK_INPUTS = 8 + JOINTS, 11 + JOINTS
OUTPUTS = 10
"""Of both networks: the action without stop."""
SHIPPED = Path(__file__).with_name("options.safetensors")

Layers = tuple[np.ndarray, ...]
"""A network's weights and biases, float32, layer by layer."""


def load_options(path: Path = SHIPPED) -> tuple[Layers, Layers]:
    """The networks of Navigate and Pick."""
    from safetensors.numpy import load_file

    tensors = load_file(path)
    return layers(tensors, "navigate"), layers(tensors, "pick")


def layers(tensors: Mapping[str, np.ndarray], name: str) -> Layers:
    """One network's layers among several networks' tensors."""
    parts = [f"{name}.{layer}.{part}" for layer in ("first", "second", "last") for part in ("weight", "bias")]
    return tuple(np.ascontiguousarray(tensors[part], np.float32) for part in parts)


@compiled
def navigate_inputs(w, ways, x, y, out):
    """What Navigate's network sees, float32[NAVIGATE_INPUTS]: the way, the place, contact, grip and joints."""
    leads, place = np.empty(3), np.array([x, y, 0.0])
    way(ways, w.pose, x, y, leads)
    point = np.empty(3)
    to_base(w.pose, place, point)
    away = max(1e-6, np.hypot(point[0], point[1]))
    out[0], out[1], out[2] = min(leads[0], 4.0) / 4, leads[1], leads[2]
    out[3], out[4], out[5] = min(away, 4.0) / 4, point[0] / away, point[1] / away
    out[6] = 1.0 if w.contact else 0.0
    out[7] = 1.0 if w.held != NOTHING else 0.0
    for number in range(JOINTS):
        out[8 + number] = w.joints[number]


@compiled
def pick_inputs(w, place, points, out):
    """What Pick's network sees, float32[PICK_INPUTS]: object, grip and way between them, contact, grip and joints."""
    point = np.empty(3)
    to_base(w.pose, place, point)
    for k in range(3):
        out[k] = point[k]
        out[3 + k] = points[GRIP, k]
        out[6 + k] = 4 * min(0.5, max(-0.5, point[k] - points[GRIP, k]))
    out[9] = 1.0 if w.contact else 0.0
    out[10] = 1.0 if w.held != NOTHING else 0.0
    for number in range(JOINTS):
        out[11 + number] = w.joints[number]


@compiled
def _layer(weight, bias, inputs, out, rounded):
    for row in range(weight.shape[0]):
        total = bias[row]
        for column in range(weight.shape[1]):
            total += weight[row, column] * inputs[column]
        out[row] = np.tanh(total) if rounded else total


@compiled
def run_network(net, inputs, action):
    """Two hidden layers of tanh; fills action float32[11], clipped to its bounds, and never stops."""
    first, second = np.empty(net[0].shape[0], np.float32), np.empty(net[2].shape[0], np.float32)
    _layer(net[0], net[1], inputs, first, True)
    _layer(net[2], net[3], first, second, True)
    _layer(net[4], net[5], second, action[:OUTPUTS], False)
    for k in range(OUTPUTS):
        action[k] = min(np.float32(1), max(np.float32(-1), action[k]))
    action[STOP] = -1


@compiled
def goal(w, option, others, count):
    """The number of the receptacle that an option navigates to, or NOTHING if none is known by that name."""
    if option == 0:
        return w.lies_on[w.target]
    return others[option - 1] if option <= count else NOTHING


@compiled
def standing(w, option, others, count):
    """Whether an option acts in a world's state, has terminated, or can't act. See `seen_receptacles` for others."""
    if option < PICK:
        number = goal(w, option, others, count)
        if number == NOTHING:
            return STUCK
        if option == 0:
            return DONE if at(w, w.objects[w.target, 0], w.objects[w.target, 1]) else ACTS
        return DONE if at(w, w.access[number, 0], w.access[number, 1]) else ACTS
    if option == STOPPING:
        return ACTS
    about_target = option in (PICK, PLACE)
    holds = w.held != NOTHING and (w.held == w.target) == about_target
    if option >= PLACE:
        return ACTS if holds else DONE
    if holds:
        return DONE
    if w.held != NOTHING:
        return STUCK
    number = w.target if about_target else other_object(w)
    if number == NOTHING:
        return STUCK
    away = np.hypot(w.objects[number, 0] - w.pose[0], w.objects[number, 1] - w.pose[1])
    return ACTS if away < PICKABLE else STUCK


@compiled
def act(w, option, others, count, points, nets, action):
    """The action float32[11] of an option that acts in a world's state."""
    action[:] = 0
    action[STOP] = -1
    if option == STOPPING:
        action[STOP] = 1
        action[GRIPPING] = 1
    elif option >= PLACE:
        action[GRIPPING] = -1
    elif option >= PICK:
        inputs = np.empty(PICK_INPUTS, np.float32)
        pick_inputs(w, w.objects[w.target if option == PICK else other_object(w)], points, inputs)
        run_network(nets[1], inputs, action)
    else:
        inputs = np.empty(NAVIGATE_INPUTS, np.float32)
        if option == 0:
            navigate_inputs(w, w.ways, w.objects[w.target, 0], w.objects[w.target, 1], inputs)
        else:
            place = w.access[goal(w, option, others, count)]
            ways = np.empty(w.ways.shape, np.int32)
            plan(w.planned, place[0], place[1], True, ways)
            navigate_inputs(w, ways, place[0], place[1], inputs)
        run_network(nets[0], inputs, action)


@compiled
def follow_all(w, chosen, others, points, nets, deviation, policies):
    """Chosen options' own policies in a world: policies float32[options, 2, 11], zero where one doesn't act."""
    count = seen_receptacles(w, others)
    policies[:] = 0
    for k in range(len(chosen)):
        if standing(w, chosen[k], others, count) == ACTS:
            act(w, chosen[k], others, count, points, nets, policies[k, 0])
            policies[k, 1] = deviation


@compiled
def teach(w, steps, shares, others, count, points, nets, deviation, teacher):
    """Eq. 1 as a barycentre: the mean sum p_k mu_k and the deviation; teacher float32[2, 11].

    steps   int64[shares, steps]: each plan's options, -1 beyond its end
    shares  float64[shares]: their probabilities; what they lack of one idles
    """
    teacher[:] = 0
    teacher[1] = deviation
    action = np.empty(teacher.shape[1], np.float32)
    idles = 1.0
    for share in range(len(shares)):
        for option in steps[share]:
            if option < 0:
                break
            state = standing(w, option, others, count)
            if state == DONE:
                continue
            if state == ACTS:
                act(w, option, others, count, points, nets, action)
                for k in range(len(action)):
                    teacher[0, k] += shares[share] * action[k]
                idles -= shares[share]
            break
    teacher[0, STOP] -= idles
