"""The options as policies on the remembered map: the readable twin of `guide`.

All are deterministic, start anywhere and keep nothing in mind. An option is about the nearest thing that the
description calls so and that can be reached; ways lead over cells known to be free.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.instructions import Option
from pipeline.tasks.base import OptionStep
from pipeline.tasks.minigrid.description import PORTABLE, Cell, Map, Scene, step
from pipeline.tasks.minigrid_numbers import DROP, EMPTY, FORWARD, GOAL, LEFT, PICK_UP, RIGHT, TOGGLE

TERMINATED = OptionStep(None, True)
STUCK = OptionStep(None, False)  # the option can't go on, and hasn't terminated


def follow(option: Option, remembered: Map, scene: Scene) -> OptionStep:
    """One step of an option; its object is named as in `scene`. Raises ValueError for an option that there is not."""
    holds = scene.description.holds
    if option.name == "explore":
        return explore(remembered)
    if option.name not in ("go to", "pick up", "drop", "open", "put next to") or len(option.args) != 1:
        raise ValueError(f"levels have no option {option}")
    thing = option.args[0]
    if option.name == "drop":
        return drop(remembered) if holds == thing else TERMINATED
    if option.name == "put next to":
        return put_next_to(thing, remembered, scene) if remembered.held else TERMINATED
    if holds == thing and option.name != "open":
        return TERMINATED
    cell = nearest(thing, remembered, scene)
    if cell is None:
        return STUCK
    if option.name == "pick up" and remembered.held:
        return drop(remembered)
    if step(remembered.agent, remembered.direction) != cell:
        return face(cell, remembered)
    if option.name == "pick up":
        return OptionStep(PICK_UP, False)
    if option.name == "open":
        return OptionStep(TOGGLE, False)
    return OptionStep(FORWARD, False) if remembered.at(cell).kind == GOAL else TERMINATED


def nearest(name: str, remembered: Map, scene: Scene) -> Cell | None:
    """The nearest thing so called that can be faced; of several, the one with the first cell in the layout's order."""
    found = [
        (remembered.distance[before], cell)
        for cell, called in scene.names.items()
        if called == name and (before := remembered.stand_before(cell)) is not None
    ]
    return min(found)[1] if found else None


def explore(remembered: Map) -> OptionStep:
    """Go to the nearest cell beside an unseen one and look there; terminates when there is none."""
    for cell in remembered.distance:
        for direction in remembered.around():
            if step(cell, direction) not in remembered.things:
                return _towards(cell, direction, remembered)
    return TERMINATED


def face(cell: Cell, remembered: Map) -> OptionStep:
    """A step towards standing before a cell that can be reached, and looking at it."""
    before = remembered.stand_before(cell)
    assert before is not None
    direction = next(d for d in range(4) if step(before, d) == cell)
    return _towards(before, direction, remembered)


def drop(remembered: Map) -> OptionStep:
    """Put what is held on the nearest empty cell where it blocks no way; stuck where none is known."""
    done = _put_down(remembered, lambda place: leaves_ways_open(place, remembered, strictly=True))
    return done if done != STUCK else _put_down(remembered, lambda place: leaves_ways_open(place, remembered))


def put_next_to(name: str, remembered: Map, scene: Scene) -> OptionStep:
    """Put what is held on the nearest empty cell next to a thing so called; stuck where none is known."""
    return _put_down(remembered, lambda place: any(scene.names.get(step(place, d)) == name for d in range(4)))


def _put_down(remembered: Map, suits: Callable[[Cell], bool]) -> OptionStep:
    for cell in remembered.distance:
        for direction in remembered.around():
            place = step(cell, direction)
            if remembered.at(place).kind == EMPTY and place != remembered.agent and suits(place):
                facing = cell == remembered.agent and direction == remembered.direction
                return OptionStep(DROP, False) if facing else _towards(cell, direction, remembered)
    return STUCK


def leaves_ways_open(place: Cell, remembered: Map, strictly: bool = False) -> bool:
    """Whether what is put on an empty cell keeps its free neighbours joined, as far as the eight cells around it show.

    Strictly, it also leaves doors and things around it within reach. Next to an unseen cell nothing is put.
    """
    free, joins = 0, 0
    for direction in range(4):
        beside, following = step(place, direction), step(place, (direction + 1) % 4)
        corner_after = remembered.at(step(beside, (direction + 1) % 4)).free
        corner_before = remembered.at(step(beside, (direction - 1) % 4)).free
        there = remembered.at(beside)
        if beside not in remembered.things:
            return False
        if strictly and (there.shut or (there.kind in PORTABLE and not corner_after and not corner_before)):
            return False
        free += there.free
        joins += there.free and corner_after and remembered.at(following).free
    return free - joins <= 1


def _towards(cell: Cell, direction: int, remembered: Map) -> OptionStep:
    """A step towards standing on a cell and looking in a direction: go, or turn (left if it lies behind)."""
    wanted = direction if cell == remembered.agent else remembered.way[cell]
    turn = (wanted - remembered.direction) % 4
    return OptionStep({0: FORWARD, 1: RIGHT}.get(turn, LEFT), False)
