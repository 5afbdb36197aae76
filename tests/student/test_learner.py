"""The learning loop: reproducible, resumable bit for bit, masked where labels lack, and able to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.instructions import Description
from pipeline.params import Schedule, Train
from pipeline.student.learner import CURVE_COLUMNS, Learner, Phase
from pipeline.student.make import make_student
from pipeline.student.methods.method import get_method
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task

LABELS = Path(__file__).resolve().parents[2] / "data" / "published" / "doorkey"
TINY = Schedule(
    envs=8, horizon=40, epochs=2, minibatch=32, lr=4e-3, lr_end=2e-4, entropy=0.01, entropy_end=0.001, value=0.5,
    gamma=0.99, gae=0.95, clip=0.2, grad_norm=0.5, lambda_0=2.0, lambda_c=0.5, i1=4, i2=8, finetune=4,
)  # fmt: skip
STUDENTS = {
    "fused": Train(schedule="tiny", update="fused"),
    "torch": Train(schedule="tiny", update="torch"),
    "map": Train(schedule="tiny", network="map"),
}


def published(name="SimpleDoorKey"):
    return read_instructions(LABELS / name / "labels.parquet", name)


def learner(labels=None, *, student="fused", phase="train", seed=0, task="SimpleDoorKey", schedule=TINY):
    def make(rng):
        return make_student(get_task(task), STUDENTS[student], rng)

    method = get_method("rl" if labels is None else "llm4teach")
    return Learner(get_task(task), method, STUDENTS[student], schedule, Phase.of(phase, schedule), make, labels, seed)


def curve(a_learner, iterations=None):
    """Rows of the training curve but for the seconds, as lists of numbers."""
    rows = []
    while not a_learner.done and iterations != len(rows):
        row = a_learner.iterate()
        rows.append([row[name] for name in CURVE_COLUMNS if name not in ("phase", "seconds")])
    return rows


def column(rows, name):
    return [row[[c for c in CURVE_COLUMNS if c not in ("phase", "seconds")].index(name)] for row in rows]


def assert_same_weights(one, other):
    for name, value in one.student.weights().items():
        np.testing.assert_array_equal(value, other.student.weights()[name])


def test_curve():
    one = learner(published())
    assert {*one.iterate(), "phase"} == set(CURVE_COLUMNS)
    rows = curve(one)
    assert one.done
    assert column(rows, "iteration") == list(range(1, 8))
    assert column(rows, "env_steps") == [320 * i for i in range(2, 9)]
    assert column(rows, "teacher_weight") == pytest.approx([1.625, 1.25, 0.875, 0.5, 0.5, 0.5, 0.5])
    assert column(rows, "label_miss_rate") == [0] * 7
    assert not one.unlabelled
    assert one.seconds > 0
    rates = column(rows, "learning_rate")
    assert rates == pytest.approx([4e-3 - (4e-3 - 2e-4) * i / 11 for i in range(1, 8)])


def test_phases_join():
    train, finetune = Phase.of("train", TINY), Phase.of("finetune", TINY)
    assert (train.first, train.last, finetune.first, finetune.last) == (0, 8, 8, 12)
    rows = curve(learner(phase="finetune"))
    assert column(rows, "iteration") == [8, 9, 10, 11]
    assert column(rows, "env_steps") == [320 * i for i in range(9, 13)]
    assert column(rows, "teacher_weight") == [0] * 4
    assert column(rows, "teacher_loss") == [0] * 4
    assert column(rows, "label_miss_rate") == [0] * 4  # nobody asks for labels without a teacher
    assert column(rows, "learning_rate")[-1] == pytest.approx(2e-4)


def test_means_are_those_of_ended_episodes():
    """Two iterations of 160 steps, of which the second counts: it begins when every first episode has ended."""
    long = TINY.model_copy(update={"horizon": 160, "lr": 1e-9})
    one = learner(published(), schedule=long)
    fresh = one.iterate()
    b = one._buffers
    assert (b.terminated | b.truncated).sum() >= 8
    assert fresh["episodes"] == 0
    assert np.isnan([fresh["success"], fresh["episode_return"], fresh["episode_length"]]).all()
    last = [int(np.flatnonzero((b.terminated | b.truncated)[:, k])[-1]) - 160 for k in range(8)]
    row = one.iterate()
    ends = np.argwhere(b.terminated | b.truncated)
    assert row["episodes"] == len(ends) >= 8
    assert row["episode_length"] == np.mean([b.episode_lengths[t, k] for t, k in ends])
    assert row["episode_return"] == pytest.approx(np.mean([b.episode_returns[t, k] for t, k in ends]))
    assert row["success"] == np.mean([b.successes[t, k] for t, k in ends])
    for k in range(8):  # lengths are the distances between ends
        steps = [t for t, row in ends if row == k]
        assert np.diff([last[k], *steps]).tolist() == [b.episode_lengths[t, k] for t in steps]


def test_episodes_count_once_no_environment_is_young():
    """Horizon 150, 40 steps an iteration: before the fifth, the slowest first episodes have not had their time."""
    rows = curve(learner(published()))
    assert column(rows, "episodes")[:4] == [0] * 4
    assert np.isnan(column(rows, "success")[:4]).all()
    assert sum(column(rows, "episodes")[4:]) >= 8  # the slowest second ones end with step 300


@pytest.mark.parametrize("student", STUDENTS)
def test_episodes_go_on_when_the_teacher_leaves(student):
    taught = learner(published(), student=student)
    curve(taught)
    alone = learner(None, student=student, phase="finetune")
    fresh = alone.batch.observation["map"].copy()
    alone.load_environments(taught.environments())  # 320 steps old: the third episodes end by step 450
    np.testing.assert_array_equal(alone.batch.observation["map"], taught.batch.observation["map"])
    assert (alone.batch.observation["map"] != fresh).any()
    assert sum(column(curve(alone), "episodes")) > 0  # no environment is young
    same, other = learner(published(), seed=3), learner(None, phase="finetune", seed=3)
    np.testing.assert_array_equal(same.batch.observation["map"], other.batch.observation["map"])


@pytest.mark.parametrize("truncation", ["terminal", "bootstrap"])
def test_what_follows_the_horizon(truncation):
    """Episodes of four steps in which nothing succeeds: the horizon cuts each off, after its own last observation."""
    schedule = TINY.model_copy(update={"horizon": 6, "truncation": truncation, "minibatch": 48})
    one = learner(None, schedule=schedule)
    one.batch._horizon = 4
    seen = []
    step = one.batch.step

    def watched(actions):
        finished = step(np.zeros_like(actions))  # only turning
        seen.append(finished.last_observation["map"].copy())
        return finished

    one.batch.step = watched
    values = []
    update = one.student.update

    def before(rollout, *rest):
        values.append(value_of(one.student, seen[3]))
        return update(rollout, *rest)

    one.student.update = before
    one.iterate()
    b = one._buffers
    assert b.truncated[3].all()
    assert not b.terminated.any()
    expected = values[0] if truncation == "bootstrap" else np.zeros(8)
    np.testing.assert_allclose(b.end_values[3], expected, rtol=1e-6)
    assert not b.end_values[[0, 1, 2, 4, 5]].any()
    np.testing.assert_allclose(b.advantages[3], 0.99 * expected - b.values[3], rtol=1e-5, atol=1e-7)


def value_of(student, maps):
    """The student's value of each map, float32[rows]."""
    features = student.features(len(maps))
    student.encode({"map": maps}, features)
    actions, log_probs, values = np.zeros(len(maps), np.int64), *np.zeros((2, len(maps)), np.float32)
    student.act(features, None, actions, log_probs, values)
    return values


