"""What the agent can say about the map that it remembers: the readable twin of `flood` and `scene`.

A map is uint8[width, height, 4], as an observation holds it: MiniGrid's kind, colour and state of every cell seen so
far (0 where never seen), and the agent's direction at its cell, NO_AGENT elsewhere. The third channel is the state plus
three times the mark: what the mission says of the thing there (`scene.mark_of`). What is held is drawn at the agent's
cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.instructions import Description
from pipeline.tasks.minigrid.phrases import FAMILIES, UNREACHABLE, Wording
from pipeline.tasks.minigrid.scene import BESIDE
from pipeline.tasks.minigrid.world import GO_TO, OPEN, PICK_UP, PUT_NEXT
from pipeline.tasks.minigrid_numbers import (
    BALL,
    BOX,
    CLOSED,
    COLOURS,
    DOOR,
    EMPTY,
    FLOOR,
    GOAL,
    KEY,
    LOCKED,
    NO_AGENT,
    STEPS,
    UNSEEN,
)
from pipeline.tasks.minigrid_numbers import OPEN as STANDS_OPEN
from pipeline.tasks.spaces import MarkedMap

PORTABLE = (KEY, BALL, BOX)
NAMES = {DOOR: "door", KEY: "key", BALL: "ball", BOX: "box"}
WISHES = {GO_TO: "to go to", PICK_UP: "to pick up", OPEN: "to open", PUT_NEXT: "to move", BESIDE: "to move it to"}
"""What is said of a thing with a mark."""

Cell = tuple[int, int]


@dataclass(frozen=True)
class Thing:
    """What a cell of the map shows, apart from the agent."""

    kind: int
    colour: int
    state: int
    mark: int

    @property
    def free(self) -> bool:
        """Whether ways lead over it: neither lava nor the goal, where an episode ends."""
        return self.kind in (EMPTY, FLOOR) or (self.kind == DOOR and self.state == STANDS_OPEN)

    @property
    def shut(self) -> bool:
        return self.kind == DOOR and self.state != STANDS_OPEN

    @property
    def locked(self) -> bool:
        return self.kind == DOOR and self.state == LOCKED


NOTHING = Thing(EMPTY, 0, 0, 0)
OUTSIDE = Thing(UNSEEN, 0, 0, 0)


class Map:
    """A map with the agent taken off it, and the ways that the agent knows.

    agent, direction  where it stands and looks
    held              what it holds, None for nothing
    things            what each seen cell shows
    distance, way     steps to each cell that a known way leads to, nearest first, and the direction of the first step
    """

    def __init__(self, cells: np.ndarray) -> None:
        """Raises ValueError if the map doesn't show one agent."""
        places = np.argwhere(cells[:, :, 3] != NO_AGENT).tolist()
        if len(places) != 1:
            raise ValueError(f"a map shows one agent, this one shows {len(places)}")
        self.agent: Cell = (places[0][0], places[0][1])
        self.direction = int(cells[self.agent][3])
        self.things: dict[Cell, Thing] = {}
        for x, y in np.argwhere(cells[:, :, 0] != UNSEEN).tolist():
            kind, colour, third, _ = cells[x, y].tolist()
            self.things[x, y] = Thing(kind, colour, third % MarkedMap.STATES, third // MarkedMap.STATES)
        drawn = self.things[self.agent]
        self.held = drawn if drawn.kind in PORTABLE else None
        self.things[self.agent] = NOTHING
        self.distance, self.way = self._flood()

    def at(self, cell: Cell) -> Thing:
        return self.things.get(cell, OUTSIDE)

    def around(self) -> list[int]:
        """The four directions, as the agent prefers them: ahead, left, right, behind."""
        return [(self.direction + turn) % 4 for turn in (0, 3, 1, 2)]

    def _flood(self) -> tuple[dict[Cell, int], dict[Cell, int]]:
        distance, way = {self.agent: 0}, {self.agent: self.direction}
        queue = [self.agent]
        for cell in queue:  # grows as cells are found
            for direction in self.around():
                after = step(cell, direction)
                if after not in distance and self.at(after).free:
                    distance[after] = distance[cell] + 1
                    way[after] = direction if cell == self.agent else way[cell]
                    queue.append(after)
        return distance, way

    def stand_before(self, cell: Cell) -> Cell | None:
        """The nearest cell from which a cell can be faced, None if no way leads to one."""
        beside = [(cell[0] - dx, cell[1] - dy) for dx, dy in STEPS]
        reached = [place for place in beside if place in self.distance]
        return min(reached, key=lambda place: self.distance[place], default=None)

    def reaches(self, cell: Cell) -> bool:
        return self.stand_before(cell) is not None

    def in_the_way(self, cell: Cell) -> bool:
        """Whether what lies there, within reach, stands before a cell or a door that no way leads to."""
        for direction in range(4):
            beside = step(cell, direction)
            if self.at(beside).free and beside not in self.distance:
                return True
            if self.at(beside).shut and not self.reaches(beside):
                return True
        return False

    @property
    def explorable(self) -> bool:
        """Whether a way leads to a cell next to an unseen one."""
        return any(step(cell, direction) not in self.things for cell in self.distance for direction in range(4))


def step(cell: Cell, direction: int) -> Cell:
    """The next cell in a direction."""
    return cell[0] + STEPS[direction][0], cell[1] + STEPS[direction][1]


@dataclass(frozen=True)
class Scene:
    """A description, and which cells its phrases speak of.

    names  what is on each cell; what is held is not on the map
    """

    description: Description
    names: Mapping[Cell, str]


def read_scene(remembered: Map, wording: Wording) -> Scene:
    """The description of a map in one of the two wordings, with colours as roles, and what it calls each thing.

    The same phrase is said once, however many things it fits.
    """
    locked = {thing.colour for thing in remembered.things.values() if thing.locked}
    names: dict[Cell, tuple[str, int]] = {}  # with {} where the colour belongs, and that colour
    for cell, thing in remembered.things.items():
        if thing.kind not in NAMES and thing.kind != GOAL:
            continue
        form = _form(remembered, cell, thing, wording, locked)
        if form:
            away = "" if remembered.reaches(cell) else f"{UNREACHABLE} "
            names[cell] = f"{away}{form}", thing.colour
    holds = _form(remembered, None, remembered.held, wording, locked) if remembered.held else None
    roles = _colour_roles(set(names.values()), (holds, remembered.held.colour) if holds and remembered.held else None)
    named = {cell: form.format(roles.get(colour)) for cell, (form, colour) in names.items()}
    sees = set(named.values()) | ({"place to explore"} if remembered.explorable else set())
    held = holds.format(roles.get(remembered.held.colour)) if holds and remembered.held else None
    return Scene(Description(tuple(sees), held), named)


def _form(remembered: Map, cell: Cell | None, thing: Thing, wording: Wording, locked: set[int]) -> str:
    """What a thing (held, where there is no cell) is called, with {} for its colour; empty if it isn't mentioned."""
    if thing.kind == GOAL:
        return "goal"
    name = NAMES[thing.kind]
    held = remembered.held
    has_key = held is not None and held.kind == KEY and held.colour == thing.colour
    if thing.mark == OPEN and thing.locked and wording == "facts":
        return "locked {} door to open"
    if thing.mark == OPEN and thing.locked and not has_key:
        return "locked door to open"
    if thing.mark:
        return f"{name} {WISHES[thing.mark]}"
    if thing.kind == DOOR:
        if thing.locked:
            return "locked {} door" if wording == "facts" else "fitting door" if has_key else "locked door"
        return "closed door" if thing.state == CLOSED else ""
    if wording == "roles" and thing.kind == KEY and thing.colour in locked:
        return "fitting key"
    if wording == "roles" and cell is not None and remembered.reaches(cell) and remembered.in_the_way(cell):
        return "obstacle"
    return "{} key" if thing.kind == KEY and wording == "facts" else name


def _colour_roles(seen: set[tuple[str, int]], held: tuple[str, int] | None) -> dict[int, str]:
    """The role of each colour, so that states which differ in colours alone are described alike.

    What is told of a colour is a number, with a bit for each form in the order of FAMILIES, within reach before out of
    reach, and the highest bit for the hand. The highest number becomes color1; of two alike, MiniGrid's first colour.
    """
    forms = [f"{away}{family}" for family in FAMILIES for away in ("", f"{UNREACHABLE} ")]
    told = dict.fromkeys(range(len(COLOURS)), 0)
    for form, colour in seen:
        if form in forms:
            told[colour] |= 1 << forms.index(form)
    if held and held[0] in forms:
        told[held[1]] |= 1 << len(forms)
    order = sorted(told, key=lambda colour: (-told[colour], colour))
    return {colour: f"color{number}" for number, colour in enumerate(order, 1)}
