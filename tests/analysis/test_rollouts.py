"""Playing layouts while looking on: every layout once, in blocks, and each step beside what would have been best."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest

from pipeline.analysis.rollouts import Actor, rollouts, shortest_lengths
from pipeline.tasks.base import Batch
from pipeline.tasks.registry import get_task

TASK = get_task("LavaDoorKey")
LAYOUTS = TASK.layout_seeds("test", 20)
RIGHT, FORWARD = 1, 2


def zigzag(_: Batch) -> Actor:
    """Would idle if there were no chance; walks on and turns right in every third step, some time into lava."""
    turns = cycle((FORWARD, FORWARD, RIGHT))

    def act(batch: Batch, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(batch.rows, TASK.idle), np.full(batch.rows, next(turns))

    return act


def test_every_layout_is_played_once_to_its_end_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    played = []
    for block in (8, 125):
        monkeypatch.setattr("pipeline.analysis.rollouts.BLOCK", block)
        steps = [step for _, step in rollouts(TASK, None, LAYOUTS, zigzag, 0)]
        rows = {(int(e), m.time): m.outlook.after[k].tolist() for m in steps for k, e in enumerate(m.episode)}
        lengths = [max(time for episode, time in rows if episode == number) + 1 for number in range(20)]
        played.append((rows, lengths))
        assert len(steps) == sum(max(lengths[first : first + block]) for first in range(0, 20, block))
        for step in steps:
            action = RIGHT if step.time % 3 == 2 else FORWARD
            assert set(step.actions) == {action}
            assert set(step.likeliest) == {TASK.idle}
            assert not step.labelled.any()
            dead = step.outlook.after[:, action] < 0
            assert (step.ended == (dead | (step.time == TASK.horizon - 1))).all()
            assert not step.success.any()
    assert played[0] == played[1]
    assert min(played[0][1]) < TASK.horizon == max(played[0][1])


def test_the_shortest_lengths_of_layouts_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = shortest_lengths(TASK, LAYOUTS)
    assert (at_once > 2).all()
    monkeypatch.setattr("pipeline.analysis.rollouts.BLOCK", 8)
    assert shortest_lengths(TASK, LAYOUTS).tolist() == at_once.tolist()
    assert shortest_lengths(TASK, LAYOUTS[::-1]).tolist() == at_once[::-1].tolist()
