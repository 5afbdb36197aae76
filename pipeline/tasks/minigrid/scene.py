"""What the agent can say about what it remembers, compiled (the readable twin is `description`)."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import COLOUR, IS_CLOSED, KIND, LOCKED
from pipeline.tasks.minigrid.dynamics import STEP
from pipeline.tasks.minigrid.flood import FREE, stand_before
from pipeline.tasks.minigrid.missions import among, current_clause
from pipeline.tasks.minigrid.phrases import (
    COLOUR_BITS,
    COLOURED_KEY,
    FIRST_PLAIN,
    LOCKED_DOOR,
    LOCKED_DOOR_TO_OPEN,
    NO_PHRASE,
    PLAIN,
    ROLES,
    plain,
)
from pipeline.tasks.minigrid.world import NOWHERE, OPEN
from pipeline.tasks.minigrid_numbers import BALL, DOOR, KEY

CLOSED_DOOR, GOAL = plain("closed door"), plain("goal")
EXPLORABLE = plain("place to explore")
LOCKED_ROLE, LOCKED_TO_OPEN_ROLE = plain("locked door"), plain("locked door to open")
FITTING_DOOR, FITTING_KEY, KEY_ROLE, OBSTACLE = (
    plain("fitting door"), plain("fitting key"), plain("key"), plain("obstacle")
)  # fmt: skip


def _by_kind(form: str) -> list[int]:
    """A phrase's number for doors, keys, balls and boxes; NO_PHRASE where there is none."""
    names = [form.format(kind) for kind in ("door", "key", "ball", "box")]
    return [plain(name) if name in PLAIN else NO_PHRASE for name in names]


MARKED = np.array([
    [NO_PHRASE] * 4,
    _by_kind("{} to go to"),
    _by_kind("{} to pick up"),
    _by_kind("{} to open"),
    _by_kind("{} to move"),
    _by_kind("{} to move it to"),
])  # fmt: skip
"""int[6 marks, 4 kinds]: what a thing with a mark is called."""
UNMARKED = 0
BESIDE = 5
"""Marks: what the mission says of a thing: the kind of the current clause (GO_TO ... PUT_NEXT) for what it is about,
BESIDE for what that is to be put next to."""
BALL_PHRASE, BOX_PHRASE = plain("ball"), plain("box")


@compiled
def mark_of(w, number):
    """What the current clause of the mission says of a thing."""
    clause = current_clause(w)
    if among(w.wanted[clause], number):
        return w.clause[clause]
    return BESIDE if among(w.beside[clause], number) else UNMARKED


@compiled
def _in_the_way(w, f, cell):
    """Whether a thing within reach, which can be taken away, stands before what no way leads to: a cell or a door."""
    for direction in range(4):
        beside = cell + STEP[direction]
        code = w.known[beside]
        if FREE[code] and f.distance[beside] < 0:
            return True
        if IS_CLOSED[code] and stand_before(f, beside) == NOWHERE:
            return True
    return False


@compiled
def _phrase(w, f, code, mark, cell, reached, roles, locked_colours):
    """The phrase of a thing as if within reach. Coloured ones have their real colour here instead of its role.

    cell            where it is, NOWHERE if it is held
    locked_colours  bit mask of the colours of locked doors that have been seen
    """
    kind, colour = KIND[code], COLOUR[code]
    held_key = w.held != 0 and w.code[w.held] == KEY * 6 + colour
    locked = code >= LOCKED
    if mark == OPEN and locked:
        if not roles:
            return LOCKED_DOOR_TO_OPEN * 2 * ROLES + colour
        if not held_key:
            return LOCKED_TO_OPEN_ROLE
    if mark != UNMARKED:
        return MARKED[mark, 0 if kind == DOOR else kind - KEY + 1]
    if kind == DOOR:
        if locked and not roles:
            return LOCKED_DOOR * 2 * ROLES + colour
        if locked:
            return FITTING_DOOR if held_key else LOCKED_ROLE
        return CLOSED_DOOR if IS_CLOSED[code] else NO_PHRASE
    if roles:
        if kind == KEY and (locked_colours >> colour) & 1:
            return FITTING_KEY
        if reached and cell != NOWHERE and _in_the_way(w, f, cell):
            return OBSTACLE
        if kind == KEY:
            return KEY_ROLE
    if kind == KEY:
        return COLOURED_KEY * 2 * ROLES + colour
    return BALL_PHRASE if kind == BALL else BOX_PHRASE


