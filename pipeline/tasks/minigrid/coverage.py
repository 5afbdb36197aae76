"""The table of levels: which are covered, and why another one isn't."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from pipeline.tasks.minigrid.layouts import draw
from pipeline.tasks.minigrid.levels import NotCovered, check_covered, make_stock

FAMILIES = ("MiniGrid-", "BabyAI-")
"""How the ids of the installed package's levels begin."""


@dataclass(frozen=True)
class Level:
    """One row of the table of levels.

    name  its gymnasium id
    why   why it isn't covered; empty for one that is
    """

    name: str
    why: str = ""


@functools.cache
def level(name: str) -> Level:
    """The row of one level, found by making it and drawing a layout."""
    try:
        env = make_stock(name)
        check_covered(env)
        draw(env, 0)
    except NotCovered as error:
        return Level(name, str(error))
    return Level(name)


def stock_levels() -> list[Level]:
    """A row for each level that the installed package registers, by name."""
    import gymnasium
    import minigrid  # noqa: F401 (registers its levels)

    return [level(name) for name in sorted(gymnasium.registry) if name.startswith(FAMILIES)]
