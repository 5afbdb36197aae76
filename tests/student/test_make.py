"""Which student a run gets, for tasks of all kinds; and that what fits none is said before anything is paid for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from tiny import DOORKEY, TASK, params

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.params import ParamsError, Train
from pipeline.student.autograd.recurrent import RecurrentStudent
from pipeline.student.autograd.stacking import StackingStudent
from pipeline.student.autograd.student import TorchStudent
from pipeline.student.fused.student import FusedStudent
from pipeline.student.make import check_learnable, make_student
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import CellMap, Space
from stages.collect import collect
from stages.label import label

ROWS = 5
KINDS = get_task(TASK).observation_space["map"].kinds
VECTOR, IMAGE = spaces.Box(-1, 1, (4,), np.float32), spaces.Box(0, 255, (9, 12, 3), np.uint8)
SHOWN = {
    "one vector": ({"observation": VECTOR}, "mlp"),
    "two vectors": ({"near": VECTOR, "far": spaces.MultiBinary(3)}, "mlp"),
    "an image": ({"observation": IMAGE}, "cnn"),
    "a depth": ({"depth": spaces.Box(0, 10, (16, 16), np.float32)}, "cnn"),
    "a small map": ({"map": CellMap(5, 7, KINDS)}, "egocentric"),
    "a large map": ({"cells": CellMap(25, 25, KINDS)}, "egocentric"),
    "an image and vectors": ({"image": IMAGE, "joints": VECTOR}, "dict"),
    "a map and a vector": ({"map": CellMap(10, 10, KINDS), "mission": VECTOR}, "dict"),
}
ACTIONS = {
    "discrete": Space("discrete", 3, ("a", "b", "c")),
    "continuous": Space("continuous", 2, ("x", "y"), -2.0, 2.0),
}


def changed(**changes):
    task = get_task(TASK)
    for name, value in changes.items():
        setattr(task, name, value)
    return task


def showing(shown, actions="discrete"):
    return changed(observation_space=spaces.Dict(shown), space=ACTIONS[actions])


def acted(student, task, greedy=False, seed=0):
    """Actions, log-probabilities and values in observations drawn from the task's space, and what they follow from."""
    task.observation_space.seed(seed)
    drawn = [task.observation_space.sample() for _ in range(ROWS)]
    observation = {name: np.stack([one[name] for one in drawn]) for name in task.observation_space}
    for name, part in task.observation_space.items():
        if isinstance(part, CellMap):
            observation[name][..., 3] = 4  # one agent only
            observation[name][:, 1, 1, 3] = 2
    features, memory = student.features(ROWS), student.memory(ROWS)
    student.encode(observation, features, memory)
    noise = None if greedy else student.policy.noise(np.random.default_rng(seed), ROWS)
    actions, log_probs, values = student.policy.actions(ROWS), *np.zeros((2, ROWS), np.float32)
    student.act(features, noise, actions, log_probs, values, memory)
    return actions, log_probs, values


@pytest.mark.parametrize("name", DOORKEY)
def test_the_projects_own_tasks_are_learned_by_compiled_students(name):
    check_learnable(get_task(name), Train(schedule=""))
    assert isinstance(make_student(get_task(name), Train(schedule=""), np.random.default_rng(0)), FusedStudent)


