"""When a mission succeeds or fails: BabyAI's verifier (`verifier.py` of the installed package), compiled.

Its peculiarities are kept. It looks for the things that a clause is about only when something is dropped: so facing
the cell from which a ball has been taken is still `going to` that ball. And a clause that is not looked at yet doesn't
notice what is taken up meanwhile.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import IS_CLOSED, KIND
from pipeline.tasks.minigrid.dynamics import STEP
from pipeline.tasks.minigrid.world import GO_TO, OPEN, SIDE
from pipeline.tasks.minigrid.world import PICK_UP as TO_PICK_UP
from pipeline.tasks.minigrid_numbers import DOOR, DROP, PICK_UP, TOGGLE

CONTINUES, SUCCEEDED, FAILED = range(3)
ONE = np.uint64(1)


@compiled
def among(things, number):
    """Whether a thing is in a set of things (a 64-bit mask)."""
    return (things >> np.uint64(number)) & ONE != 0


@compiled
def _next_to(a, b):
    """Whether two cells share an edge; NOWHERE has no neighbours."""
    return a >= 0 and b >= 0 and abs(a // SIDE - b // SIDE) + abs(a % SIDE - b % SIDE) == 1


@compiled
def _verify_clause(w, k, action):
    """CONTINUES, SUCCEEDED or FAILED: what an action, already carried out, means for clause k."""
    kind = w.clause[k]
    front = w.agent + STEP[w.direction]
    before = w.held_before[k]
    if kind == GO_TO:
        for number in range(1, w.things + 1):
            if among(w.wanted[k], number) and w.noted[number] == front:
                return SUCCEEDED
        return CONTINUES
    if kind == OPEN:
        if action != TOGGLE:
            return CONTINUES
        door = KIND[w.cells[front]] == DOOR
        if door and among(w.wanted[k], w.thing[front]) and not IS_CLOSED[w.cells[front]]:
            return SUCCEEDED
        return FAILED if door and w.strict[k] else CONTINUES
    w.held_before[k] = w.held
    if kind == TO_PICK_UP:
        if action != PICK_UP:
            return CONTINUES
        if before == 0 and w.held and among(w.wanted[k], w.held):
            return SUCCEEDED
        return FAILED if w.strict[k] and w.held else CONTINUES
    if w.strict[k] and action == PICK_UP and w.held:
        return FAILED
    if action == DROP and before and among(w.wanted[k], before):
        for number in range(1, w.things + 1):
            if among(w.beside[k], number) and _next_to(w.place[before], w.noted[number]):
                return SUCCEEDED
    return CONTINUES


@compiled
def _verify_group(w, first, action):
    """The same for the clauses `first` and `first + 1`, which may come in any order."""
    if w.clause[first + 1] == 0:
        return _verify_clause(w, first, action)
    for k in range(first, first + 2):
        if not w.done[k] and _verify_clause(w, k, action) == SUCCEEDED:
            w.done[k] = 1
            w.changed = 1
    return SUCCEEDED if w.done[first] and w.done[first + 1] else CONTINUES


@compiled
def current_clause(w):
    """The number of the first clause that is to be done now; for a goal to walk to it is one of kind 0."""
    first = 2 if w.first_done else 0
    return first + 1 if w.done[first] and w.clause[first + 1] else first


@compiled
def verify(w, action):
    """CONTINUES, SUCCEEDED or FAILED: what an action, already carried out, means for the mission."""
    if w.clause[0] == 0:
        return CONTINUES
    if action == DROP:
        for number in range(1, w.things + 1):
            w.noted[number] = w.place[number]
    if w.clause[2] == 0:
        return _verify_group(w, 0, action)
    if not w.first_done:
        outcome = _verify_group(w, 0, action)
        if outcome == CONTINUES and w.strict_order and _verify_group(w, 2, action) == SUCCEEDED:
            return FAILED
        if outcome != SUCCEEDED:
            return outcome
        w.first_done = 1
        w.changed = 1
    return _verify_group(w, 2, action)
