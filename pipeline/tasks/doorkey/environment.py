"""The four DoorKey environments (paper 4.1): a room, a locked door, a key, and a map that the agent remembers.

This is the reference: plain MiniGrid, slow, and the yardstick of every faster engine. The order in which a layout is
drawn is part of the specification, so that a seed means the same layout everywhere.

The environments are registered with gymnasium; importing this module is enough, or
`gymnasium.make("pipeline.tasks.doorkey.environment:LLM4Teach/SimpleDoorKey-v0")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from minigrid.core.constants import COLOR_NAMES, DIR_TO_VEC
from minigrid.core.grid import Grid
from minigrid.core.mission import MissionSpace
from minigrid.core.world_object import Door, Key, Lava, WorldObj
from minigrid.minigrid_env import MiniGridEnv

from pipeline.tasks.doorkey.observation import SIZE, observation_space
from pipeline.tasks.minigrid_numbers import NO_AGENT

Cell = tuple[int, int]

VIEW = 3
"""Cells along each side of what the agent sees at once."""
GREY = 200
"""The grey level of unseen cells in pictures of the agent's memory."""


@dataclass(frozen=True)
class Layout:
    """Where everything is at the start of an episode, apart from colours.

    doors   one cell, or two in DivergedDoorKey
    key     the key that opens
    extra   the lava (LavaDoorKey) or the red key (ColoredDoorKey)
    """

    room: tuple[int, int]
    doors: tuple[Cell, ...]
    agent: Cell
    direction: int
    key: Cell
    extra: Cell | None = None

    @property
    def world_code(self) -> int:
        """The layout's world, everything but the agent's start, as one number: equal exactly if the worlds are."""
        second = self.doors[1] if len(self.doors) > 1 else None
        digits = [
            (self.room[0], 11),
            (self.room[1], 11),
            (_index(self.doors[0]), 100),
            (0 if second is None else _index(second) + 1, 101),
            (_index(self.key), 100),
            (0 if self.extra is None else _index(self.extra) + 1, 101),
        ]
        code = 0
        for value, base in digits:
            code = code * base + value
        return code

    @property
    def code(self) -> int:
        """The layout as one number below 2**63: equal exactly if the layouts are."""
        return (self.world_code * SIZE**2 + _index(self.agent)) * 4 + self.direction


