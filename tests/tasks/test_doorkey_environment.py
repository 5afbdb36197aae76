"""The reference environments against the specification: layouts, sight, memory, rewards and endings."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minigrid.core.actions import Actions
from minigrid.core.constants import COLOR_TO_IDX
from minigrid.core.grid import Grid
from minigrid.core.world_object import Key, Wall

from pipeline.tasks.doorkey.environment import ENVIRONMENTS, GREY, Layout, visible_cells

NAMES = list(ENVIRONMENTS)
COLOURS = ["blue", "green", "grey", "purple", "red", "yellow"]
STEPS = [(1, 0), (0, 1), (-1, 0), (0, -1)]


@pytest.fixture(params=NAMES)
def env(request):
    return ENVIRONMENTS[request.param]()


# -- layouts --------------------------------------------------------------------------------------------------------


def redraw(name, seed):
    """The layout of a seed, drawn anew from the specification: {cell: (kind, colour)}, agent's cell and direction."""
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).integers
    low = 10 if name == "DivergedDoorKey" else 5
    width, height = int(draw(low, 11)), int(draw(low, 11))
    cells = {(x, y): ("wall", "grey") for x in range(width) for y in range(height)}
    for x in range(1, width - 1):
        for y in range(1, height - 1):
            del cells[x, y]

    walls = [[0, 2], [1, 3]][draw(0, 2)] if name == "DivergedDoorKey" else [int(draw(0, 4))]
    doors = []
    for wall in walls:
        place = int(draw(1, (height if wall % 2 == 0 else width) - 1))
        doors.append([(width - 1, place), (place, height - 1), (0, place), (place, 0)][wall])
    colour = "blue" if name == "ColoredDoorKey" else COLOURS[draw(0, 6)]
    cells.update(dict.fromkeys(doors, ("door", colour)))
    inward = [(-1, 0), (0, -1), (1, 0), (0, 1)][walls[0]]
    front = (doors[0][0] + inward[0], doors[0][1] + inward[1])

    def empty(x0, x1, y0, y1, *taken):
        while True:
            cell = int(draw(x0, x1)), int(draw(y0, y1))
            if cell not in cells and cell not in taken:
                return cell

    def agent():
        return empty(0, width, 0, height), int(draw(0, 4))

    if name == "DivergedDoorKey":
        cells[empty(4, 6, 4, 6)] = ("key", colour)
        return cells, *agent()
    place, direction = agent()
    room = (0, width, 0, height)
    if name == "ColoredDoorKey":
        cells[empty(*room, place, front)] = ("key", "blue")
        cells[empty(*room, place, front)] = ("key", "red")
    else:
        cells[empty(*room, place)] = ("key", colour)
    if name == "LavaDoorKey":
        cells[empty(*room, place, front)] = ("lava", "red")
    return cells, place, direction


@pytest.mark.parametrize("name", NAMES)
def test_layouts_are_drawn_as_specified(name):
    env = ENVIRONMENTS[name]()
    for seed in [*range(150), 2**32 - 1]:
        env.reset(seed=seed)
        cells, place, direction = redraw(name, seed)
        found = {
            (x, y): (env.grid.get(x, y).type, env.grid.get(x, y).color)
            for x in range(10)
            for y in range(10)
            if env.grid.get(x, y)
        }
        assert found == cells, f"seed {seed}"
        assert (tuple(env.agent_pos), env.agent_dir) == (place, direction), f"seed {seed}"
        assert all(door.is_locked and not door.is_open for door in env.doors)


def test_extra_objects_are_never_in_front_of_the_door():
    fronts = {"LavaDoorKey": ["lava"], "ColoredDoorKey": ["key"]}
    for name, kinds in fronts.items():
        env = ENVIRONMENTS[name]()
        for seed in range(300):
            env.reset(seed=seed)
            (x, y) = env.layout.doors[0]
            beside = [env.grid.get(x + a, y + b) for a, b in STEPS if 0 <= x + a < 10 and 0 <= y + b < 10]
            assert not any(thing and thing.type in kinds for thing in beside), f"{name}, seed {seed}"


def cell(low=0, high=9):
    return st.tuples(st.integers(low, high), st.integers(low, high))


LAYOUTS = st.builds(
    Layout,
    room=cell(5, 10),
    doors=st.one_of(st.tuples(cell()), st.tuples(cell(), cell())),
    agent=cell(),
    direction=st.integers(0, 3),
    key=cell(),
    extra=st.none() | cell(),
)


@settings(max_examples=150, deadline=None)
@given(LAYOUTS, LAYOUTS, st.sampled_from(["room", "doors", "agent", "direction", "key", "extra"]))
def test_layout_codes_are_equal_exactly_if_layouts_are(one, other, same):
    near = Layout(**{**vars(one), same: getattr(other, same)})  # differs in one place at most
    for layout in (other, near):
        assert (layout.code == one.code) == (layout == one)
        assert 0 <= layout.code < 2**63
        same_world = all(getattr(layout, part) == getattr(one, part) for part in ("room", "doors", "key", "extra"))
        assert (layout.world_code == one.world_code) == same_world


