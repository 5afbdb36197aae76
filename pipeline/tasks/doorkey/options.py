"""The five options of the paper's A.4 as policies on the remembered map.

All are deterministic, start anywhere and keep nothing in mind: what they do follows from the map alone. They were
made for SimpleDoorKey, so they walk through lava as if it were floor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from pipeline.instructions import Option
from pipeline.tasks.base import OptionStep
from pipeline.tasks.doorkey.description import Scene, find_agent
from pipeline.tasks.minigrid_numbers import (
    BALL,
    BOX,
    DOOR,
    DROP,
    EMPTY,
    FORWARD,
    GOAL,
    KEY,
    LAVA,
    LEFT,
    PICK_UP,
    RIGHT,
    STEPS,
    TOGGLE,
    UNSEEN,
    WALL,
)

TERMINATED = OptionStep(None, True)
STUCK = OptionStep(None, False)  # the option can't go on, and hasn't terminated

Cell = tuple[int, int]
Pose = tuple[int, int, int]  # x, y, direction


def follow(option: Option, cells: np.ndarray, scene: Scene) -> OptionStep:
    """One step of an option on a map uint8[width, height, 4]; its objects are named as in `scene`.

    Raises ValueError for an option that these tasks don't have.
    """
    if option.name == "explore":
        return explore(cells)
    if option.name not in ("go to", "pick up", "drop", "open") or len(option.args) != 1:
        raise ValueError(f"the DoorKey tasks have no option {option}")
    thing = option.args[0]
    place, holds = scene.places.get(thing), scene.description.holds
    if option.name == "go to":
        return TERMINATED if holds == thing else STUCK if place is None else go_to(cells, place)
    if option.name == "pick up":
        if holds == thing:
            return TERMINATED
        if place is None:
            return STUCK
        return OptionStep(PICK_UP, False) if holds is None else drop(cells)
    if option.name == "drop":
        return drop(cells) if holds == thing else TERMINATED
    return STUCK if place is None else OptionStep(TOGGLE, False)


def explore(cells: np.ndarray) -> OptionStep:
    """Scan the unseen cells of the room; terminates when the walls seen close it and nothing in it is unseen.

    The agent walks straight on while there is something unseen at least two rows ahead of it, since it already sees
    the row next to it as it goes; then it turns to the side where there is.
    """
    x, y, direction = find_agent(cells)
    if _kind(cells, _ahead(x, y, direction)) in (KEY, BALL, BOX):  # things that block the way are walked around
        to_the_left = _kind(cells, _ahead(x, y, (direction + LEFT_TURN) % 4))
        return OptionStep(RIGHT if to_the_left in (WALL, DOOR, KEY, BALL, BOX) else LEFT, False)
    right, bottom = room_bounds(cells)
    unseen = np.argwhere(cells[: right + 1, : bottom + 1, 0] == UNSEEN)  # int[n, 2]
    for turn, distance, action in ((0, 2, FORWARD), (LEFT_TURN, 2, LEFT), (RIGHT_TURN, 2, RIGHT), (2, 1, LEFT)):
        step = STEPS[(direction + turn) % 4]
        if ((unseen - (x, y)) @ step >= distance).any():
            return OptionStep(action, False)
    return TERMINATED


LEFT_TURN, RIGHT_TURN = 3, 1
"""What a turn adds to the direction, modulo 4."""


def room_bounds(cells: np.ndarray) -> Cell:
    """The last column and the last row of the room as far as its walls have been seen, else of the world.

    Two neighbouring cells of wall or door, one below the other, show the right wall; side by side, the bottom one.
    """
    wall = np.isin(cells[:, :, 0], (WALL, DOOR))  # bool[width, height]
    columns = (wall[1:-1, 1:-1] & wall[1:-1, 2:]).any(axis=1)  # bool[width - 2], of columns 1 to width - 2
    rows = (wall[1:-1, 1:-1] & wall[2:, 1:-1]).any(axis=0)
    right = int(columns.argmax()) + 1 if columns.any() else len(wall) - 1
    bottom = int(rows.argmax()) + 1 if rows.any() else wall.shape[1] - 1
    return right, bottom


def go_to(cells: np.ndarray, place: Cell) -> OptionStep:
    """Walk a shortest path to where one faces the cell `place`; terminates there."""
    x, y, direction = find_agent(cells)
    if _ahead(x, y, direction) == place:
        return TERMINATED
    action = first_action(cells, facing([place]))
    return STUCK if action is None else OptionStep(action, False)


def drop(cells: np.ndarray) -> OptionStep:
    """Put what is held on the nearest available cell: one known to be empty, and not next to a door."""
    x, y, direction = find_agent(cells)
    available = cells[:, :, 0] == EMPTY  # bool[width, height]; the agent's cell isn't, as it shows what is held
    for door_x, door_y in np.argwhere(cells[:, :, 0] == DOOR).tolist():
        for step_x, step_y in STEPS:
            if _inside(cells, (door_x + step_x, door_y + step_y)):
                available[door_x + step_x, door_y + step_y] = False
    ahead = _ahead(x, y, direction)
    if _inside(cells, ahead) and available[ahead]:
        return OptionStep(DROP, False)
    action = first_action(cells, facing((a, b) for a, b in np.argwhere(available).tolist()))
    return STUCK if action is None else OptionStep(action, False)


def facing(places: Iterable[Cell]) -> set[Pose]:
    """All poses that have one of the places in front."""
    return {(x - step[0], y - step[1], d) for x, y in places for d, step in enumerate(STEPS)}


def first_action(cells: np.ndarray, goals: set[Pose]) -> int | None:
    """The first action of a shortest path from the agent's pose to one of the goals; None if there is none.

    Turns and steps count one each. Of several such actions it is the first of forward, left, right. The path leads over
    cells known to be free, lava among them. The agent must not be at a goal already.
    """
    pose = find_agent(cells)
    walkable = np.isin(cells[:, :, 0], (EMPTY, GOAL, LAVA)) | ((cells[:, :, 0] == DOOR) & (cells[:, :, 2] == 0))
    walkable[pose[:2]] = True
    reachable = {goal for goal in goals if _inside(cells, goal[:2]) and walkable[goal[:2]]}
    distance = dict.fromkeys(reachable, 0)  # steps from each pose to the nearest goal, found backwards from the goals
    queue = deque(reachable)
    while queue and pose not in distance:
        x, y, d = queue.popleft()
        behind = (x - STEPS[d][0], y - STEPS[d][1])
        before = [(x, y, (d + 1) % 4), (x, y, (d - 1) % 4)]
        if _inside(cells, behind) and walkable[behind]:
            before.append((*behind, d))
        for previous in before:
            if previous not in distance:
                distance[previous] = distance[x, y, d] + 1
                queue.append(previous)
    if pose not in distance:
        return None
    x, y, d = pose
    ahead = _ahead(x, y, d)
    # Every pose nearer to a goal than the agent's is known by now, so a missing one isn't on a shortest path; neither
    # is the cell ahead where it can't be walked on, for such a cell is never reached.
    after = {FORWARD: (*ahead, d), LEFT: (x, y, (d - 1) % 4), RIGHT: (x, y, (d + 1) % 4)}
    return next(action for action, next_pose in after.items() if distance.get(next_pose) == distance[pose] - 1)


def _ahead(x: int, y: int, direction: int) -> Cell:
    return x + STEPS[direction][0], y + STEPS[direction][1]


def _inside(cells: np.ndarray, cell: Cell) -> bool:
    return 0 <= cell[0] < cells.shape[0] and 0 <= cell[1] < cells.shape[1]


def _kind(cells: np.ndarray, cell: Cell) -> int:
    """The kind of a cell; beyond the world there is wall."""
    return int(cells[cell][0]) if _inside(cells, cell) else WALL
