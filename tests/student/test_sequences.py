"""The recurrent student's minibatches: whole environments, in the order that was drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.params import Train
from pipeline.student.make import make_student
from pipeline.tasks.registry import get_task

STEPS, ENVIRONMENTS = 5, 6


@pytest.mark.parametrize(
    ("minibatch", "together", "parts"),
    [(10, 2, 3), (14, 2, 3), (20, 4, 1), (30, 6, 1), (3, 1, 6)],  # two of six are left out of 20; 3 are less than one
)
def test_minibatches_are_as_many_whole_environments_as_fit(minibatch, together, parts):
    student = make_student(get_task("SimpleDoorKey"), Train(schedule="tiny", memory="lstm"), np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(STEPS * ENVIRONMENTS)
    drawn = [row for row in order.tolist() if row < ENVIRONMENTS]
    assert drawn != sorted(drawn)
    found = list(student._minibatches(torch.from_numpy(order), minibatch, STEPS))
    assert len(found) == parts
    for k, rows in enumerate(found):
        environments = np.array(drawn[k * together : (k + 1) * together])
        expected = np.arange(STEPS)[:, None] * ENVIRONMENTS + environments
        np.testing.assert_array_equal(rows.reshape(STEPS, together), expected)
