"""The compiled world does what the installed package does, step by step."""

import numpy as np
import pytest

from pipeline.tasks.minigrid import stock_parity
from pipeline.tasks.minigrid.coverage import stock_levels
from pipeline.tasks.minigrid.layouts import draw
from pipeline.tasks.minigrid.levels import make_stock
from pipeline.tasks.minigrid.stock_parity import compare_with_stock
from pipeline.tasks.minigrid.world import WORLD
from pipeline.tasks.minigrid_numbers import FORWARD, RIGHT

SAMPLE = [
    "MiniGrid-DistShift1-v0",
    "MiniGrid-DoorKey-6x6-v0",
    "MiniGrid-Fetch-6x6-N2-v0",
    "MiniGrid-KeyCorridorS3R3-v0",
    "MiniGrid-MultiRoom-N2-S4-v0",
    "MiniGrid-ObstructedMaze-1Dlhb-v0",
    "MiniGrid-Playground-v0",
    "BabyAI-BossLevel-v0",
    "BabyAI-GoToLocalS5N2-v0",
    "BabyAI-MiniBossLevel-v0",
    "BabyAI-OpenDoorsOrderN2Debug-v0",
    "BabyAI-PickupDistDebug-v0",
    "BabyAI-PutNextLocalS5N3-v0",
    "BabyAI-PutNextS5N2Carrying-v0",
]


@pytest.mark.parametrize("name", SAMPLE)
def test_random_actions_have_the_stock_level_s_consequences(name):
    found = compare_with_stock(name, episodes=4, longest=120, seed=5)
    assert found.difference == ""
    assert found.steps >= 30


@pytest.mark.parametrize("view", [3, 5, 9, 15])
def test_views_of_other_sizes_are_the_stock_level_s(view):
    found = compare_with_stock("BabyAI-BossLevel-v0", episodes=2, longest=100, seed=1, agent_view_size=view)
    assert found.difference == ""


def test_a_difference_is_named(monkeypatch):
    monkeypatch.setattr(stock_parity, "_step", lambda _worlds, _action, _image: (0.5, True, False, False))
    found = compare_with_stock("MiniGrid-Empty-5x5-v0", episodes=1, longest=5, seed=0)
    assert "after 1 steps: reward, terminated, truncated are (0.5, False, False), not [0, False, False]" in (
        found.difference
    )


def play(name: str, seed: int, actions: list[int]) -> list[tuple[float, bool]]:
    """Reward and end of each action in the compiled world; the stock one must say the same."""
    stock = make_stock(name)
    layout, _ = draw(stock, seed)
    worlds, image = np.zeros(1, WORLD), np.zeros((7, 7, 3), np.uint8)
    stock_parity._first_look(worlds, layout.reshape(1), image)
    outcomes = []
    for action in actions:
        reward, _, terminated, _ = stock_parity._step(worlds, action, image)
        observation, expected, ended, *_ = stock.step(action)
        assert (reward, terminated) == (expected, ended)
        assert (image == observation["image"]).all()
        outcomes.append((reward, terminated))
    return outcomes


def test_at_least_140_levels_are_covered_and_the_others_say_why():
    levels = stock_levels()
    assert sum(not level.why for level in levels) >= 140
    reasons = {level.name: level.why for level in levels}
    assert reasons["MiniGrid-Dynamic-Obstacles-5x5-v0"] == "its obstacles move by themselves"
    assert reasons["MiniGrid-KeyCorridorS3R3-v0"] == ""


def test_the_goal_is_worth_what_the_paper_of_minigrid_says():
    outcomes = play("MiniGrid-Empty-5x5-v0", 0, [FORWARD, FORWARD, RIGHT, FORWARD, FORWARD])
    assert outcomes[:4] == [(0.0, False)] * 4
    assert outcomes[4] == (1 - 0.9 * 5 / 100, True)
