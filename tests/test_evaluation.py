"""Playing held-out layouts: bookkeeping of episodes, the teacher alone, students, and layouts nobody trained on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.evaluation import (
    evaluate_student,
    evaluate_teacher,
    evaluation_layouts,
    inverse_sample,
    play,
    student_actor,
    teacher_actor,
    teacher_choice,
)
from pipeline.instructions import Option, Plan, PlanShare, SoftInstruction
from pipeline.params import Train
from pipeline.student.make import make_student
from pipeline.student.runs.saved import save_student
from pipeline.tables import read_instructions
from pipeline.tasks.base import Finished
from pipeline.tasks.doorkey.worlds import STARTS
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import Space
from pipeline.tasks.splits import split_of

LABELS = Path(__file__).resolve().parents[1] / "data" / "published" / "doorkey"
IDLE = 6
EXPLORE = Plan((Option("explore"),))
DISCRETE = Space("discrete", 3, ("a", "b", "c"))
PLANE = Space("continuous", 2, ("x", "y"), -1.0, 1.0)


def published(name):
    return read_instructions(LABELS / name / "labels.parquet", name)


def new_student(task, seed=0):
    return make_student(task, Train(schedule="fast"), np.random.default_rng(seed))


class Scripted:
    """A batch whose episodes end as written: for each row, {step: (outcome, return)}; each end starts a new one."""

    def __init__(self, *script, agents=1):
        self.script, self.rows, self.agents, self.environments = script, len(script), agents, len(script) // agents
        self.environment = np.arange(self.rows) // agents

    def reset(self, seeds):
        self.seeds, self.now, self.began = seeds, 0, [0] * self.rows

    def step(self, actions):
        assert len(actions) == self.rows
        self.now += 1
        ends = [row.get(self.now) for row in self.script]
        said = {name: np.array([end is not None and name in end[0] for end in ends]) for name in ("success", "death")}
        finished = Finished(
            reward=np.zeros(self.rows, np.float32),
            terminated=said["success"] | said["death"],
            truncated=np.array([end is not None and "timeout" in end[0] for end in ends]),
            success=said["success"],
            episode_return=np.array([0.0 if end is None else end[1] for end in ends], np.float32),
            episode_length=np.array([self.now - began for began in self.began], np.int32),
            last_observation={},
        )
        self.began = [self.now if end else began for end, began in zip(ends, self.began, strict=True)]
        return finished


def test_bookkeeping():
    idle = 4
    batch = Scripted(
        {2: ("success", 0.75), 3: ("death", 0.0)},  # what comes after the first end belongs to another episode
        {1: ("death", 0.0), 4: ("success", 0.5)},
        {4: ("timeout", 0.0)},
        {4: ("success timeout", 0.25)},
        {4: ("death timeout", 0.0)},
    )
    actions = iter([[idle, idle, idle, 0, 0], [0, idle, idle, 0, 6], [idle] * 5, [idle] * 5])
    offered = []

    def choose(given, uniforms):
        assert given is batch
        offered.append(uniforms)
        return np.array(next(actions))

    layouts = np.array([7, 8, 9, 10, 2**32 - 1], np.uint32)
    rows = play(SimpleNamespace(horizon=4, idle=idle, space=DISCRETE), batch, layouts, choose, "sampled", 3)
    np.testing.assert_array_equal(batch.seeds, layouts)
    assert [row["layout_seed"] for row in rows] == layouts.tolist()
    assert [row["end"] for row in rows] == ["success", "death", "timeout", "success", "death"]
    assert [row["success"] for row in rows] == [True, False, False, True, False]
    assert [row["episode_length"] for row in rows] == [2, 1, 4, 4, 4]
    assert [row["episode_return"] for row in rows] == [0.75, 0, 0, 0.25, 0]
    assert [row["idle_steps"] for row in rows] == [1, 1, 4, 2, 2]
    assert {row["acting"] for row in rows} == {"sampled"}
    rng = np.random.default_rng(3)
    for uniforms in offered:
        np.testing.assert_array_equal(uniforms, rng.random(5, dtype=np.float32))


def test_play_stops_when_all_have_ended_and_argmax_needs_no_chance():
    batch = Scripted({1: ("success", 1.0)}, {2: ("timeout", 0.0)})
    calls = []

    def choose(_, uniforms):
        calls.append(uniforms)
        return np.zeros(2, np.int64)

    play(SimpleNamespace(horizon=50, idle=IDLE, space=DISCRETE), batch, np.array([1, 2]), choose, "argmax", 0)
    assert calls == [None, None]


def test_agents_play_an_episode_together():
    """Two environments of two agents: returns and idle steps add up, and the first two rows are one episode."""
    ends = [{2: ("success", 0.5)}, {2: ("success", 0.25)}, {3: ("timeout", 0.0)}, {3: ("timeout", -1.0)}]
    batch = Scripted(*ends, agents=2)
    actions = iter([[[0, 0], [0, 0], [0, 0], [0.5, 0]], [[0, 0], [0, 1], [0, 0], [0, 0]], [[1, 1]] * 4])
    task = SimpleNamespace(horizon=9, idle=np.zeros(2), space=PLANE)
    rows = play(task, batch, np.array([7, 8], np.uint32), lambda *_: np.array(next(actions)), "sampled", 0)
    assert batch.seeds.tolist() == [7, 8]
    assert [row["episode_return"] for row in rows] == [0.75, -1]
    assert [row["episode_length"] for row in rows] == [2, 3]
    assert [row["end"] for row in rows] == ["success", "timeout"]
    assert [row["idle_steps"] for row in rows] == [3, 3]


def test_a_teacher_of_continuous_actions_by_hand():
    """Means and deviations in rows; what is drawn stays within the bounds, and it idles where it has no answer."""
    teacher = np.array([[[0.5, -0.9], [0.1, 0.2]], [[0, 0], [0, 0]]])
    batch = SimpleNamespace(teacher=teacher, labelled=np.array([True, False]))
    choose = teacher_choice(SimpleNamespace(idle=np.array([0.25, 0.75]), space=PLANE))
    assert choose(batch, None) == pytest.approx(np.array([[0.5, -0.9], [0.25, 0.75]]))
    noise = np.array([[2.0, -1.0], [3.0, 3.0]])
    assert choose(batch, noise) == pytest.approx(np.array([[0.7, -1.0], [0.25, 0.75]]))


def test_inverse_sampling_by_hand():
    probs = np.array([[0.25, 0.5, 0.25]] * 6 + [[0, 0, 1]])
    uniforms = np.array([0, 0.2, 0.25, 0.7, 0.75, 0.999, 0])
    assert inverse_sample(probs, uniforms).tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert inverse_sample(np.array([[0.5, 0.4999]]), np.array([0.99999])).tolist() == [
        1
    ]  # a sum short of 1 by rounding


@pytest.mark.parametrize("uniforms", [None, np.array([0.0, 0.3, 0.3], np.float32)])
def test_the_teacher_idles_where_it_has_no_answer(uniforms):
    batch = SimpleNamespace(teacher=np.array([[0, 0, 0], [0.2, 0.7, 0.1], [0, 0, 0]]), labelled=np.array([0, 1, 0]) > 0)
    for idle, chosen in ((1, [1, 1, 1]), (0, [0, 1, 0])):
        assert teacher_choice(SimpleNamespace(idle=idle, space=DISCRETE))(batch, uniforms).tolist() == chosen


def test_a_teacher_that_is_sampled_does_each_thing_as_often_as_it_says():
    batch = Scripted(*[{50: ("timeout", 0.0)}] * 100)
    batch.teacher, batch.labelled = np.tile([0.75, 0.25], (100, 1)), np.full(100, True)
    task = SimpleNamespace(horizon=50, idle=1, space=Space("discrete", 2, ("a", "b")))
    idle = {
        acting: np.mean(
            [row["idle_steps"] for row in play(task, batch, np.arange(100), teacher_choice(task), acting, 0)]
        )
        for acting in ("sampled", "argmax")
    }
    assert idle["argmax"] == 0
    assert idle["sampled"] / 50 == pytest.approx(0.25, abs=0.02)


def test_the_published_teacher_alone_opens_the_simple_door():
    task = get_task("SimpleDoorKey")
    rows = evaluate_teacher(task, published("SimpleDoorKey"), evaluation_layouts(task, 300), "sampled", 0)
    assert np.mean([row["success"] for row in rows]) >= 0.97
    assert 20 < np.mean([row["episode_length"] for row in rows]) < 26
    for row in rows:
        if row["success"]:
            assert row["episode_return"] == pytest.approx(1 - 0.9 * row["episode_length"] / 150, abs=1e-6)
        else:
            assert row["episode_return"] == 0


def test_the_published_teacher_alone_dies_in_lava():
    task = get_task("LavaDoorKey")
    rows = evaluate_teacher(task, published("LavaDoorKey"), evaluation_layouts(task, 300), "sampled", 0)
    ends = [row["end"] for row in rows]
    assert 0.45 < ends.count("success") / 300 < 0.7
    assert ends.count("death") > 60
    assert all(row["episode_length"] < 150 for row in rows if row["end"] == "death")


def test_a_teacher_without_an_answer_idles():
    task = get_task("DivergedDoorKey")
    for acting in ("sampled", "argmax"):
        for row in evaluate_teacher(task, {}, evaluation_layouts(task, 5), acting, 0):
            assert (row["end"], row["episode_length"], row["idle_steps"]) == ("timeout", 60, 60)


def test_students_act_reproducibly():
    task = get_task("SimpleDoorKey")
    layouts, student = evaluation_layouts(task, 60), new_student(task)
    argmax = [evaluate_student(task, student, layouts, "argmax", seed) for seed in (0, 1)]
    assert argmax[0] == argmax[1]
    one, same, other = (evaluate_student(task, student, layouts, "sampled", seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other
    assert len(one) == 60
    assert len({row["layout_seed"] for row in one}) == 60


def test_evaluation_layouts_are_of_the_split_that_is_asked_for():
    task = get_task("SimpleDoorKey")
    np.testing.assert_array_equal(evaluation_layouts(task, 20, "validation"), task.layout_seeds("validation", 20))
    np.testing.assert_array_equal(evaluation_layouts(task, 20), task.layout_seeds("test", 20))


@pytest.mark.parametrize("name", ["SimpleDoorKey", "DivergedDoorKey"])
def test_evaluation_layouts_are_never_trained_on(name):
    task = get_task(name)
    layouts = evaluation_layouts(task, 100)
    assert len({task.layout_code(seed) for seed in layouts}) == 100
    worlds = {task.world_code(seed) for seed in layouts}
    assert {split_of(world) for world in worlds} == {"test"}
    batch = task.make_batch(64, 0)
    trained_on = set()
    for _ in range(4 * task.horizon):
        trained_on |= set((batch._worlds["code"] // STARTS).tolist())
        batch.step(np.full(64, IDLE))
    assert len(trained_on) > 150
    assert not worlds & trained_on


def test_actors_play_the_reference_environment(tmp_path):
    task = get_task("SimpleDoorKey")
    act = teacher_actor(task, published("SimpleDoorKey"), 0)
    env = task.make_env()
    for seed in evaluation_layouts(task, 5):
        observation, done, info = env.reset(seed=int(seed))[0], False, {}
        while not done:
            observation, _, terminated, truncated, info = env.step(act(observation))
            done = terminated or truncated
        assert info["success"]
    assert teacher_actor(task, {}, 0)(observation) == IDLE
    with pytest.raises(FileNotFoundError):
        student_actor(task, tmp_path, 0)
    save_student(tmp_path, new_student(task), {"schedule": "fast", "network": "egocentric"})
    one, same = student_actor(task, tmp_path, 0), student_actor(task, tmp_path, 0)
    taken = [one(observation) for _ in range(30)]
    assert taken == [same(observation) for _ in range(30)]
    assert len(set(taken)) > 3  # a new student's policy is nearly uniform
    other = student_actor(task, tmp_path, 1)
    assert taken != [other(observation) for _ in range(30)]


def test_a_teacher_in_the_reference_environment_samples_by_its_seed():
    task = get_task("SimpleDoorKey")
    observation = task.make_env().reset(seed=0)[0]
    description = task.describe(observation)
    labels = {description.state_id: SoftInstruction(description, (PlanShare(EXPLORE, 0.75, "explore"),), 0.25)}
    one, same, other = (
        [act(observation) for _ in range(400)] for act in (teacher_actor(task, labels, seed) for seed in (0, 0, 1))
    )
    assert one == same != other
    assert one.count(IDLE) / 400 == pytest.approx(0.25, abs=0.06)
