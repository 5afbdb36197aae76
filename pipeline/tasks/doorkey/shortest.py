"""Shortest ways to an open door when the whole layout is known: turns, steps, pick-ups, drops and the toggle count one.

One search per layout, backwards from the open door, gives the fewest steps from every state of its room: pose of the
agent, place of the key that fits, and place of the other key where there is one (a place may be the agent's hand). So
ways that first put a key aside are found too. Lava is never entered.

A state's number is ((key * others + other) * cells + cell) * 4 + direction. `cells` is how many cells the room has
within its walls, numbered column by column; a key's place is a cell, or `cells` for the hand; `others` is cells + 1,
or 1 where there is no other key.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.doorkey.guide import IDLE
from pipeline.tasks.doorkey.vision import STEP, in_sight
from pipeline.tasks.doorkey.worlds import NOWHERE, OTHER_KEY
from pipeline.tasks.minigrid_numbers import DOOR, DROP, EMPTY, FORWARD, KEY, LAVA, LEFT, PICK_UP, RIGHT, TOGGLE, WALL
from pipeline.tasks.outlook import OUT_OF_REACH, Outlook

UNREACHED = 255
"""In a table of distances: no way to an open door, or none below 255 steps."""


@compiled
def _room(w):
    """The room's inner columns and rows, and how many places the other key may have (1 if there is none)."""
    columns = 0
    while columns < 10 and (w.cells[columns * 10] == WALL or w.cells[columns * 10] == DOOR):
        columns += 1
    rows = 0
    while rows < 10 and (w.cells[rows] == WALL or w.cells[rows] == DOOR):
        rows += 1
    columns -= 2
    rows -= 2
    others = columns * rows + 1 if w.place[1] != NOWHERE or w.held == 2 else 1
    return columns, rows, others


@compiled
def states(w):
    """How many states the world's room has."""
    columns, rows, others = _room(w)
    cells = columns * rows
    return (cells + 1) * others * cells * 4


