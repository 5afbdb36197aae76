"""Shortest ways with full information: hand-made rooms, a plain search through the engine's own rules, real layouts."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from pipeline.tasks.doorkey.engine import _act
from pipeline.tasks.doorkey.shortest import ShortestWays
from pipeline.tasks.doorkey.worlds import KINDS, NOWHERE, OTHER_KEY, WORLD
from pipeline.tasks.minigrid_numbers import DOOR, EMPTY, KEY, LAVA, WALL
from pipeline.tasks.registry import get_task

SIGNS = {"#": WALL, ".": EMPTY, "D": DOOR, "K": KEY, "k": OTHER_KEY, "L": LAVA}
LEFT, RIGHT, FORWARD, PICK_UP, DROP, TOGGLE, DONE = range(7)


def world(*lines: str, held: int = 0) -> np.ndarray:
    """A drawn room as WORLD[1]; the agent is `>`, `v`, `<` or `^`."""
    worlds = np.zeros(1, WORLD)
    w = worlds[0]
    w["cells"] = EMPTY
    w["place"] = NOWHERE
    w["held"] = held
    doors = []
    for y, line in enumerate(lines):
        for x, sign in enumerate(line):
            cell = 10 * x + y
            if sign in ">v<^":
                w["agent"], w["direction"] = cell, ">v<^".index(sign)
                continue
            w["cells"][cell] = SIGNS[sign]
            if sign == "D":
                doors.append(cell)
            if sign in "Kk":
                w["place"]["Kk".index(sign)] = cell
    w["place"][2 : 2 + len(doors)] = sorted(doors)
    return worlds


def steps(worlds: np.ndarray) -> int:
    return int(ShortestWays(worlds).outlook().steps[0])


def searched(worlds: np.ndarray) -> int:
    """The same by a plain search forwards through the engine's own rules; -1 if no door ever opens."""

    def state(w: np.ndarray) -> tuple[int, ...]:
        return (*(int(w[name]) for name in ("agent", "direction", "held")), *w["place"][:2].tolist())

    queue = deque([(worlds.copy(), 0)])
    met = {state(worlds[0])}
    while queue:
        here, taken = queue.popleft()
        for action in range(6):
            after = here.copy()
            ended = _act(after[0], action)
            if ended == 1:
                return taken + 1
            if ended == 0 and state(after[0]) not in met:
                met.add(state(after[0]))
                queue.append((after, taken + 1))
    return -1


def test_straight_to_the_key_and_the_door() -> None:
    worlds = world("#####", "#>K.D", "#...#", "#...#", "#####")
    outlook = ShortestWays(worlds).outlook()
    assert outlook.steps.tolist() == [4]
    assert outlook.after[0].tolist() == [5, 5, 4, 3, 4, 4, 4]
    assert outlook.effect[0].tolist() == [True, True, False, True, False, False, False]
    assert outlook.handles[0].tolist() == [False, False, False, True, False, False, False]
    assert outlook.shortens[0].tolist() == [False, False, False, True, False, False, False]


def test_around_lava_which_is_the_end() -> None:
    outlook = ShortestWays(world("#####", "#>LKD", "#...#", "#...#", "#####")).outlook()
    assert outlook.steps.tolist() == [10]  # right, on, left, on, on, left, pick up, on, right, toggle
    assert outlook.after[0, FORWARD] == -1
    assert outlook.shortens[0].tolist() == [False, True, False, False, False, False, False]


def test_out_of_reach_behind_lava() -> None:
    outlook = ShortestWays(world("#####", "#>..D", "#..L#", "#.LK#", "#####")).outlook()
    assert outlook.steps.tolist() == [-1]
    assert not outlook.shortens.any()


def test_the_toggle_is_the_last_step() -> None:
    worlds = world("#####", "#..>D", "#...#", "#...#", "#####", held=1)
    outlook = ShortestWays(worlds).outlook()
    assert outlook.after[0, TOGGLE] == 0
    assert outlook.steps.tolist() == [1]
    assert outlook.after[0, DROP] == 1  # in front is the door, so nothing can be dropped
    assert not outlook.effect[0, DROP]


def test_the_wrong_key_is_a_detour() -> None:
    outlook = ShortestWays(world("######", "#>k..#", "#....#", "#..K.D", "######")).outlook()
    assert outlook.handles[0, PICK_UP]
    assert outlook.after[0, PICK_UP] > outlook.steps[0]


@pytest.mark.parametrize(
    ("seen", "held", "known"),
    [("KD", 0, True), ("Kd", 0, True), ("kD", 0, False), ("Kk", 0, False), ("D", 1, True), ("D", 2, False)],
)
def test_all_is_known_with_the_fitting_key_and_a_door(seen: str, held: int, known: bool) -> None:
    """`D` is the first door in scan order, `d` the second."""
    keys = "#.Kk.#".replace("?Kk"[held], ".")
    worlds = world("######", "#>...D", keys, "#....#", "##D###", held=held)
    for thing in seen:
        worlds["shown"][0, worlds["place"][0, "KkDd".index(thing)], 0] = 1
    assert ShortestWays(worlds).outlook().known.tolist() == [known]


@pytest.mark.parametrize(
    "worlds",
    [
        world("#####", "#>..#", "#.K.#", "#..k#", "###D#"),  # the other key stands before the door
        world("#####", "#>k.D", "#...#", "#..K#", "#####"),
        world("#####", "#>.kD", "#...#", "#...#", "#####", held=1),
        world("#####", "#K..D", "#.^.#", "#...#", "#####", held=2),
        world("######", "#L.k.#", "#.>LKD", "#....#", "######"),
        world("#D###", "#...#", "#..<#", "#.K.#", "###D#"),
    ],
    ids=["blocked door", "key beside", "fit held", "other held", "lava", "two doors"],
)
def test_equal_to_a_plain_search(worlds: np.ndarray) -> None:
    assert steps(worlds) == searched(worlds)


@pytest.mark.parametrize("name", KINDS)
def test_following_shortest_ways_opens_the_door_when_they_said(name: str) -> None:
    task = get_task(name)
    batch = task.make_batch(60, 0, None, None)
    batch.reset(task.layout_seeds("test", 60))
    look = batch.outlooks()
    promised = look().steps
    taken = np.zeros(60, np.int64)
    running = np.ones(60, bool)
    while running.any():
        outlook = look()
        assert (outlook.steps[running] == promised[running] - batch._worlds["steps"][running]).all()
        finished = batch.step(np.where(running, outlook.shortens.argmax(axis=1), DONE))
        new = running & finished.done
        assert finished.success[new].all()
        taken[new] = finished.episode_length[new]
        running &= ~finished.done
    assert (taken == promised).all()
    assert 10 < promised.mean() < 14


def test_rows_that_went_on_have_no_outlook() -> None:
    batch = get_task("LavaDoorKey").make_batch(8, 3)
    look = batch.outlooks()
    assert (look().steps > 0).all()
    batch.reset()
    batch.step(np.zeros(8, np.int64))
    codes = batch._worlds["code"].copy()
    batch.reset(np.arange(8, dtype=np.uint32))
    other = batch._worlds["code"] != codes
    assert (look().steps[other] == -1).all()
    assert not look().known[other].any()
