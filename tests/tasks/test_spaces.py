"""Spaces, MiniGrid's numbers, and the rows of a batch with several agents."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces
from minigrid.core import actions, constants

from pipeline.registry import TASKS
from pipeline.tasks import minigrid_numbers as numbers
from pipeline.tasks.base import Batch
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import CellMap, Space, keyed

KINDS = np.arange(66, dtype=np.uint8).reshape(11, 6) % 6


def test_minigrids_numbers():
    assert {name: number for number, name in enumerate(numbers.OBJECTS)} == constants.OBJECT_TO_IDX
    assert {name: number for number, name in enumerate(numbers.COLOURS)} == constants.COLOR_TO_IDX
    assert constants.STATE_TO_IDX == {"open": numbers.OPEN, "closed": numbers.CLOSED, "locked": numbers.LOCKED}
    np.testing.assert_array_equal(numbers.STEPS, constants.DIR_TO_VEC)
    assert [action.name for action in actions.Actions] == list(numbers.ACTIONS)
    for names in (numbers.OBJECTS, numbers.COLOURS, constants.STATE_TO_IDX):
        assert [getattr(numbers, name.upper()) for name in names] == list(range(len(names)))
    assert (numbers.LEFT, numbers.PICK_UP, numbers.DONE) == (0, 3, 6)


@pytest.mark.parametrize("name", TASKS.built_in)
def test_a_task_says_what_its_environment_shows(name):
    task = get_task(name)
    env = task.make_env()
    assert task.observation_space == env.observation_space
    assert task.observation_space is task.observation_space
    assert env.observation_space.contains(env.reset(seed=0)[0])


def test_maps_with_other_kinds_of_cells_are_other_spaces():
    assert CellMap(10, 10, KINDS) == CellMap(10, 10, KINDS.copy())
    assert CellMap(10, 10, KINDS) != CellMap(10, 10, KINDS % 5)
    assert CellMap(10, 10, KINDS) != CellMap(10, 9, KINDS)
    assert CellMap(10, 10, KINDS) != spaces.Box(0, 10, (10, 10, 4), np.uint8)
    for kinds in (KINDS[:10], KINDS.astype(np.int64)):
        with pytest.raises(ValueError, match=r"the kinds of a map's cells are uint8\[11, 6\], got "):
            CellMap(10, 10, kinds)


def test_a_bare_observation_gets_a_key():
    box = spaces.Box(0, 1, (3,), np.float32)
    assert keyed(box) == spaces.Dict({"observation": box})
    assert keyed(spaces.Dict({"a": box})) == spaces.Dict({"a": box})


def test_shapes_of_teachers():
    assert Space("discrete", 7, tuple("abcdefg")).teacher_shape == (7,)
    assert Space("continuous", 2, ("x", "y")).teacher_shape == (2, 2)


def test_rows_are_numbered_by_environment_and_agent():
    class Pairs(Batch):
        environments, agents = 3, 2
        reset = step = state = load_state = None

    batch = Pairs()
    assert batch.rows == 6
    assert batch.environment.tolist() == [0, 0, 1, 1, 2, 2]
    assert batch.agent.tolist() == [0, 1, 0, 1, 0, 1]
    assert get_task("SimpleDoorKey").make_batch(3, 0).agent.tolist() == [0, 0, 0]