@pytest.mark.parametrize("memory", ["none", "lstm", "stack"])
@pytest.mark.parametrize("actions", ACTIONS)
@pytest.mark.parametrize("shown", SHOWN)
def test_every_kind_of_task_has_a_student(shown, actions, memory):
    """The first network that fits is that of its name, and its student acts, with any kind of memory."""
    parts, expected = SHOWN[shown]
    task = showing(parts, actions)
    one, named = (
        make_student(task, Train(schedule="", network=network, memory=memory, frames=2), np.random.default_rng(0))
        for network in ("auto", expected)
    )
    assert type(one) is {"none": TorchStudent, "lstm": RecurrentStudent, "stack": StackingStudent}[memory]
    for name, value in one.weights().items():
        np.testing.assert_array_equal(value, named.weights()[name])
    taken, log_probs, values = acted(one, task)
    assert np.isfinite(log_probs).all()
    assert len(set(values.tolist())) == ROWS  # each observation says something
    shape, dtype = ((ROWS,), np.int64) if actions == "discrete" else ((ROWS, 2), np.float32)
    assert (taken.shape, taken.dtype) == (shape, dtype)
    again = make_student(task, Train(schedule="", memory=memory, frames=2), np.random.default_rng(1))
    again.load_weights(one.weights())
    for first, second in zip((taken, log_probs, values), acted(again, task), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("memory", ["none", "lstm", "stack"])
def test_a_state_is_for_the_critic_alone(memory):
    seen = {"observation": VECTOR}
    task = showing({**seen, "state": spaces.Box(-1, 1, (6,), np.float32)})
    one = make_student(task, Train(schedule="", memory=memory, frames=2), np.random.default_rng(0))
    first = acted(one, task)
    original = task.observation_space.sample

    def with_other_state():
        return {**original(), "state": np.full(6, 0.5, np.float32)}

    task.observation_space.sample = with_other_state
    second = acted(one, task)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert np.ptp(first[2]) > 0.01
    assert np.ptp(second[2]) < 1e-6  # the value follows from the state alone


def test_an_image_is_scaled_by_its_brightest_value():
    dark, bright = (
        make_student(
            showing({"image": spaces.Box(0, high, (8, 8), np.float32)}), Train(schedule=""), np.random.default_rng(0)
        )
        for high in (1, 10)
    )
    image = np.random.default_rng(0).random((ROWS, 8, 8)).astype(np.float32)
    values = []
    for one, shown in ((dark, image), (bright, image * 10)):
        features, actions, log_probs = one.features(ROWS), one.policy.actions(ROWS), np.zeros(ROWS, np.float32)
        one.encode({"image": shown}, features)
        values.append(np.zeros(ROWS, np.float32))
        one.act(features, None, actions, log_probs, values[-1])
    np.testing.assert_allclose(*values, rtol=1e-4)


@pytest.mark.parametrize(
    ("shown", "train", "message"),
    [
        ({"a": VECTOR}, {"network": "map"}, r"float32\[4\]; 'map' is not for anything but a .* of cells; .* fit: mlp"),
        ({"a": IMAGE}, {"network": "mlp"}, "'mlp' is not for anything but vectors; those that fit: cnn, dict"),
        ({"a": VECTOR, "b": IMAGE}, {"network": "cnn"}, r"for anything but a single image; .* fit: dict"),
        ({"a": spaces.Discrete(3)}, {}, r"shows a int64\[\]; no network fits it"),
        ({"m": CellMap(10, 10, np.full((11, 6), 6, np.uint8))}, {"network": "egocentric"}, "with more than 5 kinds"),
        ({"m": CellMap(4, 9, KINDS)}, {"network": "map"}, "maps of fewer than 5 cells on a side"),
        ({"a": VECTOR}, {"update": "fused"}, "compiled update is for the networks egocentric, relational and"),
        ({"m": CellMap(9, 9, KINDS)}, {"update": "fused"}, "the compiled update is for 7 discrete actions"),
        ({"m": CellMap(10, 10, KINDS), "state": VECTOR}, {"update": "fused"}, "the compiled update is for the"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(shown, train, message):
    with pytest.raises(ParamsError, match=message):
        check_learnable(showing(shown), Train(schedule="", **train))


@pytest.mark.parametrize("stage", [collect, label])
def test_stages_refuse_before_they_write(tmp_path: Path, stage):
    with pytest.raises(ParamsError, match="is not for"):
        stage(TASK, params({"train.network": "mlp"}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_teacher_policy_needs_an_idle_action():
    nothing = SoftInstruction(Description(), (), 1.0)
    some = SoftInstruction(Description(), (PlanShare(Plan((Option("explore"),)), 1.0, "explore"),))
    observation = get_task(TASK).make_env().reset(seed=0)[0]
    for instruction in (nothing, some):
        assert get_task(TASK).teacher_policy(instruction, observation).sum() == pytest.approx(1)
        with pytest.raises(ValueError, match=r"Task\.idle is None"):
            changed(idle=None).teacher_policy(instruction, observation)
