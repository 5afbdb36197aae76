"""Learning over options: by hand on values, and on a level from nothing."""

import pytest

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction, options_of
from pipeline.student.option_learning import OptionLearning, OptionTable, learn_options, play_options, possible
from pipeline.tasks.minigrid.task import LevelTask
from pipeline.tasks.registry import get_task

KEY_DOOR = Description(("color1 key", "locked color1 door"))
TASK = LevelTask("MiniGrid-KeyCorridorS3R1-v0", "roles", seeds=251)


def test_only_options_about_what_is_there_are_possible():
    task = get_task("SimpleDoorKey")
    options = options_of(task.grammar)
    there = possible(options, Description(("key",), None), task.grammar)
    names = {str(option) for option, fits in zip(options, there, strict=True) if fits}
    assert names == {"explore", "go to <key>", "pick up <key>"}
    held = possible(options, Description(("door",), "key"), task.grammar)
    assert "drop <key>" in {str(option) for option, fits in zip(options, held, strict=True) if fits}


def test_a_table_learns_from_the_other_one_and_of_ends_from_the_reward_alone():
    table = OptionTable(get_task("SimpleDoorKey"))
    here, there = table.row(Description(())), table.row(Description(("key",)))
    explore = table.options.index(Option("explore"))
    take = table.options.index(Option("pick up", ("key",)))
    table.values[0, there, take], table.values[1, there, take] = 1.0, 0.4
    table.learn(here, explore, 0.1, 0.5, there, 0.2, 0)
    assert table.values[0, here, explore] == pytest.approx(0.2 * (0.1 + 0.5 * 0.4))
    assert table.values[1, here, explore] == 0
    table.learn(here, explore, 0.8, 0.0, there, 0.5, 1)
    assert table.values[1, here, explore] == pytest.approx(0.4)
    best = table.instructions()[Description(("key",)).state_id].shares[0].plan
    assert best == Plan((Option("pick up", ("key",)),))


def test_a_label_set_is_where_a_table_begins():
    plan = Plan((Option("pick up", ("key",)),))
    label = SoftInstruction(Description(("key",)), (PlanShare(plan, 0.75, str(plan)),), 0.25)
    table = OptionTable(get_task("SimpleDoorKey"), {label.description.state_id: label}, prior=0.4)
    row = table.row(label.description)
    assert table.values[0, row].max() == pytest.approx(0.3)
    assert table.options[int(table.values[0, row].argmax())] == plan.options[0]


def test_a_key_corridor_is_learned_from_reward_alone_and_its_table_teaches():
    seeds = TASK.layout_seeds("test", 24)
    table = learn_options(TASK, OptionLearning(environments=32, steps=20_000), seed=0)
    assert play_options(TASK, table, seeds, epsilon=0.0, seed=0).mean() >= 0.9
    labels = table.instructions()
    assert len(labels) == len(table.descriptions) > 5
    batch = TASK.make_batch(16, 0, labels)
    assert batch.labelled.all()


def test_the_same_seed_learns_the_same():
    one, other = (learn_options(TASK, OptionLearning(environments=8, steps=800), seed=3) for _ in range(2))
    assert one.descriptions == other.descriptions
    assert (one.values == other.values).all()