@pytest.mark.parametrize("student", STUDENTS)
def test_same_seed_same_numbers(student):
    one, same, other = (learner(published(), student=student, seed=seed) for seed in (5, 5, 6))
    rows = curve(one, 4)
    np.testing.assert_array_equal(rows, curve(same, 4))
    assert_same_weights(one, same)
    assert column(rows, "policy_loss") != column(curve(other, 4), "policy_loss")


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("phase", ["train", "finetune"])
def test_resuming_is_bit_equal(student, phase):
    labels = published() if phase == "train" else None
    one = learner(labels, student=student, phase=phase)
    curve(one, 2)
    state = one.state()
    kept = {name: value.copy() for name, value in state.items()}
    expected = curve(one)
    resumed = learner(labels, student=student, phase=phase, seed=0)
    resumed.load_state(kept)
    assert resumed.seconds == float(kept["seconds"][0])
    np.testing.assert_array_equal(curve(resumed), expected)
    assert_same_weights(one, resumed)
    ends, resumed_ends = one.state(), resumed.state()
    assert ends.keys() == resumed_ends.keys()
    for name in ends.keys() - {"seconds"}:
        np.testing.assert_array_equal(ends[name], resumed_ends[name])
    for name, value in state.items():  # a state is a copy, not a view of what goes on
        np.testing.assert_array_equal(value, kept[name])