def test_layout_code_by_hand():
    lone = Layout((5, 6), ((4, 2),), (1, 2), 3, (3, 1))
    assert lone.world_code == ((((5 * 11 + 6) * 100 + 42) * 101 + 0) * 100 + 31) * 101
    assert lone.code == (lone.world_code * 100 + 12) * 4 + 3
    full = Layout((10, 10), ((9, 3), (0, 5)), (1, 2), 0, (4, 5), (2, 2))
    assert full.world_code == (((120 * 100 + 93) * 101 + 6) * 100 + 45) * 101 + 23
    assert full.code == (full.world_code * 100 + 12) * 4


def test_colours_are_no_part_of_a_layout(env):
    by_layout = {}
    for seed in range(200):
        env.reset(seed=seed)
        shape = (env.grid.encode()[:, :, 0].tobytes(), tuple(env.agent_pos), env.agent_dir)
        assert by_layout.setdefault(env.layout.code, shape) == shape
    assert len(set(by_layout.values())) == len(by_layout)


# -- sight and memory -----------------------------------------------------------------------------------------------


def world(*rows):
    """Transparent cells of a drawing (`#` blocks sight), indexed [x, y]."""
    return np.array([[mark != "#" for mark in row] for row in rows]).T


def drawn(visible):
    return ["".join("x" if seen else "." for seen in row) for row in visible.T]


ROOM = ["#####", "#   #", "#   #", "#   #", "#####"]


@pytest.mark.parametrize(
    ("rows", "agent", "direction", "seen"),
    [
        (ROOM, (1, 1), 0, [".xxx.", ".xxx.", ".xxx.", ".....", "....."]),
        (ROOM, (1, 1), 2, ["xx...", "xx...", "xx...", ".....", "....."]),  # clipped by the world
        (ROOM, (3, 2), 1, [".....", ".....", "..xxx", "..xxx", "..xxx"]),
        (ROOM, (2, 2), 3, [".xxx.", ".xxx.", ".xxx.", ".....", "....."]),
        # Around a corner: the far row is entered from below and then seen along its length, until something blocks it.
        (["     ", "  #  ", "  #  ", "     ", "     "], (1, 2), 0, [".....", ".xxx.", ".xxx.", ".xxx.", "....."]),
        (["     ", "  #  ", "  ## ", "     ", "     "], (1, 2), 0, [".....", ".xx..", ".xxx.", ".xxx.", "....."]),
        (["     ", " ##  ", " > # ", "  #  ", "     "], (1, 2), 0, [".....", ".xxx.", ".xxx.", ".xxx.", "....."]),
        (["     ", " #   ", "  #  ", "     ", "     "], (1, 2), 0, [".....", ".xxx.", ".xxx.", ".xxx.", "....."]),
        (["     ", " ### ", "  >  ", "     ", "     "], (2, 2), 3, [".....", ".xxx.", ".xxx.", ".....", "....."]),
    ],
)
def test_sight_by_hand(rows, agent, direction, seen):
    assert drawn(visible_cells(world(*rows), agent, direction)) == seen


@settings(max_examples=60, deadline=None)
@given(st.sets(cell()), cell(), st.integers(0, 3))
def test_sight_agrees_with_minigrids_own_view(walls, agent, direction):
    env = ENVIRONMENTS["SimpleDoorKey"]()
    env.reset(seed=0)
    env.grid = Grid(10, 10)
    env.agent_pos, env.agent_dir = agent, direction
    for place in walls - {agent}:
        env.grid.set(*place, Wall())
    _, mask = env.gen_obs_grid()
    for x, y in np.ndindex(10, 10):
        view = env.relative_coords(x, y)
        assert env.in_sight()[x, y] == (view is not None and mask[view])


def test_memory_holds_every_cell_seen_as_it_is_now(env):
    random = np.random.default_rng(0)
    for seed in range(4):
        observation, _ = env.reset(seed=seed)
        seen = visible_cells(world(*_drawing(env)), tuple(env.agent_pos), env.agent_dir)
        ended = False
        while not ended:
            cells = observation["map"]
            assert observation in env.observation_space
            assert cells.dtype == np.uint8
            here = tuple(env.agent_pos)
            carried = (5, COLOR_TO_IDX[env.carrying.color], 0) if env.carrying else (1, 0, 0)
            now = env.grid.encode()
            now[here] = carried
            np.testing.assert_array_equal(cells[:, :, :3], np.where(seen[:, :, None], now, 0))
            channel = np.full((10, 10), 4)
            channel[here] = env.agent_dir
            np.testing.assert_array_equal(cells[:, :, 3], channel)
            observation, _, terminated, truncated, _ = env.step(random.choice(7, p=[0.2, 0.1, 0.4, 0.1, 0.1, 0.1, 0]))
            ended = terminated or truncated
            seen |= visible_cells(world(*_drawing(env)), tuple(env.agent_pos), env.agent_dir)


