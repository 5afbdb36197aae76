"""What the agent can say about the map it remembers (paper A.2), and where the things it names are.

Only keys and doors have names. Lava is never mentioned: the agent sees it, but its words don't reach that far, and so
the teacher can't know (paper 4.1.2, the first kind of error).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.instructions import Description, rename
from pipeline.tasks.minigrid_numbers import COLOURS, DOOR, KEY, NO_AGENT, OBJECTS

Naming = Literal["plain", "coloured", "numbered"]
"""How objects are told apart: `key`; `red key`; or `key` and doors `door1`, `door2` in the order of the map."""


@dataclass(frozen=True)
class Scene:
    """A description, and where its objects are.

    places  name -> (x, y) of each object seen on the map; what is held is not on the map
    """

    description: Description
    places: Mapping[str, tuple[int, int]]

    def renamed(self, description: Description, names: Mapping[str, str]) -> Scene:
        """The same scene under a description with other names; `names` maps old words to new ones."""
        return Scene(description, {rename(thing, names): place for thing, place in self.places.items()})


def find_agent(cells: np.ndarray) -> tuple[int, int, int]:
    """The agent's x, y and direction (0 right, 1 down, 2 left, 3 up) on a map uint8[width, height, 4].

    Raises ValueError if there isn't exactly one agent.
    """
    places = np.argwhere(cells[:, :, 3] != NO_AGENT)
    if len(places) != 1:
        raise ValueError(f"a map shows one agent, this one shows {len(places)}")
    x, y = (int(place) for place in places[0])
    return x, y, int(cells[x, y, 3])


def read_scene(cells: np.ndarray, naming: Naming) -> Scene:
    """The description of a map uint8[width, height, 4], colours by their own names, and where its objects are.

    Doors are numbered in the order of the map (x outer, y inner) among those seen so far, so a single one is `door1`.
    """
    agent = find_agent(cells)[:2]
    holds: str | None = None
    sees: list[str] = []
    places: dict[str, tuple[int, int]] = {}
    doors = 0
    kinds = cells[:, :, 0]
    for x, y in np.argwhere((kinds == KEY) | (kinds == DOOR)).tolist():  # argwhere scans x outer, y inner
        name = OBJECTS[kinds[x, y]]
        if naming == "coloured":
            name = f"{COLOURS[cells[x, y, 1]]} {name}"
        elif naming == "numbered" and kinds[x, y] == DOOR:
            doors += 1
            name = f"{name}{doors}"
        if (x, y) == agent:
            holds = name
        else:
            sees.append(name)
            places.setdefault(name, (x, y))
    return Scene(Description(tuple(sees), holds), places)