def test_state_holds_the_generators_odd_half():
    """An odd number of 32-bit draws leaves half a word over, which the next draw takes."""
    one, other = learner(published()), learner(published(), seed=1)
    one._rng.random()
    if not one._rng.bit_generator.state["has_uint32"]:
        one._rng.integers(10, dtype=np.uint32)
    assert one._rng.bit_generator.state["has_uint32"] == 1
    other.load_state(one.state())
    assert other._rng.bit_generator.state == one._rng.bit_generator.state


def test_missing_labels_are_counted_and_kept():
    nothing = Description().state_id
    only_one = {nothing: published()[nothing]}
    one = learner(only_one)
    rows = curve(one)
    missed = sum(one.unlabelled.values())
    assert missed > 0
    assert missed == round(sum(column(rows, "label_miss_rate")) * TINY.envs * TINY.horizon)
    described = {one.batch.descriptions[number] for number in one.unlabelled}
    assert Description() not in described
    assert Description(("key",)) in described
    again = learner(only_one)
    again.load_state(one.state())
    assert again.unlabelled == one.unlabelled
    none = learner({})
    rows = curve(none)
    assert column(rows, "label_miss_rate") == [1] * 8
    assert column(rows, "teacher_loss") == [0] * 8


def test_a_method_without_teacher_misses_no_labels():
    one = learner(None)
    rows = curve(one)
    assert column(rows, "label_miss_rate") == [0] * 8
    assert column(rows, "teacher_weight") == [0] * 8
    assert not one.unlabelled


@pytest.mark.parametrize("student", STUDENTS)
def test_without_labels_the_teachers_weight_changes_nothing(student):
    """All rows masked: the same weights as with no teacher at all."""
    masked, alone = learner({}, student=student), learner(None, student=student)
    curve(masked, 3)
    curve(alone, 3)
    assert_same_weights(masked, alone)
    taught = learner(published(), student=student)
    curve(taught, 3)
    with pytest.raises(AssertionError):
        assert_same_weights(taught, alone)


def test_it_learns():
    """Some seconds of training solve SimpleDoorKey on layouts that were never trained on."""
    schedule = TINY.model_copy(
        update={"envs": 64, "horizon": 32, "minibatch": 128, "lambda_c": 0.0, "i1": 40, "i2": 40, "finetune": 40}
    )
    task = get_task("SimpleDoorKey")
    layouts = evaluation_layouts(task, 300)

    def success(student):
        return np.mean([row["success"] for row in evaluate_student(task, student, layouts, "sampled", 0)])

    one = learner(published(), schedule=schedule)
    assert success(one.student) < 0.3
    rows = curve(one)
    assert np.mean(column(rows, "teacher_loss")[-5:]) < 0.5 * np.mean(column(rows, "teacher_loss")[:2])
    alone = learner(None, phase="finetune", schedule=schedule)
    alone.student.load_weights(one.student.weights())
    alone.student.load_optimiser(one.student.optimiser())
    curve(alone)
    assert success(alone.student) >= 0.8