def _drawing(env):
    def mark(thing):
        return "#" if thing and (thing.type == "wall" or (thing.type == "door" and not thing.is_open)) else " "

    return ["".join(mark(env.grid.get(x, y)) for x in range(10)) for y in range(10)]


def test_same_seed_same_trajectory(env):
    actions = np.random.default_rng(1).integers(0, 7, 40)

    def trajectory():
        yield env.reset(seed=11)[0]["map"].tobytes()
        for action in actions:
            observation, *rest = env.step(action)
            yield observation["map"].tobytes(), rest
            if rest[1] or rest[2]:
                return

    assert list(trajectory()) == list(trajectory())


# -- rewards and endings --------------------------------------------------------------------------------------------


def stand_before(env, place):
    """Put the agent on an inner cell next to `place`, facing it."""
    for direction, (dx, dy) in enumerate(STEPS):
        here = (place[0] - dx, place[1] - dy)
        if all(0 <= c < 10 for c in here):
            thing = env.grid.get(*here)
            if (thing is None or thing.type == "key") and 0 < here[0] < 9 and 0 < here[1] < 9:
                env.grid.set(*here, None)
                env.agent_pos, env.agent_dir = here, direction
                return
    raise AssertionError("no room to stand")


@pytest.mark.parametrize("idle", [0, 1, 37])
def test_opening_pays_by_the_time_left(env, idle):
    horizon = 60 if env.__class__.__name__.startswith("Diverged") else 150
    env.reset(seed=3)
    stand_before(env, env.layout.doors[0])
    env.carrying = Key(env.doors[0].color)
    for _ in range(idle):
        assert env.step(Actions.done)[1:] == (0.0, False, False, {"success": False})
    _, reward, terminated, truncated, info = env.step(Actions.toggle)
    assert reward == pytest.approx(1 - 0.9 * (idle + 1) / horizon)
    assert (terminated, truncated, info["success"]) == (True, False, True)


def test_nothing_opens_without_a_key(env):
    env.reset(seed=3)
    stand_before(env, env.layout.doors[0])
    assert env.step(Actions.toggle)[1:] == (0.0, False, False, {"success": False})


def test_only_the_blue_key_opens():
    env = ENVIRONMENTS["ColoredDoorKey"]()
    env.reset(seed=5)
    assert env.grid.get(*env.layout.key).color == "blue"
    assert env.grid.get(*env.layout.extra).color == "red"
    stand_before(env, env.layout.doors[0])
    env.carrying = Key("red")
    assert env.step(Actions.toggle)[1:] == (0.0, False, False, {"success": False})
    env.carrying = Key("blue")
    assert env.step(Actions.toggle)[4]["success"]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_either_of_two_doors_ends_the_episode(which, seed):
    env = ENVIRONMENTS["DivergedDoorKey"]()
    env.reset(seed=seed)
    assert env.doors[0].color == env.doors[1].color
    stand_before(env, env.layout.doors[which])
    env.carrying = Key(env.doors[which].color)
    _, reward, terminated, _, info = env.step(Actions.toggle)
    assert (reward, terminated, info["success"]) == (pytest.approx(1 - 0.9 / 60), True, True)


def test_the_horizon_cuts_the_episode_off(env):
    horizon = 60 if env.__class__.__name__.startswith("Diverged") else 150
    env.reset(seed=0)
    outcomes = [env.step(Actions.done)[1:4] for _ in range(horizon)]
    assert outcomes == [(0.0, False, False)] * (horizon - 1) + [(0.0, False, True)]


def test_lava_kills():
    env = ENVIRONMENTS["LavaDoorKey"]()
    env.reset(seed=2)
    stand_before(env, env.layout.extra)
    observation, reward, terminated, truncated, info = env.step(Actions.forward)
    assert (reward, terminated, truncated, info["success"]) == (0.0, True, False, False)
    assert tuple(observation["map"][env.layout.extra][:3]) == (1, 0, 0)  # the agent's cell shows what it carries


# -- the rest -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_registered_with_gymnasium(name):
    env = gymnasium.make(f"LLM4Teach/{name}-v0", render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert env.unwrapped.mission == "open the door"
    assert env.render().shape == (320, 320, 3)


def test_pictures_of_the_memory_hide_what_was_not_seen():
    env = ENVIRONMENTS["SimpleDoorKey"](render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render_memory(tile_size=8)
    assert picture.shape == (80, 80, 3)
    for x, y in np.ndindex(10, 10):
        tile = picture[8 * y : 8 * y + 8, 8 * x : 8 * x + 8]
        assert (tile == GREY).all() == (not env.seen[x, y])


def test_what_is_in_sight_is_lighter_in_a_picture_and_nothing_else():
    env = ENVIRONMENTS["SimpleDoorKey"]()
    env.reset(seed=3)
    plain, lit = (env.get_full_render(highlight, 8).astype(int) for highlight in (False, True))
    lighter = (lit > plain).any(axis=2).reshape(10, 8, 10, 8).any(axis=(1, 3)).T  # [x, y], from tiles of 8 x 8 pixels
    assert (lit >= plain).all()
    assert lighter.tolist() == env.in_sight().tolist()
