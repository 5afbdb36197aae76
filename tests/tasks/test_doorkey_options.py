"""The five options on drawn maps, and against slow but obvious searches on random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_doorkey_description import draw

from pipeline.instructions import Description, Option, PlanShare, SoftInstruction
from pipeline.plan_reader import read_plan
from pipeline.tasks.base import OptionStep
from pipeline.tasks.doorkey.options import explore, facing, first_action, room_bounds
from pipeline.tasks.registry import get_task

LEFT, RIGHT, FORWARD, PICK_UP, DROP, TOGGLE, DONE = range(7)
ENDED, STUCK = "ended", "stuck"
STEPS = [(1, 0), (0, 1), (-1, 0), (0, -1)]


def do(text, *rows, holds=None, task="SimpleDoorKey"):
    """The action of one option (as written in plans) on a drawn map, or how it ends."""
    name, _, thing = text.partition(" <")
    option = Option(name, (thing[:-1],) if thing else ())
    step = get_task(task).follow(option, {"map": draw(*rows, holds=holds)})
    return ENDED if step.done else STUCK if step.action is None else step.action


# -- go to ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ([">..k"], FORWARD),
        (["<..k"], LEFT),  # half a turn: left is as short as right, and comes first
        (["v..k"], LEFT),
        (["^..k"], RIGHT),
        ([">k"], ENDED),
        (["vk"], LEFT),
        (["^", "k"], LEFT),
        ([">..", "..k"], FORWARD),  # of two shortest paths, first forward
        (["^..", "..k"], RIGHT),
        ([">?k"], STUCK),  # not known to be free
        ([">Dk"], STUCK),
        ([">Ok"], FORWARD),
        ([">#k", "..."], RIGHT),
        ([">Lk"], FORWARD),  # doesn't know what lava does
        ([">.."], STUCK),  # never seen
    ],
)
def test_go_to(rows, action):
    assert do("go to <key>", *rows) == action


def test_go_to_what_is_held_has_ended():
    assert do("go to <key>", ">.", holds="k") == ENDED
    assert do("go to <door>", ">.D", holds="k") == FORWARD


def test_go_to_one_of_two_doors():
    rows = ["?^.", "D..", "?.D"]
    assert do("go to <door1>", *rows, task="DivergedDoorKey") == LEFT
    assert do("go to <door2>", *rows, task="DivergedDoorKey") == RIGHT
    assert do("go to <door2>", "D>.", task="DivergedDoorKey") == STUCK  # one door seen is door1


# -- pick up, drop, open --------------------------------------------------------------------------------------------


def test_pick_up():
    assert do("pick up <key>", ">k") == PICK_UP
    assert do("pick up <key>", ">..k") == PICK_UP  # an attempt, wherever one stands
    assert do("pick up <key>", ">..") == STUCK
    assert do("pick up <key>", ">..", holds="k") == ENDED


def test_pick_up_first_drops_what_is_held():
    colored = {"holds": "r", "task": "ColoredDoorKey"}
    assert do("pick up <color1 key>", ">.k", **colored) == DROP
    assert do("pick up <color1 key>", ">k.", **colored) == STUCK  # nowhere to drop it
    assert do("pick up <color1 key>", ">k", ".", **colored) == RIGHT
    assert do("pick up <color2 key>", ">k", ".", **colored) == ENDED


def test_drop():
    assert do("drop <key>", ">.", holds="k") == DROP
    assert do("drop <key>", ">#", ".", holds="k") == RIGHT
    assert do("drop <key>", ".>#", holds="k") == LEFT
    assert do("drop <key>", ">.") == ENDED
    assert do("drop <key>", ">?", holds="k") == STUCK
    assert do("drop <key>", ">L", holds="k") == STUCK


def test_drop_keeps_clear_of_doors():
    assert do("drop <key>", ">.D", ".", holds="k") == RIGHT
    assert do("drop <key>", ">..D", holds="k") == DROP
    assert do("drop <key>", ".>.O", "....", holds="k") == RIGHT  # next to an open door is no better
    assert do("drop <key>", ".D", ">.", ".", holds="k") == RIGHT  # a door at the map's edge, above what is ahead


def test_open():
    assert do("open <door>", ">D") == TOGGLE
    assert do("open <door>", ">..D") == TOGGLE
    assert do("open <door>", ">D", holds="k") == TOGGLE
    assert do("open <door>", ">..") == STUCK


# -- explore --------------------------------------------------------------------------------------------------------


def seen_room(*rows):
    """`rows` drawn into a room whose walls and inside have all been seen: 10 x 10 cells of wall around the drawing."""
    inside = [row.ljust(8, ".") for row in rows] + ["." * 8] * (8 - len(rows))
    return ["#" * 10, *(f"#{row}#" for row in inside), "#" * 10]


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ([">...?"], FORWARD),
        ([">.?"], FORWARD),
        ([">?"], ENDED),  # one cell ahead is too near to count, and it is neither beside nor behind
        (["......?.", ">"], FORWARD),  # half-planes, not corridors
        ([".", ".", "?", ">"], ENDED),  # one row to the left
        ([".", "?", ".", ">"], LEFT),
        ([">", ".", "?"], RIGHT),
        (["?>"], LEFT),  # behind
        (["?..>..?"], FORWARD),
        (["?", "..>", ".", "?"], RIGHT),
        (["?", ".", "..>", ".", "?"], LEFT),
        ([">k..?"], RIGHT),  # the key is in the way, and there is wall on the left
        (["..", ">k..?"], LEFT),
    ],
)
def test_explore(rows, action):
    step = explore(draw(*seen_room(*rows)))
    assert (ENDED if step.done else step.action) == action


@pytest.mark.parametrize(
    ("beside", "action"),
    [("#", RIGHT), ("D", RIGHT), ("k", RIGHT), ("o", RIGHT), (".", LEFT), ("L", LEFT), ("?", LEFT)],
)
@pytest.mark.parametrize("thing", "kro")
def test_explore_turns_away_from_things(beside, action, thing):
    rows = seen_room("..", f".{beside}...?", f".>{thing}")
    assert explore(draw(*rows)) == OptionStep(action, False)


def test_explore_ends_when_the_walls_close():
    closed = ["#####", "#...#", "#.<.#", "#...#", "#####"]
    assert explore(draw(*closed)).done
    assert not explore(draw(*closed[:4], "?????")).done
    assert explore(draw("#####", "#...#", "#.>.#", "#...#", "?##??")).done is False  # corners count
    assert room_bounds(draw("####D", "#...#", "#...#", "###D#")) == (4, 3)
    assert room_bounds(draw("?...", "?.>.")) == (9, 9)
    assert room_bounds(draw("?...?", "?.>.D", "????#")) == (4, 9)


CELLS = st.lists(st.sampled_from("....?##kDOL"), min_size=100, max_size=100)
POSES = st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(0, 3))


def random_map(marks, pose):
    x, y, direction = pose
    rows = ["".join(marks[10 * j : 10 * j + 10]) for j in range(10)]
    rows[y] = rows[y][:x] + ">v<^"[direction] + rows[y][x + 1 :]
    return draw(*rows)


@settings(max_examples=80, deadline=None)
@given(CELLS, POSES)
def test_room_bounds_as_the_specification_puts_it(marks, pose):
    cells = random_map(marks, pose)
    wall = np.isin(cells[:, :, 0], (2, 4))
    inner = range(1, 9)
    right = next((x for x in inner for y in inner if wall[x, y] and wall[x, y + 1]), 9)
    bottom = next((y for y in inner for x in inner if wall[x, y] and wall[x + 1, y]), 9)
    assert room_bounds(cells) == (right, bottom)


@settings(max_examples=80, deadline=None)
@given(CELLS, POSES)
def test_explore_as_the_specification_puts_it(marks, pose):
    cells = random_map(marks, pose)
    (x, y, direction), kinds = pose, cells[:, :, 0]
    right, bottom = room_bounds(cells)
    unseen = [(a, b) for a in range(right + 1) for b in range(bottom + 1) if kinds[a, b] == 0]

    def beyond(towards, distance):
        return {
            0: any(a >= x + distance for a, _ in unseen),
            1: any(b >= y + distance for _, b in unseen),
            2: any(a <= x - distance for a, _ in unseen),
            3: any(b <= y - distance for _, b in unseen),
        }[towards % 4]

    ahead, left = (kinds[x + STEPS[d][0], y + STEPS[d][1]] for d in (direction, (direction - 1) % 4))
    if ahead in (5, 6, 7):
        expected = OptionStep(RIGHT if left in (2, 4, 5, 6, 7) else LEFT, False)
    elif beyond(direction, 2):
        expected = OptionStep(FORWARD, False)
    elif beyond(direction - 1, 2):
        expected = OptionStep(LEFT, False)
    elif beyond(direction + 1, 2):
        expected = OptionStep(RIGHT, False)
    elif beyond(direction + 2, 1):
        expected = OptionStep(LEFT, False)
    else:
        expected = OptionStep(None, True)
    assert explore(cells) == expected


# -- shortest paths -------------------------------------------------------------------------------------------------


def walk(cells, pose, start):
    """The poses after forward, left and right; None where one can't walk."""
    x, y, d = pose
    ahead = (x + STEPS[d][0], y + STEPS[d][1])
    free = all(0 <= c < 10 for c in ahead) and (
        cells[ahead][0] in (1, 8, 9) or (cells[ahead][0] == 4 and cells[ahead][2] == 0) or ahead == start
    )
    return [(*ahead, d) if free else None, (x, y, (d - 1) % 4), (x, y, (d + 1) % 4)]


