"""Is the compiled world the stock one? Both play the same actions, and everything that is seen is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.episode import advance
from pipeline.tasks.minigrid.layouts import draw
from pipeline.tasks.minigrid.levels import make_stock
from pipeline.tasks.minigrid.vision import look
from pipeline.tasks.minigrid.world import WORLD, begin

ACTION_CHANCES = np.array([0.15, 0.15, 0.35, 0.1, 0.08, 0.15, 0.02])
"""How likely each action is when actions are random: enough of everything happens."""


@dataclass(frozen=True)
class StockParity:
    """What a comparison with a stock level found.

    steps       states compared
    ended       episodes that the level itself ended
    difference  what differed first; empty if nothing did
    """

    steps: int
    ended: int
    difference: str


@compiled
def _first_look(worlds, layouts, image):
    begin(worlds[0], layouts[0])
    look(worlds[0], image)


@compiled
def _step(worlds, action, image):
    outcome = advance(worlds[0], action)
    look(worlds[0], image)
    return outcome


def compare_with_stock(name: str, episodes: int, longest: int, seed: int, **settings: Any) -> StockParity:
    """Play random actions in a stock level and in the compiled world until so many episodes have ended.

    longest   steps after which an episode is left, for levels that allow thousands
    settings  of the stock environment (`agent_view_size=5`)
    """
    stock = make_stock(name, **settings)
    image = np.zeros((stock.agent_view_size, stock.agent_view_size, 3), np.uint8)
    worlds = np.zeros(1, WORLD)
    rng = np.random.default_rng(seed)
    steps = ended = 0
    for episode in range(episodes):
        layout, _ = draw(stock, int(rng.integers(2**32)))
        _first_look(worlds, layout.reshape(1), image)
        wanted = stock.gen_obs()["image"]
        actions = rng.choice(len(ACTION_CHANCES), size=longest, p=ACTION_CHANCES)
        for k, action in enumerate([None, *actions.tolist()]):
            where = f"{name}, episode {episode} (seed {int(layout['seed'])}), after {k} steps"
            steps += 1
            if action is not None:
                reward, _, terminated, truncated = _step(worlds, action, image)
                observation, *expected, _ = stock.step(action)
                wanted = observation["image"]
                if [reward, terminated, truncated] != expected:
                    found = f"reward, terminated, truncated are {reward, terminated, truncated}, not {expected}"
                    return StockParity(steps, ended, f"{where}: {found}")
            if (image != wanted).any():
                return StockParity(steps, ended, f"{where}: the image differs")
            if action is not None and (terminated or truncated):
                ended += terminated
                break
    return StockParity(steps, ended, "")
