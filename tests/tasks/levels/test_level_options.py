"""What options do on a remembered map, by hand."""

import pytest
from drawn_maps import drawn

from pipeline.instructions import Option
from pipeline.tasks.minigrid.description import BESIDE, Map, read_scene
from pipeline.tasks.minigrid.options import STUCK, TERMINATED, follow
from pipeline.tasks.minigrid.world import PUT_NEXT
from pipeline.tasks.minigrid_numbers import DROP, FORWARD, LEFT, PICK_UP, RIGHT, TOGGLE


def action(option: Option, text: str, marks: str = "", held: str = ""):
    """The action of an option, STUCK or TERMINATED."""
    remembered = Map(drawn(text, marks, held))
    step = follow(option, remembered, read_scene(remembered, "facts"))
    return step if step in (STUCK, TERMINATED) else step.action


ROOM = """
 # # # # # #
 # . . . . #
 # > . .rk #
 # . . . . #
 # # # # # #
"""


def test_an_option_walks_to_its_object_and_then_acts():
    take = Option("pick up", ("color1 key",))
    assert action(take, ROOM) == FORWARD
    assert action(take, ROOM.replace(">", "v")) == LEFT
    assert action(take, ROOM.replace(">", "^")) == RIGHT
    assert action(take, ROOM.replace(">", "<")) == LEFT
    beside = ROOM.replace(" > . .rk", " . . >rk")
    assert action(take, beside) == PICK_UP
    assert action(Option("go to", ("color1 key",)), beside) == TERMINATED
    assert action(Option("open", ("closed door",)), beside.replace("rk", "rD")) == TOGGLE


def test_of_two_things_the_nearer_one_is_meant():
    two = ROOM.replace(" > . .rk", "ro > .go")
    assert action(Option("go to", ("ball",)), two) == LEFT


def test_an_option_about_what_is_not_there_is_stuck_and_about_what_is_held_is_done():
    assert action(Option("go to", ("ball",)), ROOM) == STUCK
    bare = ROOM.replace("rk", " .")
    assert action(Option("pick up", ("color1 key",)), bare, held="rk") == TERMINATED
    assert action(Option("drop", ("ball",)), bare, held="rk") == TERMINATED
    with pytest.raises(ValueError, match="no option"):
        action(Option("fly"), ROOM)


def test_taking_something_else_first_puts_down_what_is_held():
    assert action(Option("pick up", ("color1 key",)), ROOM, held="bo") == DROP


PASSAGE = """
 # # # # # # #
 # . . # . . #
 # . > . . . #
 # . . # . . #
 # # # # # # #
"""


def test_nothing_is_dropped_where_it_blocks_a_passage():
    drop = Option("drop", ("ball",))
    assert action(drop, PASSAGE, held="ro") == LEFT  # ahead is the only way to the other half
    assert action(drop, PASSAGE.replace(">", "^"), held="ro") == DROP


def test_nothing_is_dropped_before_a_door_where_there_is_another_place():
    by_the_door = """
 # #yD # #
 # . . . #
 # . ^ . #
 # . . . #
 # # # # #
"""
    assert action(Option("drop", ("ball",)), by_the_door, held="ro") == LEFT
    only_place = """
 # #yD # #
 # # . # #
 # # ^ # #
 # # # # #
 # # # # #
"""
    assert action(Option("drop", ("ball",)), only_place, held="ro") == DROP


def test_what_is_moved_is_put_next_to_what_the_mission_says():
    text = """
 # # # # # #
 # > . .Bb #
 # # # # # #
"""
    put = Option("put next to", ("box to move it to",))
    assert action(put, text, marks=str(BESIDE), held=f"rk{PUT_NEXT}") == FORWARD
    near = text.replace(" > .", " . >")
    assert action(put, near, marks=str(BESIDE), held=f"rk{PUT_NEXT}") == DROP
    assert action(put, near, marks=str(BESIDE)) == TERMINATED


def test_exploring_goes_to_the_nearest_unseen_place_and_looks_there():
    text = """
 # # # # # #
 # > . . . #
 # # # ? . #
 # # # # # #
"""
    explore = Option("explore")
    assert action(explore, text) == FORWARD
    assert action(explore, text.replace(" > . .", " . . >")) == RIGHT
    assert action(explore, text.replace(" ?", " #")) == TERMINATED


def test_a_goal_is_walked_onto():
    assert action(Option("go to", ("goal",)), ROOM.replace(" > . .rk", " . . > G")) == FORWARD
