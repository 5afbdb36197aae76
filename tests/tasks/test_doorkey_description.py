"""What is said about a map: names, what is held, numbered doors, colours as roles."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.instructions import Description
from pipeline.plan_reader import read_plan
from pipeline.tasks.doorkey.description import find_agent, read_scene
from pipeline.tasks.minigrid_numbers import COLOURS
from pipeline.tasks.registry import get_task

MARKS = {"?": 0, ".": 1, "#": 2, "D": 4, "O": 4, "k": 5, "r": 5, "o": 6, "L": 9, ">": 1, "v": 1, "<": 1, "^": 1}
COLOUR = {"r": "red", "k": "blue", "D": "blue", "O": "blue", "#": "grey", "L": "red", "o": "red"}


def draw(*rows, holds=None):
    """A map uint8[10, 10, 4] from a drawing of its upper left part; the rest is unseen.

    `?` unseen, `.` empty, `#` wall, `D` locked and `O` open blue door, `k` blue key, `r` red key, `o` ball, `L` lava,
    `>v<^` the agent; `holds` is the mark of what it holds.
    """
    cells = np.zeros((10, 10, 4), np.uint8)
    cells[:, :, 3] = 4
    for y, row in enumerate(rows):
        for x, mark in enumerate(row):
            thing = holds if holds and mark in ">v<^" else mark
            cells[x, y, 0] = MARKS[thing]
            cells[x, y, 1] = COLOURS.index(COLOUR[thing]) if thing in COLOUR else 0
            cells[x, y, 2] = 2 if thing == "D" else 0
            if mark in ">v<^":
                cells[x, y, 3] = ">v<^".index(mark)
    return cells


def describe(name, *rows, holds=None):
    return get_task(name).describe({"map": draw(*rows, holds=holds)})


@pytest.mark.parametrize("name", ["SimpleDoorKey", "LavaDoorKey"])
def test_plain_names(name):
    assert describe(name, ">.") == Description()
    assert describe(name, ">k", "?D") == Description(("key", "door"))
    assert describe(name, ">.", "?D", holds="k") == Description(("door",), "key")
    assert describe(name, ">L", "##") == Description()  # lava is never mentioned


def test_colours_become_roles():
    name = "ColoredDoorKey"
    assert describe(name, ">k.r", "D") == Description(("color1 key", "color2 key", "color1 door"))
    assert describe(name, ">r") == describe(name, ">k") == Description(("color1 key",))
    assert describe(name, ">r", "D") == Description(("color1 door", "color2 key"))
    assert describe(name, ">.", "D", holds="r") == Description(("color1 door",), "color2 key")
    assert describe(name, ">.", "D", holds="k") == Description(("color1 door",), "color1 key")
    assert (
        describe(name, ">k", holds="r") == describe(name, ">r", holds="k") == Description(("color1 key",), "color2 key")
    )


def test_doors_are_numbered_by_place_among_those_seen():
    name = "DivergedDoorKey"
    assert describe(name, "?D", ">.") == Description(("door1",))
    both = get_task(name).scene({"map": draw("?.D", "D>k")})
    assert both.description == Description(("door1", "door2", "key"))
    assert both.places == {"door1": (0, 1), "door2": (2, 0), "key": (2, 1)}  # columns before rows
    column = get_task(name).scene({"map": draw("?D", ">.", "?D")})
    assert column.places == {"door1": (1, 0), "door2": (1, 2)}


def test_places_leave_out_what_is_held():
    scene = get_task("ColoredDoorKey").scene({"map": draw(">k", "D", holds="r")})
    assert scene.places == {"color1 key": (1, 0), "color1 door": (0, 1)}
    assert scene.description.holds == "color2 key"


def test_raw_names_keep_their_colours():
    scene = read_scene(draw(">k", "D", holds="r"), "coloured")
    assert scene.description == Description(("blue door", "blue key"), "red key")
    assert scene.places == {"blue key": (1, 0), "blue door": (0, 1)}
    canonical, roles = get_task("ColoredDoorKey").canonical(scene.description)
    assert (canonical, roles) == (
        Description(("color1 door", "color1 key"), "color2 key"),
        {"blue": "color1", "red": "color2"},
    )


@pytest.mark.parametrize("name", ["SimpleDoorKey", "LavaDoorKey", "DivergedDoorKey"])
def test_without_colours_a_description_is_canonical_as_it_is(name):
    task = get_task(name)
    assert not task.colours_matter
    assert task.canonical(Description(("door", "key"))) == (Description(("door", "key")), {})


@given(st.permutations(COLOURS), st.sets(st.sampled_from("krD")), st.sampled_from([None, "k", "r"]))
def test_recolouring_the_world_changes_no_canonical_description(order, marks, holds):
    cells = draw(">" + "".join(sorted(marks - {holds})), holds=holds)
    recoloured = cells.copy()
    things = np.isin(cells[:, :, 0], (4, 5))
    recoloured[things, 1] = np.array([COLOURS.index(colour) for colour in order])[cells[things, 1]]
    task = get_task("ColoredDoorKey")
    assert task.describe({"map": recoloured}) == task.describe({"map": cells})


def test_a_map_has_one_agent():
    assert find_agent(draw("..", ".<")) == (1, 1, 2)
    for rows in (["..."], [">>"]):
        with pytest.raises(ValueError, match="one agent"):
            find_agent(draw(*rows))


@pytest.mark.parametrize("name", ["SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey"])
def test_the_prompts_example_is_a_plan_of_the_task(name):
    task = get_task(name)
    thing = "color1 key" if task.colours_matter else "key"
    state = Description((thing,))
    assert task.prompt.example_state == state.sentence
    assert read_plan(task.prompt.example_plan, task.grammar, state).verdict.value == "valid"


def test_other_ways_to_write_options():
    task = get_task("DivergedDoorKey")
    state = Description(("door1", "key"))
    reading = read_plan("walk to the key, grab key, move to <door1>, unlock door1 with <key>", task.grammar, state)
    assert str(reading.plan) == "go to <key>, pick up <key>, go to <door1>, open <door1>"
    assert read_plan("go to <door>", task.grammar, state).plan is None  # which one?
    assert read_plan("put down the key", task.grammar, Description((), "key")).plan is not None


def test_a_task_needs_no_simulator_until_it_makes_an_environment():
    made = "pipeline.tasks.registry.get_task('SimpleDoorKey').observation_space"
    code = f"import sys, pipeline.tasks.registry; {made}; assert 'minigrid' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
