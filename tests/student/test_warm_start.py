"""The offline warm start: which examples it learns from, and that it learns from the teacher alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recording import Recorder

from pipeline.collection import collect_states
from pipeline.instructions import Description
from pipeline.params import Collect, Schedule, Train
from pipeline.student.make import make_student, network_for
from pipeline.student.networks.modules import ActorCritic
from pipeline.student.warm_start import Examples, read_examples, warm_start
from pipeline.tables import STATES, TableError, read_instructions, read_table, write_table
from pipeline.tasks.registry import get_task

TASK = get_task("SimpleDoorKey")
LABELS = Path(__file__).resolve().parents[2] / "data" / "published" / "doorkey"
PUBLISHED = read_instructions(LABELS / TASK.name / "labels.parquet", TASK.name)
SCHEDULE = Schedule(
    envs=8, horizon=40, epochs=2, minibatch=32, lr=4e-3, lr_end=2e-4, entropy=0.01, entropy_end=0.001, value=0.5,
    gamma=0.99, gae=0.95, clip=0.2, grad_norm=0.5, lambda_0=2.0, lambda_c=0.5, i1=4, i2=8, finetune=4,
)  # fmt: skip
STUDENTS = {
    "fused": Train(schedule="tiny"),
    "torch": Train(schedule="tiny", update="torch"),
    "map": Train(schedule="tiny", network="map"),
    "lstm": Train(schedule="tiny", memory="lstm"),
    "stack": Train(schedule="tiny", memory="stack", frames=3),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected states of the task."""
    path = tmp_path_factory.mktemp("states") / "states.parquet"
    settings = Collect(behaviours=["random", "options"], steps=1000, envs=16, seed=0)
    write_table(path, collect_states(TASK, settings), STATES)
    return path


def single(examples: Examples, k: int) -> dict[str, np.ndarray]:
    """One example's observation."""
    return {key: array[k] for key, array in examples.observation.items()}


def student(name: str = "fused"):
    return make_student(TASK, STUDENTS[name], np.random.default_rng(0))


def some(examples: Examples, count: int) -> Examples:
    """Every so many of the examples, so that there are some of each description."""
    chosen = np.linspace(0, len(examples.teacher) - 1, count).astype(int)
    return Examples({key: array[chosen] for key, array in examples.observation.items()}, examples.teacher[chosen])


# -- which examples -------------------------------------------------------------------------------------------------


def test_each_example_has_the_teachers_policy_in_its_own_state(table):
    examples = read_examples(table, TASK, PUBLISHED)
    assert examples.teacher.dtype == np.float32
    assert {len(array) for array in examples.observation.values()} == {len(examples.teacher)}
    described = set()
    for k, policy in enumerate(examples.teacher):
        observation = single(examples, k)
        state = TASK.describe(observation).state_id
        np.testing.assert_allclose(policy, TASK.teacher_policy(PUBLISHED[state], observation), rtol=1e-6)
        described.add(state)
    assert described == {row["state_id"] for row in read_table(table, STATES).to_pylist()} & set(PUBLISHED)
    assert len(described) > 2


def test_only_examples_with_a_label_count(table):
    nothing, key = Description().state_id, Description(("key",)).state_id
    parts = [read_examples(table, TASK, {state: PUBLISHED[state]}) for state in (nothing, key)]
    for state, part in zip((nothing, key), parts, strict=True):
        assert {TASK.describe(single(part, k)).state_id for k in range(len(part.teacher))} == {state}
        assert len({array.tobytes() for k in range(len(part.teacher)) for array in single(part, k).values()}) > 10
    both = read_examples(table, TASK, {state: PUBLISHED[state] for state in (nothing, key)})
    assert len(both.teacher) == sum(len(part.teacher) for part in parts)


def test_a_table_that_gives_no_example_is_told(table, tmp_path):
    with pytest.raises(TableError, match=r"states\.parquet: no example state has a label"):
        read_examples(table, TASK, {})
    with pytest.raises(TableError, match="no such file"):
        read_examples(tmp_path / "none.parquet", TASK, PUBLISHED)