@compiled
def _explorable(w, f):
    """Whether a way leads to a cell next to an unseen one."""
    for k in range(f.count):
        for direction in range(4):
            if w.known[f.queue[k] + STEP[direction]] == 0:
                return True
    return False


@compiled
def describe(w, f, roles, key):
    """Name every thing that the agent knows of (w.phrase, w.held_phrase, w.goal_phrase) and fill key (uint64[2]).

    key[0]  for each role of a colour COLOUR_BITS bits, and above them the uncoloured phrase of what is held plus one
    key[1]  a bit for each uncoloured phrase that is seen
    """
    of_colour = np.zeros(ROLES, np.int64)
    things = np.uint64(0)
    one = np.uint64(1)
    locked_colours = 0
    for number in range(1, w.things + 1):
        place = w.place[number]
        if place != NOWHERE and w.known[place] and w.code[number] >= LOCKED:
            locked_colours |= 1 << COLOUR[w.code[number]]
    for number in range(1, w.things + 1):
        w.phrase[number] = NO_PHRASE
        place = w.place[number]
        if place == NOWHERE or place == w.agent or w.known[place] == 0:
            continue
        reached = stand_before(f, place) != NOWHERE
        code = w.code[number]
        phrase = _phrase(w, f, code, mark_of(w, number), place, reached, roles, locked_colours)
        if phrase == NO_PHRASE:
            continue
        if phrase >= FIRST_PLAIN:
            phrase += 0 if reached else 1
            things |= one << np.uint64(phrase - FIRST_PLAIN)
        else:
            phrase += 0 if reached else ROLES
            of_colour[phrase % ROLES] |= 1 << (phrase // ROLES)
        w.phrase[number] = phrase
    held = 0
    w.held_phrase = NO_PHRASE
    if w.held:
        phrase = _phrase(w, f, w.code[w.held], mark_of(w, w.held), NOWHERE, True, roles, locked_colours)
        w.held_phrase = phrase
        if phrase >= FIRST_PLAIN:
            held = phrase + 1
        else:
            of_colour[phrase % ROLES] |= 1 << (COLOUR_BITS - 1)
    w.goal_phrase = NO_PHRASE
    if w.goal != NOWHERE and w.known[w.goal]:
        w.goal_phrase = GOAL if stand_before(f, w.goal) != NOWHERE else GOAL + 1
        things |= one << np.uint64(w.goal_phrase - FIRST_PLAIN)
    if _explorable(w, f):
        things |= one << np.uint64(EXPLORABLE - FIRST_PLAIN)
    key[0] = np.uint64(_give_roles(w, of_colour)) | np.uint64(held) << np.uint64(ROLES * COLOUR_BITS)
    key[1] = things


@compiled
def _give_roles(w, of_colour):
    """Replace colours by their roles in all phrases; gives the bits of all roles.

    The colour of which there is most to tell, read as a number, becomes the first; of two alike, MiniGrid's first.
    """
    role_of = np.zeros(ROLES, np.int64)
    bits = 0
    for colour in range(ROLES):
        role = 0
        for other in range(ROLES):
            if of_colour[other] > of_colour[colour] or (of_colour[other] == of_colour[colour] and other < colour):
                role += 1
        role_of[colour] = role
        bits |= of_colour[colour] << (role * COLOUR_BITS)
    for number in range(1, w.things + 1):
        if w.phrase[number] < FIRST_PLAIN:
            w.phrase[number] = w.phrase[number] // ROLES * ROLES + role_of[w.phrase[number] % ROLES]
    if w.held_phrase < FIRST_PLAIN:
        w.held_phrase = w.held_phrase // ROLES * ROLES + role_of[w.held_phrase % ROLES]
    return bits