@compiled
def _inner(cell, rows):
    """A world cell's number within the room."""
    return (cell // 10 - 1) * rows + cell % 10 - 1


@compiled
def _offer(state, distance, distances, queue, tail):
    """Reach a state in so many steps unless it was reached before; returns the queue's new end."""
    if distances[state] == UNREACHED:
        distances[state] = distance
        queue[tail] = state
        return tail + 1
    return tail


@compiled
def solve(w, distances, queue):
    """Fill distances (uint8[states]) with the fewest steps to an open door; queue (int32[>= states]) is scratch."""
    columns, rows, others = _room(w)
    cells = columns * rows
    ahead = np.full((cells, 4), -1, np.int64)  # the room's cell ahead, -1 for what can't be stood on
    tail = 0
    distances[:] = UNREACHED
    for cell in range(cells):
        here = (cell // rows + 1) * 10 + cell % rows + 1
        for direction in range(4):
            front = here + STEP[direction]
            kind = w.cells[front]
            if kind != WALL and kind != DOOR and kind != LAVA:
                ahead[cell, direction] = _inner(front, rows)
            if kind == DOOR and w.cells[here] != LAVA:
                for other in range(others if others == 1 else cells):
                    if others == 1 or other != cell:
                        state = ((cells * others + other) * cells + cell) * 4 + direction
                        tail = _offer(state, 1, distances, queue, tail)
    head = 0
    while head < tail:
        state = queue[head]
        head += 1
        if distances[state] == UNREACHED - 1:
            break
        distance = distances[state] + 1
        direction = state % 4
        cell = state // 4 % cells
        other = state // 4 // cells % others
        key = state // 4 // cells // others
        two = others > 1
        config = state - cell * 4 - direction
        tail = _offer(config + cell * 4 + (direction + 1) % 4, distance, distances, queue, tail)
        tail = _offer(config + cell * 4 + (direction + 3) % 4, distance, distances, queue, tail)
        behind = ahead[cell, (direction + 2) % 4]
        if behind >= 0 and behind != key and not (two and behind == other):
            tail = _offer(config + behind * 4 + direction, distance, distances, queue, tail)
        front = ahead[cell, direction]
        if front < 0:
            continue
        pose = cell * 4 + direction
        if key == cells or (two and other == cells):  # something is in the hand: it was picked up from ahead
            if key == cells and not (two and other == front):
                tail = _offer((front * others + other) * cells * 4 + pose, distance, distances, queue, tail)
            elif two and other == cells and key != front:
                tail = _offer((key * others + front) * cells * 4 + pose, distance, distances, queue, tail)
        elif key == front:  # what lies ahead was dropped there
            tail = _offer((cells * others + other) * cells * 4 + pose, distance, distances, queue, tail)
        elif two and other == front:
            tail = _offer((key * others + cells) * cells * 4 + pose, distance, distances, queue, tail)


@compiled
def _steps_left(w, agent, direction, held, key, other, distances):
    """Fewest steps from a state of the world's room; key and other are world cells and don't matter when held."""
    columns, rows, others = _room(w)
    cells = columns * rows
    key_place = cells if held == 1 else _inner(key, rows)
    other_place = 0 if others == 1 else cells if held == 2 else _inner(other, rows)
    found = distances[((key_place * others + other_place) * cells + _inner(agent, rows)) * 4 + direction]
    return OUT_OF_REACH if found == UNREACHED else np.int64(found)


@compiled
def look_ahead(w, distances, after, effect, handles):
    """Fill one row of an Outlook (after int32[7], effect and handles bool[7]) for a world with solved distances."""
    here, direction, held, key, other = w.agent, w.direction, w.held, w.place[0], w.place[1]
    front = here + STEP[direction]
    kind = w.cells[front]
    now = _steps_left(w, here, direction, held, key, other, distances)
    for action in range(IDLE + 1):
        after[action] = now
        effect[action] = False
        handles[action] = False
    effect[LEFT] = effect[RIGHT] = True
    after[LEFT] = _steps_left(w, here, (direction + 3) & 3, held, key, other, distances)
    after[RIGHT] = _steps_left(w, here, (direction + 1) & 3, held, key, other, distances)
    if kind == LAVA:
        effect[FORWARD] = True
        after[FORWARD] = OUT_OF_REACH
    elif kind == EMPTY:
        effect[FORWARD] = True
        after[FORWARD] = _steps_left(w, front, direction, held, key, other, distances)
        if held:
            effect[DROP] = handles[DROP] = True
            key_then = front if held == 1 else key
            other_then = front if held == 2 else other
            after[DROP] = _steps_left(w, here, direction, 0, key_then, other_then, distances)
    elif (kind == KEY or kind == OTHER_KEY) and held == 0:
        effect[PICK_UP] = handles[PICK_UP] = True
        after[PICK_UP] = _steps_left(w, here, direction, 1 if kind == KEY else 2, key, other, distances)
    elif kind == DOOR and held == 1:
        effect[TOGGLE] = True
        after[TOGGLE] = 0


@compiled
def _sizes(worlds, sizes):
    for i in range(worlds.shape[0]):
        sizes[i] = states(worlds[i])


@compiled
def _solve_all(worlds, starts, distances):
    queue = np.empty((starts[1:] - starts[:-1]).max(), np.int32)
    for i in range(worlds.shape[0]):
        solve(worlds[i], distances[starts[i] : starts[i + 1]], queue)


@compiled
def _look_ahead_all(worlds, codes, starts, distances, after, effect, handles, known):
    for i in range(worlds.shape[0]):
        w = worlds[i]
        if w.code != codes[i]:
            after[i] = OUT_OF_REACH
            effect[i] = False
            handles[i] = False
            known[i] = False
            continue
        look_ahead(w, distances[starts[i] : starts[i + 1]], after[i], effect[i], handles[i])
        known[i] = (w.held == 1 or in_sight(w, 0)) and (in_sight(w, 2) or in_sight(w, 3))


class ShortestWays:
    """The shortest ways on the layouts that some worlds (worlds.WORLD[rows]) are on; memory: a byte per state."""

    def __init__(self, worlds: np.ndarray) -> None:
        self._worlds = worlds
        self._codes = worlds["code"].copy()
        sizes = np.zeros(len(worlds), np.int64)
        _sizes(worlds, sizes)
        self._starts = np.concatenate([[0], sizes.cumsum()])
        self._distances = np.zeros(self._starts[-1], np.uint8)
        _solve_all(worlds, self._starts, self._distances)

    def outlook(self) -> Outlook:
        """The worlds' present outlook; rows that went on to another layout are OUT_OF_REACH and False throughout."""
        rows, actions = len(self._worlds), IDLE + 1
        outlook = Outlook(
            after=np.zeros((rows, actions), np.int32),
            effect=np.zeros((rows, actions), np.bool_),
            handles=np.zeros((rows, actions), np.bool_),
            known=np.zeros(rows, np.bool_),
        )
        _look_ahead_all(
            self._worlds, self._codes, self._starts, self._distances,
            outlook.after, outlook.effect, outlook.handles, outlook.known,
        )  # fmt: skip
        return outlook
