"""What the robot can say about its situation, as words and as numbers.

Objects and receptacles have roles, not names, so that one answer serves all homes: the target, and the receptacle on
which it lies, which is `receptacle1`; up to two others that have been seen, the nearest first; and a different object,
if one is in reach. How far the target is comes in words: within reach, a few steps away, far away.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from pipeline.compiled import compiled
from pipeline.instructions import Description
from pipeline.tasks.habitat.homes import CELL
from pipeline.tasks.habitat.memory import STRAIGHT
from pipeline.tasks.habitat.options import DIFFERENT, FAR_WORDS, PLACES, TARGET, TARGET_PLACES
from pipeline.tasks.habitat.world import NOTHING, at, other_object

FEW_STEPS = 2.5
"""Metres of way to go that are a few steps."""
HELD = (None, TARGET, DIFFERENT)
PARTS = (len(FAR_WORDS), 3, 2, len(HELD))
"""Values of each part of a situation: distance, other receptacles seen, a different object in reach, what is held."""
SITUATION = sum(PARTS)
"""Length of a situation as an observation: each part as an indicator of its value."""


@compiled
def situation(w, others_seen, out):
    """A world's description number; fills out, float32[SITUATION]. others_seen is what `seen_receptacles` counts."""
    count = min(others_seen, 2)
    i, j = int(w.pose[0] / CELL), int(w.pose[1] / CELL)
    if at(w, w.objects[w.target, 0], w.objects[w.target, 1]):
        far = 0
    else:
        far = 1 if w.ways[i, j] * (CELL / STRAIGHT) < FEW_STEPS else 2
    different = 1 if other_object(w) != NOTHING else 0
    holds = 0 if w.held == NOTHING else 1 if w.held == w.target else 2
    out[:] = 0
    out[far] = 1
    out[3 + count] = 1
    out[6 + different] = 1
    out[8 + holds] = 1
    return ((far * 3 + count) * 2 + different) * 3 + holds


def described(far: int, others: int, different: int, holds: int) -> Description:
    """The description of a situation."""
    where = [TARGET_PLACES[far]] if holds != 1 else []
    return Description((*where, TARGET, *PLACES[: others + 1], *[DIFFERENT] * different), HELD[holds])


DESCRIPTIONS = tuple(described(*parts) for parts in product(*map(range, PARTS)))
"""Every description there is, by its number."""


def describe(observation: Mapping[str, Any]) -> Description:
    """The description of one observation."""
    ends = np.cumsum(PARTS)
    parts = np.split(np.asarray(observation["situation"]).reshape(-1), ends[:-1])
    return described(*(int(part.argmax()) for part in parts))
