"""Tasks that no student of this version can learn are refused in words, before anything is collected or paid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from tiny import TASK, params

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.params import ParamsError, Train
from pipeline.student.make import check_learnable, make_student
from pipeline.tasks.registry import BUILT_IN, get_task
from pipeline.tasks.spaces import CellMap, Space
from stages.collect import collect
from stages.label import label

EXPLORE = Plan((Option("explore"),))
FAULTS = {
    "has 3 actions": {"space": Space("discrete", 3, ("left", "right", "forward"))},
    "has 8 actions": {"space": Space("discrete", 8, tuple("abcdefgh"))},
    "continuous actions": {"space": Space("continuous", 7, tuple("abcdefg"))},
    "Task.idle is None": {"idle": None},
    "Task.idle is 7": {"idle": 7},
    "Task.idle is 'done'": {"idle": "done"},
    "must be a CellMap": {"observation_space": spaces.Dict({"map": spaces.Box(0, 10, (10, 10, 4), np.uint8)})},
    "kinds are 0 to 5": {"observation_space": spaces.Dict({"map": CellMap(10, 10, np.full((11, 6), 6, np.uint8))})},
}


class SmallMap:
    """A batch that shows another map than the networks are made for."""

    def __init__(self, *_, **__):
        self.observation = {"map": np.zeros((1, 8, 8, 4), np.uint8)}


def faulty(**changes):
    task = get_task(TASK)
    for name, value in changes.items():
        setattr(task, name, value)
    return task


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_projects_own_tasks_can_be_learned(name):
    check_learnable(get_task(name))


@pytest.mark.parametrize("message", FAULTS)
def test_what_is_wrong_is_said(message):
    with pytest.raises(ParamsError) as caught:
        check_learnable(faulty(**FAULTS[message]))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{TASK}: ")
    with pytest.raises(ParamsError):
        make_student(faulty(**FAULTS[message]), Train(schedule="tiny"), np.random.default_rng(0))


def test_another_map_is_refused():
    with pytest.raises(ParamsError, match=r"this task shows map uint8\[8, 8, 4\]"):
        check_learnable(faulty(make_batch=SmallMap))


@pytest.mark.parametrize("stage", [collect, label])
def test_stages_refuse_before_they_write(tmp_path: Path, monkeypatch, stage):
    monkeypatch.setattr(f"stages.{stage.__name__}.get_task", lambda _: faulty(idle=None))
    with pytest.raises(ParamsError, match=r"Task\.idle is None"):
        stage(TASK, params(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_teacher_policy_needs_an_idle_action():
    nothing = SoftInstruction(Description(), (), 1.0)
    some = SoftInstruction(Description(), (PlanShare(EXPLORE, 1.0, "explore"),))
    observation = get_task(TASK).make_env().reset(seed=0)[0]
    for instruction in (nothing, some):
        assert get_task(TASK).teacher_policy(instruction, observation).sum() == pytest.approx(1)
        with pytest.raises(ValueError, match=r"Task\.idle is None"):
            faulty(idle=None).teacher_policy(instruction, observation)