# -- what is learned ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fused", "torch"])
def test_a_step_is_one_on_the_cross_entropy_to_the_teacher(name, table):
    """Three steps on all examples at once against torch's own cross-entropy; the value and its weights stay."""
    one, examples = student(name), some(read_examples(table, TASK, PUBLISHED), 24)
    before = one.weights()
    model = ActorCritic(network_for(TASK, STUDENTS["fused"]).trunk(), TASK.space.size)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in before.items()})
    adam = torch.optim.Adam(model.parameters(), lr=SCHEDULE.lr, betas=(0.9, 0.999), eps=1e-5)
    features = one.features(24)
    one.encode(examples.observation, features)
    inputs = {key: torch.from_numpy(features[key].astype(np.int64)) for key in ("tokens", "counts")}
    teacher = torch.from_numpy(examples.teacher)
    entropy = -torch.xlogy(teacher, teacher).sum(-1).mean()
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(**inputs)[0], teacher)
        losses.append((loss - entropy).item())
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), SCHEDULE.grad_norm)
        adam.step()
    assert warm_start(one, examples, SCHEDULE, 3, np.random.default_rng(0)) == pytest.approx(np.mean(losses), rel=1e-4)
    after = one.weights()
    for key, value in model.state_dict().items():
        np.testing.assert_allclose(after[key], value, rtol=1e-3, atol=1e-5, err_msg=key)
    np.testing.assert_array_equal(after["heads.weight"][7], before["heads.weight"][7])
    assert after["heads.bias"][7] == before["heads.bias"][7]


class Watcher(Recorder):
    """Feeds on map observations."""

    def features(self, rows):
        return {"map": np.zeros((rows, 10, 10, 4), np.uint8)}

    def encode(self, observation, features, _memory=None):
        features["map"][:] = observation["map"]


def test_each_step_has_a_random_minibatch_of_its_own(table):
    examples = some(read_examples(table, TASK, PUBLISHED), 80)
    one, again = Watcher(), Watcher()
    schedule = SCHEDULE.model_copy(update={"distance": "wasserstein"})
    for watcher in (one, again):
        warm_start(watcher, examples, schedule, 60, np.random.default_rng(3))
    (update,) = one.updates
    np.testing.assert_array_equal(update.orders, again.updates[0].orders)
    assert update.orders.shape == (60, SCHEDULE.minibatch)
    assert all(len(set(order)) == SCHEDULE.minibatch for order in update.orders.tolist())
    drawn = np.bincount(update.orders.ravel(), minlength=80)
    assert len(drawn) == 80
    assert drawn.min() > 5  # 24 on average
    np.testing.assert_array_equal(update.rollout.features["map"], examples.observation["map"])
    np.testing.assert_array_equal(update.rollout.teacher, examples.teacher)
    assert update.rollout.labelled.all()
    given = update.settings
    assert (given.teacher, given.value, given.entropy, given.distance) == (1, 0, 0, "wasserstein")


@pytest.mark.parametrize("name", STUDENTS)
def test_every_student_comes_nearer_to_the_teacher(name, table):
    one, examples = student(name), some(read_examples(table, TASK, PUBLISHED), 64)
    first = warm_start(one, examples, SCHEDULE, 1, np.random.default_rng(0))
    warm_start(one, examples, SCHEDULE, 40, np.random.default_rng(1))
    assert warm_start(one, examples, SCHEDULE, 1, np.random.default_rng(0)) < 0.7 * first


@pytest.mark.parametrize("name", STUDENTS)
def test_a_single_example_is_enough(name, table):
    one, examples = student(name), some(read_examples(table, TASK, PUBLISHED), 1)
    losses = [warm_start(one, examples, SCHEDULE, 10, np.random.default_rng(0)) for _ in range(4)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(np.isfinite(array).all() for array in one.weights().values())
