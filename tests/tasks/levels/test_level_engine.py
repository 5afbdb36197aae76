"""The compiled batch is the reference one: stock environments, and the readable twins of description and options."""

import numpy as np
import pytest

from pipeline.registry import Unknown
from pipeline.tasks.minigrid.pool import layouts
from pipeline.tasks.minigrid.rules import scripted_labels
from pipeline.tasks.minigrid.stock_parity import ACTION_CHANCES
from pipeline.tasks.minigrid.task import LevelTask
from pipeline.tasks.parity import arbitrary_instructions, compare
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import split_of

SEEDS = 61
KEY_CORRIDOR = "MiniGrid-KeyCorridorS3R1-v0"


def random_actions(batch, rng):
    return rng.choice(len(ACTION_CHANCES), size=batch.rows, p=ACTION_CHANCES)


@pytest.mark.parametrize(
    ("level", "wording"),
    [
        (KEY_CORRIDOR, "facts"),
        ("BabyAI-PutNextLocalS5N3-v0", "roles"),
        ("BabyAI-MiniBossLevel-v0", "facts"),
        ("BabyAI-MiniBossLevel-v0", "roles"),
        ("MiniGrid-LavaGapS5-v0", "facts"),
    ],
)
def test_with_arbitrary_plans_everything_is_the_reference_batch_s(level, wording):
    task = LevelTask(level, wording, SEEDS)
    batch, rng = task.make_batch(8, 0), np.random.default_rng(0)
    for _ in range(100):
        batch.step(random_actions(batch, rng))
    labels = arbitrary_instructions(task, batch.descriptions, rng)
    found = compare(task, 2, 1, labels, "train", noise=0.4, episodes=2)
    assert found.first is None
    assert found.labelled > 3


@pytest.mark.parametrize("level", ["MiniGrid-ObstructedMaze-2Dlhb-v1", "BabyAI-UnlockPickup-v0"])
def test_with_the_rule_s_plans_too_and_they_succeed(level):
    task = LevelTask(level, "roles", SEEDS)
    found = compare(task, 2, 3, scripted_labels(task, 150), "train", noise=0.05, episodes=3)
    assert found.first is None
    assert found.successes >= 2


@pytest.mark.parametrize("wording", ["facts", "roles"])
def test_the_rule_alone_solves_key_corridors(wording):
    task = LevelTask("MiniGrid-KeyCorridorS3R3-v0", wording, 251)
    labels = scripted_labels(task, 300)
    batch = task.make_batch(64, 0, labels, "test")
    ended, succeeded = np.zeros(64, bool), np.zeros(64, bool)
    for _ in range(task.horizon):
        finished = batch.step(batch.teacher.argmax(-1))
        succeeded |= finished.success & ~ended
        ended |= finished.done
    assert ended.all()
    assert succeeded.mean() >= 0.98
    assert len(labels) < 100


def test_a_seed_s_episode_is_on_its_layout_and_a_split_s_on_its_worlds():
    task = LevelTask(KEY_CORRIDOR, "facts", SEEDS)
    batch = task.make_batch(4, 0, split="test")
    worlds = layouts(KEY_CORRIDOR, np.arange(SEEDS)).records["world"].tolist()
    in_test = [k for k, world in enumerate(worlds) if split_of(world) == "test"]
    rng = np.random.default_rng(0)
    for _ in range(600):
        assert set(batch._worlds["seed"].tolist()) <= set(in_test)
        batch.step(random_actions(batch, rng))
    seeds = np.array([300, 7, 5, 1000])
    batch.reset(seeds)
    assert batch._worlds["seed"].tolist() == seeds.tolist()
    assert batch.missions() == layouts(KEY_CORRIDOR, seeds).missions
    found = task.layout_seeds("test", 5)
    assert {task.split(int(seed)) for seed in found} == {"test"}
    assert len({task.layout_code(int(seed)) for seed in found}) == 5


def test_a_batch_goes_on_where_its_state_was_taken():
    task = LevelTask("BabyAI-MiniBossLevel-v0", "facts", SEEDS)
    labels = scripted_labels(task, 50)
    one, rng = task.make_batch(6, 1, labels), np.random.default_rng(2)
    for _ in range(80):
        one.step(random_actions(one, rng))
    other = task.make_batch(6, 5, labels)
    other.load_state(one.state())
    for _ in range(200):
        assert (other.observation["map"] == one.observation["map"]).all()
        assert (other.teacher == one.teacher).all()
        assert (other.labelled == one.labelled).all()
        assert [other.descriptions[k] for k in other.description] == [one.descriptions[k] for k in one.description]
        actions = random_actions(one, rng)
        first, second = one.step(actions), other.step(actions)
        assert (first.reward == second.reward).all()
        assert (first.done == second.done).all()


def test_each_option_s_own_policy_is_the_reference_s():
    from pipeline.instructions import options_of
    from pipeline.tasks.reference_batch import ReferenceBatch

    task = LevelTask("BabyAI-PutNextLocalS5N3-v0", "facts", SEEDS)
    options = options_of(task.grammar)
    fast, slow = task.make_batch(2, 0), ReferenceBatch(task, 2, 0)
    follow, follow_slowly = fast.option_policies(options), slow.option_policies(options)
    rng = np.random.default_rng(0)
    followed = 0
    for _ in range(25):
        assert (follow() == follow_slowly()).all()
        followed += int(follow().sum())
        actions = random_actions(fast, rng)
        fast.step(actions)
        slow.step(actions)
    assert followed > 50


def test_levels_are_found_by_their_family_s_name():
    task = get_task("minigrid:MiniGrid-KeyCorridorS3R1-v0:roles")
    assert (task.name, task.wording, task.horizon) == ("minigrid:MiniGrid-KeyCorridorS3R1-v0:roles", "roles", 270)
    assert get_task("minigrid:MiniGrid-KeyCorridorS3R1-v0").wording == "facts"
    with pytest.raises(Unknown, match="not covered: its obstacles move by themselves"):
        get_task("minigrid:MiniGrid-Dynamic-Obstacles-5x5-v0")
    with pytest.raises(Unknown, match="gymnasium knows no level of this name"):
        get_task("minigrid:MiniGrid-Castle-v0")
    with pytest.raises(Unknown, match="no wording 'poems'; there are facts"):
        get_task("minigrid:MiniGrid-KeyCorridorS3R1-v0:poems")
