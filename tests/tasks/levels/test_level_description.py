"""What is said of a remembered map, by hand."""

import numpy as np
import pytest
from drawn_maps import drawn

from pipeline.tasks.minigrid.description import BESIDE, Map, read_scene
from pipeline.tasks.minigrid.phrases import NUMBERS, TEXTS, description_of, plain
from pipeline.tasks.minigrid.world import OPEN, PICK_UP, PUT_NEXT

ROOM = """
 # # # # # #
 # > .rk . #
 #bo . . .rL
 # # # # # #
"""
FILLED_GAP = """
 # # # # # # #
 # > .ro . .rL
 # # # # # # #
"""


def sentence(cells: np.ndarray, wording: str = "facts") -> str:
    return read_scene(Map(cells), wording).description.sentence


def test_colours_are_roles_and_only_of_keys_and_locked_doors():
    assert sentence(drawn(ROOM)) == "The agent observes a ball, a color1 key, a locked color1 door, and holds nothing."


def test_states_that_differ_in_colours_alone_are_described_alike():
    one = drawn(ROOM.replace("bo", "gk"))
    other = drawn(ROOM.replace("bo", "gk").replace("rk", "yk").replace("rL", "yL").replace("gk", "pk"))
    assert sentence(one) == sentence(other)
    assert "a color1 key, a color2 key, a locked color1 door" in sentence(one)


def test_a_phrase_is_said_once_however_many_things_it_fits():
    assert sentence(drawn(ROOM.replace("rk", "go"))).count("ball") == 1


def test_what_no_way_leads_to_is_unreachable():
    assert "a ball, a unreachable locked color1 door" in sentence(drawn(FILLED_GAP))


def test_roles_say_what_things_are_good_for():
    assert sentence(drawn(ROOM), "roles") == (
        "The agent observes a ball, a fitting key, a locked door, and holds nothing."
    )
    holding = drawn(ROOM.replace("rk", " ."), held="rk")
    assert sentence(holding, "roles") == "The agent observes a ball, a fitting door, and holds a fitting key."
    assert "a obstacle" in sentence(drawn(FILLED_GAP), "roles")
    assert "obstacle" not in sentence(drawn(FILLED_GAP), "facts")


def test_what_the_mission_names_is_named_with_its_verb():
    cells = drawn(ROOM.replace("rk", "Rk").replace("bo", "Bo"), marks=f"{PUT_NEXT}{BESIDE}")
    assert "a ball to move it to, a key to move, a locked color1 door" in sentence(cells)
    assert sentence(drawn(ROOM.replace("rL", "RL"), marks=str(OPEN))).endswith(
        "a color1 key, a locked color1 door to open, and holds nothing."
    )
    held = drawn(ROOM.replace("rk", " ."), held=f"rk{PICK_UP}")
    assert sentence(held).endswith("and holds a key to pick up.")


def test_an_open_door_is_not_mentioned_and_unseen_places_are():
    cells = drawn("""
 # # # # #
 # > .r_ ?
 # # # # #
""")
    assert sentence(cells) == "The agent observes a place to explore, and holds nothing."


def test_lava_and_the_goal_are_no_way():
    cells = drawn("""
 # # # # # # #
 # > . ~ .yo #
 # # # # # # #
""")
    assert sentence(cells) == "The agent observes a unreachable ball, and holds nothing."
    assert (
        sentence(
            drawn(""" # # # #
 # > G #
 # # # #""")
        )
        == "The agent observes a goal, and holds nothing."
    )


def test_a_map_without_an_agent_is_refused():
    with pytest.raises(ValueError, match="shows one agent, this one shows 0"):
        Map(drawn(ROOM.replace(">", ".")))


def test_phrases_are_told_apart_and_a_key_says_which_are_meant():
    assert len(set(TEXTS)) == len(TEXTS) == len(NUMBERS)
    ball, closed = plain("ball"), plain("closed door")
    first = plain("closed door")
    things = 1 << (ball - first) | 1 << (closed + 1 - first)
    red_key_held, locked_within_reach = 1 << 6, 1
    found = description_of(red_key_held | locked_within_reach << 7, things)
    assert found.sentence == (
        "The agent observes a ball, a locked color2 door, a unreachable closed door, and holds a color1 key."
    )
