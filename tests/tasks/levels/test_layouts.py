"""Layouts are the stock generator's, kept on disk, and known by their world."""

import gymnasium
import numpy as np
import pytest

from pipeline.tasks.minigrid import pool
from pipeline.tasks.minigrid.cells import CODES, CONTENTS, code_of
from pipeline.tasks.minigrid.coverage import level
from pipeline.tasks.minigrid.layouts import draw, start_code
from pipeline.tasks.minigrid.levels import NotCovered, make_stock
from pipeline.tasks.minigrid.world import GO_TO, OPEN, PICK_UP, PUT_NEXT, SIDE

KEY_CORRIDOR = "MiniGrid-KeyCorridorS3R1-v0"


def test_codes_and_what_minigrid_encodes_are_one_to_one():
    assert [code_of(*CONTENTS[code].tolist()) for code in range(CODES)] == list(range(CODES))


@pytest.mark.parametrize("name", ["MiniGrid-DoorKey-5x5-v0", "BabyAI-MiniBossLevel-v0"])
def test_a_layout_holds_the_grid_that_the_level_encodes(name):
    env = make_stock(name)
    layout, mission = draw(env, 3)
    grid = CONTENTS[layout["cells"].reshape(SIDE, SIDE)[: env.width, : env.height]]
    assert (grid == env.grid.encode()).all()
    assert mission == env.mission
    assert (layout["agent"], layout["direction"]) == (env.agent_pos[0] * SIDE + env.agent_pos[1], env.agent_dir)


def test_the_clauses_are_in_the_order_in_which_they_are_to_be_done():
    env = make_stock("BabyAI-BossLevel-v0")
    kinds = {"go": GO_TO, "pick": PICK_UP, "open": OPEN, "put": PUT_NEXT}
    orders = set()
    for seed in range(40):
        layout, mission = draw(env, seed)
        groups = [mission]
        for order in (", then ", " after you "):
            if order in mission:
                groups = mission.split(order)[:: 1 if order == ", then " else -1]
                orders.add(order)
        wanted = np.zeros((2, 2), int)
        for number, group in enumerate(groups):
            clauses = [kinds[clause.split()[0]] for clause in group.split(" and ")]
            wanted[number, : len(clauses)] = clauses
        assert layout["clause"].tolist() == wanted.ravel().tolist()
    assert len(orders) == 2


def test_a_world_is_a_layout_without_the_agent_s_start():
    env = make_stock("MiniGrid-Empty-Random-5x5-v0")  # the agent's start is all that it draws
    drawn = [draw(env, seed)[0] for seed in range(20)]
    assert len({int(layout["world"]) for layout in drawn}) == 1
    starts = {(int(layout["agent"]), int(layout["direction"])) for layout in drawn}
    assert len({start_code(layout) for layout in drawn}) == len(starts) > 1


def test_other_grids_are_other_worlds():
    env = make_stock(KEY_CORRIDOR)
    assert len({int(draw(env, seed)[0]["world"]) for seed in range(30)}) > 10


def test_layouts_are_drawn_once_and_then_read_from_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(pool, "BLOCK", 8)
    monkeypatch.setattr(pool, "cores", lambda: 1)
    pool._folder.cache_clear()
    try:
        found = pool.layouts(KEY_CORRIDOR, np.arange(5, 15))
        assert found.records["seed"].tolist() == list(range(5, 15))
        env = make_stock(KEY_CORRIDOR)
        for record, mission in zip(found.records, found.missions, strict=True):
            wanted, words = draw(env, int(record["seed"]))
            assert record == wanted
            assert mission == words
        monkeypatch.setattr(pool, "draw_block", lambda *_: pytest.fail("drawn again"))
        assert (pool.layouts(KEY_CORRIDOR, np.arange(5, 15)).records == found.records).all()
    finally:
        pool._folder.cache_clear()


def test_a_level_of_one_s_own_with_another_rule_is_refused_by_what_it_overrides():
    from minigrid.envs.empty import EmptyEnv

    class Slippery(EmptyEnv):
        def step(self, action):
            return super().step(action)

    gymnasium.register("Slippery-v0", Slippery)
    try:
        assert level("Slippery-v0").why == "Slippery overrides `step`"
    finally:
        gymnasium.registry.pop("Slippery-v0")


def test_a_level_that_is_too_large_or_unknown_says_so():
    with pytest.raises(NotCovered, match="30 x 30 cells; at most 25 x 25"):
        draw(make_stock("MiniGrid-Empty-5x5-v0", size=30), 0)
    with pytest.raises(NotCovered, match="gymnasium knows no level of this name"):
        make_stock("MiniGrid-Nothing-v0")
    assert "imageio" in level("MiniGrid-WFC-MazeSimple-v0").why


def test_what_an_environment_draws_does_not_depend_on_what_it_drew_before():
    fresh, used = make_stock("BabyAI-BossLevel-v0"), make_stock("BabyAI-BossLevel-v0")
    for seed in range(5):
        draw(used, seed)
    assert np.array_equal(draw(fresh, 9)[0], draw(used, 9)[0])
