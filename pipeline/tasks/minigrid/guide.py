"""The options' policies and the teacher policy of Eq. 1, compiled (the readable twin is `options`)."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import IS_CLOSED, NOTHING, PORTABLE
from pipeline.tasks.minigrid.dynamics import STEP
from pipeline.tasks.minigrid.flood import FREE, direction_to, stand_before, turn_or_go
from pipeline.tasks.minigrid.world import NOWHERE
from pipeline.tasks.minigrid_numbers import DONE, DROP, FORWARD, PICK_UP, TOGGLE

EXPLORE, GO_TO, TAKE, PUT_DOWN, OPEN, PUT_NEXT_TO, IDLE = range(7)
"""Operations of a program, see `programs`."""
TERMINATED = -1
STUCK = DONE


@compiled
def _nearest(w, f, phrase):
    """The cell of the nearest thing so called that can be faced, of two the first; NOWHERE if there is none."""
    nearest, best = np.int64(NOWHERE), np.int64(0)
    for number in range(1, w.things + 1):
        if w.phrase[number] == phrase:
            place = w.place[number]
            before = stand_before(f, place)
            if before == NOWHERE:
                continue
            distance = f.distance[before]
            if nearest == NOWHERE or distance < best or (distance == best and place < nearest):
                nearest, best = place, distance
    if w.goal_phrase == phrase and stand_before(f, w.goal) != NOWHERE:
        return np.int64(w.goal)
    return nearest


@compiled
def _face(w, f, cell):
    """Walk to the nearest place beside a cell and turn to it; TERMINATED when it is in front."""
    if w.agent + STEP[w.direction] == cell:
        return TERMINATED
    before = stand_before(f, cell)
    if before == w.agent:
        return turn_or_go(w, direction_to(w.agent, cell))
    return turn_or_go(w, f.way[before])


@compiled
def explore(w, f):
    """Go to the nearest cell beside an unseen one and look there; TERMINATED when there is none."""
    for k in range(f.count):
        cell = f.queue[k]
        for turn in (0, 3, 1, 2):
            direction = (w.direction + turn) & 3
            if w.known[cell + STEP[direction]] == 0:
                return turn_or_go(w, f.way[cell] if k else direction)
    return TERMINATED


@compiled
def _leaves_ways_open(w, cell, strictly):
    """Whether what is put on an empty cell keeps its free neighbours joined, as far as the eight cells around it show.

    Strictly, it also leaves doors and things around it within reach. Next to an unseen cell nothing is put.
    """
    free = 0
    joins = 0
    for direction in range(4):
        code = w.known[cell + STEP[direction]]
        after, before = STEP[(direction + 1) & 3], STEP[(direction + 3) & 3]
        corner_after = FREE[w.known[cell + STEP[direction] + after]]
        corner_before = FREE[w.known[cell + STEP[direction] + before]]
        if code == 0:
            return False
        if strictly and (IS_CLOSED[code] or (PORTABLE[code] and not corner_after and not corner_before)):
            return False
        if FREE[code]:
            free += 1
            if corner_after and FREE[w.known[cell + after]]:
                joins += 1
    return free - joins <= 1


@compiled
def drop(w, f):
    """Put what is held on the nearest empty cell where it blocks no way; STUCK where none is known."""
    for strictly in (True, False):
        for k in range(f.count):
            cell = f.queue[k]
            for turn in (0, 3, 1, 2):
                direction = (w.direction + turn) & 3
                place = cell + STEP[direction]
                if w.known[place] == NOTHING and place != w.agent and _leaves_ways_open(w, place, strictly):
                    if k:
                        return turn_or_go(w, f.way[cell])
                    return DROP if turn == 0 else turn_or_go(w, direction)
    return STUCK


@compiled
def _put_next_to(w, f, phrase):
    """Put what is held on the nearest empty cell next to a thing so called; STUCK where none is known."""
    for k in range(f.count):
        cell = f.queue[k]
        for turn in (0, 3, 1, 2):
            direction = (w.direction + turn) & 3
            place = cell + STEP[direction]
            if w.known[place] != NOTHING or place == w.agent:
                continue
            for side in range(4):
                beside = w.thing[place + STEP[side]]
                if beside and w.phrase[beside] == phrase:
                    if k:
                        return turn_or_go(w, f.way[cell])
                    return DROP if turn == 0 else turn_or_go(w, direction)
    return STUCK


@compiled
def follow(w, f, operation, phrase):
    """One step of an option: an action, STUCK where it can't go on, TERMINATED where it is done."""
    if operation == IDLE:
        return STUCK
    if operation == EXPLORE:
        return explore(w, f)
    if operation == PUT_DOWN:
        return drop(w, f) if w.held and w.held_phrase == phrase else TERMINATED
    if operation == PUT_NEXT_TO:
        return _put_next_to(w, f, phrase) if w.held else TERMINATED
    if w.held and w.held_phrase == phrase and operation != OPEN:
        return TERMINATED
    cell = _nearest(w, f, phrase)
    if cell == NOWHERE:
        return STUCK
    if operation == TAKE and w.held:
        return drop(w, f)
    action = _face(w, f, cell)
    if action != TERMINATED:
        return action
    if operation == TAKE:
        return PICK_UP
    if operation == OPEN:
        return TOGGLE
    return FORWARD if cell == w.goal else TERMINATED


@compiled
def teach(w, f, programs, shares, counts, policy):
    """Fill policy (float32[7]) with Eq. 1 for the world's description; False if it is unlabelled.

    programs uint8[descriptions, plans, length, 2], shares float32[descriptions, plans], counts int32[descriptions]:
    see `programs.Programs`. The flood f must be of the present state.
    """
    policy[:] = 0
    number = w.description
    for plan in range(counts[number]):
        action = TERMINATED
        for k in range(programs.shape[2]):
            action = follow(w, f, programs[number, plan, k, 0], programs[number, plan, k, 1])
            if action != TERMINATED:
                break
        policy[STUCK if action == TERMINATED else action] += shares[number, plan]
    return counts[number] >= 0
