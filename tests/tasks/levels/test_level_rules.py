"""The rule that answers for a teacher, and the labels of it that are shared."""

import pytest
from tiny import ROOT

from pipeline.instructions import Description
from pipeline.tables import read_instructions
from pipeline.tasks.minigrid.rules import plan_for

KEY_CORRIDOR = "minigrid:MiniGrid-KeyCorridorS3R3-v0"


@pytest.mark.parametrize(
    ("sees", "holds", "plan"),
    [
        ((), None, "explore"),
        (("goal", "place to explore"), None, "go to <goal>"),
        (("ball to pick up", "closed door"), "color1 key", "pick up <ball to pick up>"),
        (("unreachable ball to pick up", "closed door"), None, "open <closed door>"),
        (("color1 key", "locked color1 door", "place to explore"), None, "pick up <color1 key>"),
        (("locked color1 door", "place to explore"), "color1 key", "open <locked color1 door>"),
        (("locked color1 door", "place to explore"), "color2 key", "explore"),
        (("obstacle", "unreachable locked door", "place to explore"), None, "pick up <obstacle>"),
        (("fitting door", "obstacle"), "fitting key", "open <fitting door>"),
        (("box to move it to", "ball"), "key to move", "put next to <box to move it to>"),
        (("place to explore",), "ball to go to", "drop <ball to go to>"),
        (("box", "closed door"), "ball", "drop <ball>"),
    ],
)
def test_the_first_thing_that_helps_is_done(sees, holds, plan):
    assert str(plan_for(Description(sees, holds))) == plan


@pytest.mark.parametrize("task", [KEY_CORRIDOR, f"{KEY_CORRIDOR}:roles"])
def test_the_shared_labels_are_the_rule_s_answers(task):
    path = ROOT / "data/published/scripted" / task.replace(":", "-") / "labels.parquet"
    labels = read_instructions(path, task)
    assert len(labels) >= 30
    for label in labels.values():
        (share,) = label.shares
        assert (share.plan, share.prob) == (plan_for(label.description), 1.0)