def length(cells, pose, goals, start):
    """Moves from a pose to the nearest goal, by breadth-first search forwards; None if there is no way."""
    frontier, met, moves = {pose}, {pose}, 0
    while frontier and not frontier & goals:
        frontier = {n for p in frontier for n in walk(cells, p, start) if n} - met
        met |= frontier
        moves += 1
    return moves if frontier else None


@settings(max_examples=60, deadline=None)
@given(CELLS, POSES, st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_first_actions_are_on_shortest_paths(marks, pose, target):
    cells = random_map(marks, pose)
    goals = facing([target])
    start = pose[:2]
    shortest = length(cells, pose, goals, start)
    if shortest == 0:
        return
    expected = None
    if shortest is not None:
        after = zip((FORWARD, LEFT, RIGHT), walk(cells, pose, start), strict=True)
        expected = next(a for a, p in after if p and length(cells, p, goals, start) == shortest - 1)
    assert first_action(cells, goals) == expected


# -- plans ----------------------------------------------------------------------------------------------------------


def plan(text, name="SimpleDoorKey"):
    task = get_task(name)
    reading = read_plan(text, task.grammar, Description(task.grammar.objects))
    assert reading.plan is not None, reading
    return reading.plan


def followed(task, one, observation):
    """The action of a plan, which is deterministic here."""
    policy = task.plan_policy(one, observation)
    assert policy.max() == policy.sum() == 1
    return int(policy.argmax())


def test_a_plan_goes_on_where_an_option_has_ended():
    task = get_task("SimpleDoorKey")
    whole = plan("go to <key>, pick up <key>, go to <door>, open <door>")

    def act(*rows, holds=None):
        return followed(task, whole, {"map": draw(*rows, holds=holds)})

    assert act(">.k", "D") == FORWARD
    assert act(".>k", "D") == PICK_UP
    assert act(".>.", "D.", holds="k") == RIGHT
    assert act(".", "D<", holds="k") == TOGGLE
    assert act(">.?") == DONE  # the key was never seen: idle
    assert followed(task, plan("explore"), {"map": draw("####", "#>.#", "####")}) == DONE  # nothing left to explore
    assert followed(task, plan("go to <key>"), {"map": draw(">k")}) == DONE  # exhausted: idle


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="no option"):
        get_task("SimpleDoorKey").follow(Option("sing"), {"map": draw(">.")})
    with pytest.raises(ValueError, match="no option"):
        get_task("SimpleDoorKey").follow(Option("open"), {"map": draw(">.")})


