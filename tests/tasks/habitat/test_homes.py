"""Homes from numbers: what stands where, and which are held out."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tasks.habitat.homes import (
    CELL,
    DEPTH,
    HOME,
    LAYOUTS,
    OBJECT,
    OBJECTS,
    WALLS,
    WIDTH,
    free_disc,
    home_of,
)
from pipeline.tasks.habitat.memory import UNREACHED, plan, true_map
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import SPLITS


@pytest.mark.parametrize("home", range(12))
def test_a_home_is_sound(home):
    """Boxes on whole cells that don't overlap, objects on receptacles, and a way from the start to the target."""
    w = home_of(home * LAYOUTS + home)
    boxes = w["boxes"][: w["box_count"]]
    assert 3 <= w["receptacle_count"] <= 5
    np.testing.assert_allclose(boxes[:, [0, 1, 3, 4]] / CELL, np.round(boxes[:, [0, 1, 3, 4]] / CELL), atol=1e-9)
    for number in range(WALLS, len(boxes)):
        for other in range(number):
            apart = (boxes[number, :2] >= boxes[other, 3:5] - 1e-9) | (boxes[number, 3:5] <= boxes[other, :2] + 1e-9)
            assert apart.any()
    for place, on in zip(w["objects"], w["lies_on"], strict=True):
        box = boxes[WALLS + on]
        assert (box[:2] < place[:2]).all()
        assert (place[:2] < box[3:5]).all()
        assert place[2] == pytest.approx(box[5] + OBJECT)
    x, y, heading = w["start"]
    assert free_disc(np.array([w]).view(np.recarray)[0], x, y, 0.5)
    assert abs(heading) <= np.pi
    cells, lengths = np.zeros((WIDTH, DEPTH), np.uint8), np.zeros((WIDTH, DEPTH), np.int32)
    true_map(np.array([w])[0], cells)
    for target in w["objects"]:
        plan(cells, target[0], target[1], True, lengths)
        assert lengths[int(x / CELL), int(y / CELL)] < UNREACHED


def test_layouts_of_a_home_share_it():
    one, two, other = home_of(16), home_of(17), home_of(32)
    for name, *_ in HOME:
        np.testing.assert_array_equal(one[name], two[name])
    assert (one["start"] != two["start"]).any()
    assert (one["boxes"] != other["boxes"]).any()
    assert {int(home_of(seed)["target"]) for seed in range(64)} == set(range(OBJECTS))


def test_homes_are_in_one_split_and_batches_keep_to_theirs():
    task = get_task("NavPick")
    splits = {home: {task.split(home * LAYOUTS + k) for k in range(LAYOUTS)} for home in range(30)}
    assert all(len(found) == 1 for found in splits.values())
    for split in SPLITS:
        batch = task.make_batch(4, 0, None, split)
        assert {task.split(int(seed)) for seed in batch.worlds["code"]} == {split}