def visible_cells(transparent: np.ndarray, agent: Cell, direction: int, view: int = VIEW) -> np.ndarray:
    """What an agent sees at once: MiniGrid's flood, run on the view clipped to the world.

    transparent  bool[width, height]: cells that don't block sight
    returns      bool[width, height]

    The view is `view` x `view` cells, the agent in the middle of its near edge. Row by row away from the agent, first
    in increasing then in decreasing coordinate, a visible transparent cell makes three cells visible: its neighbour
    in that direction, and the cells behind both of them as seen from the agent.
    """
    forward = DIR_TO_VEC[direction]
    along = 0 if forward[0] else 1  # the axis the agent looks along
    across = 1 - along
    far = agent[along] + forward[along] * np.arange(view)
    rows = [int(place) for place in far if 0 <= place < transparent.shape[along]]
    first = max(0, agent[across] - view // 2)
    last = min(transparent.shape[across] - 1, agent[across] + view // 2)

    def cell(row: int, place: int) -> Cell:
        return (rows[row], place) if along == 0 else (place, rows[row])

    visible = np.zeros_like(transparent)  # bool[width, height]
    visible[agent] = True
    for row in range(len(rows)):
        scan = [(place, 1) for place in range(first, last)] + [(place, -1) for place in range(last, first, -1)]
        for place, step in scan:
            if visible[cell(row, place)] and transparent[cell(row, place)]:
                visible[cell(row, place + step)] = True
                if row + 1 < len(rows):
                    visible[cell(row + 1, place)] = True
                    visible[cell(row + 1, place + step)] = True
    return visible


class DoorKeyEnv(MiniGridEnv):
    """What all four tasks share: the remembered map, the reward, the horizon and the drawing of the room.

    observation  {"map": uint8[10, 10, 4]}, indexed [x, y]: MiniGrid's object, colour and state index of each cell seen
                 so far as it is now (0 where never seen), then the agent's direction at its cell and 4 elsewhere;
                 what the agent carries is drawn at its cell
    reward       1 - 0.9 * steps / max_steps when the door opens, else 0
    info         `success`: whether the door has been opened
    """

    sides: tuple[int, int] = (5, 11)
    """Half-open range of the room's width and height, in cells."""
    horizon: int = 150
    """Steps after which an episode is cut off."""
    colours_matter: bool = False
    """Whether colours tell objects apart."""

    layout: Layout

    def __init__(self, render_mode: str | None = None, **kwargs: Any) -> None:
        """`kwargs` go to MiniGridEnv (`tile_size`, `highlight`, `max_steps`, ...)."""
        kwargs.setdefault("max_steps", self.horizon)
        mission = MissionSpace(mission_func=self._mission)
        super().__init__(mission, width=SIZE, height=SIZE, agent_view_size=VIEW, render_mode=render_mode, **kwargs)
        self.observation_space = observation_space(self.colours_matter)

    @staticmethod
    def _mission() -> str:
        return "open the door"

    # -- drawing a layout -------------------------------------------------------------------------------------------

    def _gen_grid(self, width: int, height: int) -> None:
        """Draw a layout; called by MiniGrid's reset."""
        self.mission = self._mission()
        self.seen = np.zeros((width, height), bool)  # cells seen so far in this episode
        self.grid = Grid(width, height)
        room = (int(self._rand_int(*self.sides)), int(self._rand_int(*self.sides)))
        self.grid.wall_rect(0, 0, *room)
        self.doors: list[Door] = []
        cells, fronts = zip(*(self._draw_door(wall, room) for wall in self._draw_walls()), strict=True)
        colour = self._draw_colour()
        for cell in cells:
            self.doors.append(Door(colour, is_locked=True))
            self.put_obj(self.doors[-1], *cell)
        key, extra = self._place_all(room, colour, fronts[0])
        self.layout = Layout(room, cells, _cell(self.agent_pos), int(self.agent_dir), key, extra)

    def _draw_walls(self) -> Sequence[int]:
        """The walls that get a door: 0 right, 1 bottom, 2 left, 3 top."""
        return [int(self._rand_int(0, 4))]

    def _draw_door(self, wall: int, room: tuple[int, int]) -> tuple[Cell, Cell]:
        """A door's cell in that wall, never in a corner, and the cell of the room in front of it."""
        width, height = room
        place = int(self._rand_int(1, (height if wall in (0, 2) else width) - 1))
        return {
            0: ((width - 1, place), (width - 2, place)),
            1: ((place, height - 1), (place, height - 2)),
            2: ((0, place), (1, place)),
            3: ((place, 0), (place, 1)),
        }[wall]

    def _draw_colour(self) -> str:
        return COLOR_NAMES[self._rand_int(0, len(COLOR_NAMES))]

    def _place_all(
        self,
        room: tuple[int, int],
        colour: str,
        front: Cell,  # noqa: ARG002
    ) -> tuple[Cell, Cell | None]:
        """Place the agent and the objects; returns the cells of the opening key and of the extra object.

        `front` is the cell of the room in front of the (first) door.
        """
        self.place_agent((0, 0), room)
        return self._place(Key(colour), room), None

    def _place(self, thing: WorldObj, room: tuple[int, int], never: Cell | None = None) -> Cell:
        """Place a thing on an empty cell of the room that is not `never`."""
        return _cell(self.place_obj(thing, (0, 0), room, reject_fn=lambda _, cell: _cell(cell) == never))

    # -- what happens -----------------------------------------------------------------------------------------------

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One of MiniGrid's seven actions. Opening a door ends the episode, and so does entering lava."""
        observation, _, terminated, truncated, info = super().step(action)
        success = any(door.is_open for door in self.doors)
        reward = self._reward() if success else 0.0
        return observation, reward, terminated or success, truncated, {**info, "success": success}

    def gen_obs(self) -> dict[str, np.ndarray]:
        """Look around, and return the map as remembered from then on."""
        self.seen |= self.in_sight()
        cells = np.full((self.width, self.height, 4), NO_AGENT, np.uint8)
        cells[:, :, :3] = self.grid.encode(self.seen)
        # As in MiniGrid's own view, the agent's cell shows what is carried and nothing else.
        cells[self.agent_pos][:3] = self.carrying.encode() if self.carrying else (1, 0, 0)
        cells[self.agent_pos][3] = self.agent_dir
        return {"map": cells}

    def in_sight(self) -> np.ndarray:
        """The cells that the agent sees where it stands; bool[width, height]."""
        blocks = [thing is not None and not thing.see_behind() for thing in self.grid.grid]
        transparent = ~np.array(blocks).reshape(self.height, self.width).T  # MiniGrid keeps its cells row by row
        return visible_cells(transparent, _cell(self.agent_pos), int(self.agent_dir), self.agent_view_size)

    # -- pictures ---------------------------------------------------------------------------------------------------

    def get_full_render(self, highlight: bool, tile_size: int) -> np.ndarray:
        """The whole world, what is in sight highlighted; uint8[height, width, 3] in pixels."""
        mask = self.in_sight() if highlight else None
        return self.grid.render(tile_size, _cell(self.agent_pos), self.agent_dir, highlight_mask=mask)

    def render_memory(self, tile_size: int = 24) -> np.ndarray:
        """What the agent remembers, unseen cells grey; uint8[height, width, 3] in pixels."""
        cells = self.gen_obs()["map"]
        picture = np.full((self.height * tile_size, self.width * tile_size, 3), GREY, np.uint8)
        for x, y in np.argwhere(self.seen):
            kind, colour, state, direction = (int(value) for value in cells[x, y])
            tile = Grid.render_tile(
                WorldObj.decode(kind, colour, state),
                agent_dir=None if direction == NO_AGENT else direction,
                tile_size=tile_size,
            )
            picture[y * tile_size : (y + 1) * tile_size, x * tile_size : (x + 1) * tile_size] = tile
        return picture


class SimpleDoorKeyEnv(DoorKeyEnv):
    """One key, one door."""


class LavaDoorKeyEnv(DoorKeyEnv):
    """One key, one door, and one cell of lava that is never in front of the door."""

    def _place_all(self, room: tuple[int, int], colour: str, front: Cell) -> tuple[Cell, Cell | None]:
        key, _ = super()._place_all(room, colour, front)
        return key, self._place(Lava(), room, never=front)


class ColoredDoorKeyEnv(DoorKeyEnv):
    """A blue door, a blue key that opens it and a red one that doesn't, neither in front of the door."""

    colours_matter = True

    def _draw_colour(self) -> str:
        return "blue"

    def _place_all(self, room: tuple[int, int], colour: str, front: Cell) -> tuple[Cell, Cell | None]:
        self.place_agent((0, 0), room)
        return self._place(Key(colour), room, never=front), self._place(Key("red"), room, never=front)


class DivergedDoorKeyEnv(DoorKeyEnv):
    """Two doors in opposite walls of the largest room, a key in its middle; either door will do."""

    sides = (10, 11)
    horizon = 60

    def _draw_walls(self) -> Sequence[int]:
        return [(0, 2), (1, 3)][self._rand_int(0, 2)]  # right and left, or bottom and top

    def _place_all(
        self,
        room: tuple[int, int],
        colour: str,
        front: Cell,  # noqa: ARG002
    ) -> tuple[Cell, Cell | None]:
        key = self.place_obj(Key(colour), (room[0] // 2 - 1, room[1] // 2 - 1), (2, 2))
        self.place_agent((0, 0), room)
        return _cell(key), None


def _cell(position: Any) -> Cell:
    return int(position[0]), int(position[1])


def _index(cell: Cell) -> int:
    return cell[0] * SIZE + cell[1]


ENVIRONMENTS: dict[str, type[DoorKeyEnv]] = {
    "SimpleDoorKey": SimpleDoorKeyEnv,
    "LavaDoorKey": LavaDoorKeyEnv,
    "ColoredDoorKey": ColoredDoorKeyEnv,
    "DivergedDoorKey": DivergedDoorKeyEnv,
}
"""The reference environment of each task."""

for _name, _environment in ENVIRONMENTS.items():
    gymnasium.register(f"LLM4Teach/{_name}-v0", entry_point=_environment)