@settings(max_examples=40, deadline=None)
@given(CELLS, POSES, st.lists(st.integers(1, 9), min_size=4, max_size=4), st.integers(0, 5))
def test_the_teachers_policy_sums_to_one(marks, pose, weights, residual):
    observation = {"map": random_map(marks, pose)}
    task = get_task("SimpleDoorKey")
    texts = ["explore", "go to <key>, pick up <key>", "pick up <key>, explore", "go to <door>, open <door>"]
    total = sum(weights) + residual
    plans = [plan(text) for text in texts]
    shares = tuple(PlanShare(p, w / total, str(p)) for p, w in zip(plans, weights, strict=True))
    policy = task.teacher_policy(SoftInstruction(Description(), shares, residual / total), observation)
    assert policy.sum() == pytest.approx(1)
    assert policy[DONE] >= residual / total - 1e-12
    for p, weight in zip(plans, weights, strict=True):
        assert policy[followed(task, p, observation)] >= weight / total - 1e-12


def test_good_plans_solve_simple_doorkey():
    task = get_task("SimpleDoorKey")
    plans = {
        Description(): "explore",
        Description(("door",)): "explore",
        Description(("key",)): "go to <key>, pick up <key>",
        Description((), "key"): "explore",
        Description(("door",), "key"): "go to <door>, open <door>",
        Description(("door", "key")): "go to <key>, pick up <key>, go to <door>, open <door>",
    }
    plans = {description: plan(text) for description, text in plans.items()}
    env = task.make_env()
    lengths = []
    for seed in range(100):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            action = followed(task, plans[task.describe(observation)], observation)
            observation, _, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        assert info["success"], f"seed {seed}"
        lengths.append(env.step_count)
    assert np.mean(lengths) < 25  # the paper's teacher needs 22.28 with a language model's mistakes
