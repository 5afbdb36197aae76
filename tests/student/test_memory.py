"""Students that remember: stacked frames and recurrent states against slow references, and what only they can learn."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.evaluation import evaluate_student, evaluation_layouts, student_actor
from pipeline.params import ParamsError, Schedule, Train
from pipeline.student.learner import Learner, Phase
from pipeline.student.make import make_student
from pipeline.student.methods.method import get_method
from pipeline.student.networks.modules import RecurrentActorCritic, Trunk
from pipeline.student.runs.saved import StudentError, load_student, save_student
from pipeline.student.student import Rollout, UpdateSettings, forget
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task

TASK = get_task("DivergedDoorKey")  # of the shortest episodes
LABELS = Path(__file__).resolve().parents[2] / "data" / "published" / "doorkey"
SCHEDULE = Schedule(
    envs=6, horizon=25, epochs=2, minibatch=60, lr=4e-3, lr_end=2e-4, entropy=0.01, entropy_end=0.001, value=0.5,
    gamma=0.99, gae=0.95, clip=0.2, grad_norm=0.5, lambda_0=2.0, lambda_c=0.5, i1=3, i2=6, finetune=2,
)  # fmt: skip
TRAINS = {
    f"{network} {memory}": Train(schedule="tiny", network=network, memory=memory, frames=3)
    for network in ("map", "egocentric")
    for memory in ("lstm", "stack")
}
LSTMS = [name for name in TRAINS if name.endswith("lstm")]


def student(name, seed=0):
    return make_student(TASK, TRAINS[name], np.random.default_rng(seed))


def learner(name, hierarchical=False):
    labels = None if hierarchical else read_instructions(LABELS / TASK.name / "labels.parquet", TASK.name)
    method = get_method("hierarchical" if hierarchical else "llm4teach")
    make = partial(make_student, TASK, TRAINS[name])
    return Learner(TASK, method, TRAINS[name], SCHEDULE, Phase.of("train", SCHEDULE), make, labels, 0)


# -- stacked frames -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["map", "egocentric"])
def test_stacked_features_are_the_last_observations_of_the_episode(network):
    """Over 150 steps, several episodes: against a list of what each environment has shown since its episode began."""
    stacking = student(f"{network} stack")
    plain = make_student(TASK, Train(schedule="tiny", network=network, update="torch"), np.random.default_rng(0))
    batch, rng = TASK.make_batch(4, 0), np.random.default_rng(1)
    memory, features = stacking.memory(4), stacking.features(4)
    shown = [[] for _ in range(4)]
    ends = 0
    for _ in range(150):
        stacking.encode(batch.observation, features, memory)
        newest = plain.features(4)
        plain.encode(batch.observation, newest)
        for row in range(4):
            shown[row].append({name: array[row].copy() for name, array in newest.items()})
            for name, stacked in features.items():
                last = [frame[name] for frame in shown[row][:-4:-1]]
                expected = last + [np.zeros_like(last[0])] * (3 - len(last))
                np.testing.assert_array_equal(stacked[row], expected)
        done = batch.step(rng.integers(3, size=4)).done
        forget(memory, done)
        for row in np.flatnonzero(done):
            shown[row] = []
        ends += int(done.sum())
    assert ends >= 8


@pytest.mark.parametrize("network", ["map", "egocentric"])
def test_nothing_is_remembered_without_a_memory(network):
    stacking = student(f"{network} stack")
    batch = TASK.make_batch(4, 0)
    first, again = stacking.features(4), stacking.features(4)
    stacking.encode(batch.observation, first, stacking.memory(4))
    stacking.encode(batch.observation, again)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert first[name][:, 0].any()
        assert not first[name][:, 1:].any()


def test_a_new_egocentric_student_that_stacks_acts_as_one_that_does_not():
    """Its older frames say nothing yet."""
    stacking = student("egocentric stack")
    plain = make_student(TASK, Train(schedule="tiny", update="torch"), np.random.default_rng(0))
    batch = TASK.make_batch(5, 0)
    memory = stacking.memory(5)
    outcomes = []
    for _ in range(3):
        batch.step(np.full(5, 0))
        outcomes = []
        for one, kept in ((stacking, memory), (plain, None)):
            features, actions, log_probs, values = one.features(5), np.zeros(5, np.int64), *np.zeros((2, 5), np.float32)
            one.encode(batch.observation, features, kept)
            one.act(features, None, actions, log_probs, values, kept)
            outcomes.append((actions, log_probs, values))
    for stacked, expected in zip(*outcomes, strict=True):
        np.testing.assert_allclose(stacked, expected, atol=1e-6)


# -- recurrent state ------------------------------------------------------------------------------------------------


class Through(Trunk):
    """A trunk that shows the LSTM just what it is given."""

    width, inputs = 4, ("given",)

    def forward(self, given):
        return given


def recurrent(given, going):
    """Values of each step by the network [steps, environments], and by torch's own LSTM over whole sequences."""
    torch.manual_seed(0)
    network = RecurrentActorCritic(Through(), 7)
    steps, environments, width = given.shape
    whole = nn.LSTM(width, width)
    for name, weight in network.lstm.named_parameters():
        getattr(whole, f"{name}_l0").data = weight.data
    empty = torch.zeros(steps * environments, width)
    _, values, *after = network(empty, empty, going.flatten(), steps=steps, given=given.flatten(0, 1))
    return network, whole, values.reshape(steps, environments), after


def test_unrolling_is_torchs_lstm_and_starts_anew_with_each_episode():
    given = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(1))
    going = torch.ones(6, 3, dtype=torch.bool)
    going[0] = False
    going[4, 1] = False  # the second environment begins another episode
    network, whole, values, after = recurrent(given, going)
    expected = network.heads(whole(given)[0])[..., -1]
    torch.testing.assert_close(values[:, [0, 2]], expected[:, [0, 2]])
    torch.testing.assert_close(values[:4, 1], expected[:4, 1])
    again, (hidden, cell) = whole(given[4:, 1:2])
    torch.testing.assert_close(values[4:, 1], network.heads(again)[:, 0, -1])
    torch.testing.assert_close(after[0][1], hidden[0, 0])
    torch.testing.assert_close(after[1][1], cell[0, 0])


def test_gradients_reach_back_to_the_episodes_start():
    given = torch.randn(6, 2, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    going = torch.ones(6, 2, dtype=torch.bool)
    going[3, 1] = False
    _, _, values, _ = recurrent(given, going)
    values[5].sum().backward()
    reached = given.grad.abs().sum(-1) > 0
    assert reached[:, 0].all()
    assert reached[:, 1].tolist() == [False, False, False, True, True, True]


@pytest.mark.parametrize("name", LSTMS)
def test_update_sees_what_acting_saw(name):
    """The third rollout begins with states of the second: its unrolled log-probabilities are those of acting."""
    one = learner(name)
    for _ in range(3):  # 75 steps: every first episode has ended
        one._roll_out()
    rollout, model = one._buffers.rollout(), one.student
    assert rollout.features["going"][:6].any()  # carried over from the second rollout
    assert not rollout.features["going"].all()
    tensors = {key: torch.from_numpy(v.astype(np.int32) if v.dtype == np.uint16 else v) for key, v in
               rollout.features.items()}  # fmt: skip
    order = torch.from_numpy(np.random.default_rng(0).permutation(150))
    seen = []
    for rows in model._minibatches(order, SCHEDULE.minibatch, rollout.steps):
        assert len(rows) == 50  # two whole environments, as 60 rows have no room for three
        with torch.no_grad():
            logits, _ = model._judge({key: tensor[rows] for key, tensor in tensors.items()}, rollout.steps)
        chosen = logits.log_softmax(-1).numpy()[np.arange(50), rollout.actions[rows]]
        np.testing.assert_allclose(chosen, rollout.log_probs[rows], atol=1e-5)
        seen += rows.tolist()
    assert sorted(seen) == list(range(150))
    with torch.no_grad():
        forgotten, _ = model._judge({**tensors, "going": torch.zeros(150, dtype=torch.bool)}, rollout.steps)
    chosen = forgotten.log_softmax(-1).numpy()[np.arange(150), rollout.actions]
    assert np.abs(chosen - rollout.log_probs).max() > 1e-4


# -- learning -------------------------------------------------------------------------------------------------------


def recall_loss(one, updates):
    """How far a student stays from a teacher whose action in the third step follows from what the first one showed.

    Only a memory can tell: the later maps are the same for all. Returns the last loss (nats per row, of which one in
    three is labelled); without memory it can't fall below a third of log 2.
    """
    rng = np.random.default_rng(0)
    environments, steps = 64, 3
    maps = np.repeat(TASK.make_batch(1, 0).observation["map"], environments, 0)
    wall = rng.integers(2, size=environments)
    rows = environments * steps
    features, memory = one.features(rows), one.memory(environments)
    for t in range(steps):
        shown = maps.copy()
        if t == 0:
            shown[:, 2:8, 2:8, :3] = np.where(wall[:, None, None, None], (2, 5, 0), (1, 0, 0))
        part = {name: array[t * environments : (t + 1) * environments] for name, array in features.items()}
        one.encode({"map": shown}, part, memory)
        actions, log_probs, values = np.zeros(environments, np.int64), *np.zeros((2, environments), np.float32)
        one.act(part, None, actions, log_probs, values, memory)
    teacher = np.zeros((rows, 7), np.float32)
    teacher[np.arange(2 * environments, rows), wall] = 1
    labelled = teacher.any(-1)
    nothing = np.zeros(rows, np.float32)
    rollout = Rollout(features, np.zeros(rows, np.int64), nothing, nothing, nothing, teacher, labelled, steps)
    settings = UpdateSettings(
        minibatch=rows, learning_rate=5e-3, clip=0.2, grad_norm=1.0, value=0.0, entropy=0.0, teacher=1.0
    )
    orders = np.stack([rng.permutation(rows) for _ in range(updates)])
    one.update(rollout, orders, settings)
    return one.update(rollout, orders[:1], settings)["teacher_loss"]


@pytest.mark.parametrize("name", ["map lstm", "egocentric lstm", "egocentric stack", "map stack"])
def test_memory_recalls_what_is_no_longer_seen(name):
    assert recall_loss(student(name), 150) < 0.08


def test_without_memory_it_cannot_be_recalled():
    memoryless = make_student(TASK, Train(schedule="tiny", network="map"), np.random.default_rng(0))
    assert recall_loss(memoryless, 150) > 0.9 * np.log(2) / 3


@pytest.mark.parametrize("hierarchical", [False, True])
@pytest.mark.parametrize("name", TRAINS)
def test_resuming_is_bit_equal(name, hierarchical):
    one = learner(name, hierarchical)
    one.iterate()
    state = {key: value.copy() for key, value in one.state().items()}
    assert any(key.startswith("memory.") and value.any() for key, value in state.items())
    resumed = learner(name, hierarchical)
    resumed.load_state(state)
    for _ in range(2):
        expected, row = one.iterate(), resumed.iterate()
        assert {**row, "seconds": 0} == pytest.approx({**expected, "seconds": 0}, rel=0, abs=0, nan_ok=True)
    for key, value in resumed.state().items():
        if key != "seconds":
            np.testing.assert_array_equal(value, one.state()[key])


# -- deployed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["map lstm", "egocentric stack"])
def test_a_saved_student_remembers_in_the_reference_environment_as_in_a_batch(name, tmp_path):
    """The same layout and the same draws: the same episode, which acting without memory would not give."""
    trained = learner(name)
    for _ in range(6):
        trained.iterate()
    settings = {"schedule": "tiny", **TRAINS[name].model_dump(include={"network", "memory", "frames"})}
    save_student(tmp_path, trained.student, settings)
    layouts = evaluation_layouts(TASK, 4)
    for layout in layouts:
        (row,) = evaluate_student(TASK, load_student(TASK, tmp_path), np.array([layout]), "sampled", 5)
        act, env = student_actor(TASK, tmp_path, 5), TASK.make_env()
        observation, done, total, length = env.reset(seed=int(layout))[0], False, 0.0, 0
        while not done:
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            total, length, done = total + float(reward), length + 1, terminated or truncated
        assert (length, pytest.approx(total)) == (row["episode_length"], row["episode_return"])


def test_a_student_is_saved_with_its_kind_of_memory(tmp_path):
    one = student("map stack")
    save_student(tmp_path, one, {"schedule": "tiny", "network": "map", "memory": "stack", "frames": 3})
    loaded = load_student(TASK, tmp_path)
    assert loaded.features(2)["map"].shape == (2, 3, 10, 10, 4)
    for name, value in one.weights().items():
        np.testing.assert_array_equal(value, loaded.weights()[name])
    save_student(tmp_path, one, {"schedule": "tiny", "network": "map"})
    with pytest.raises(StudentError, match="not a student with network 'map'"):
        load_student(TASK, tmp_path)
    save_student(tmp_path, one, {"schedule": "tiny", "network": "map", "memory": "elephant"})
    with pytest.raises(StudentError, match="no such network: 'map', memory: 'elephant'"):
        load_student(TASK, tmp_path)


def test_what_memory_asks_for():
    with pytest.raises(ParamsError, match="the compiled update is for students on 'cpu' without memory"):
        make_student(TASK, Train(schedule="tiny", update="fused", memory="lstm"), np.random.default_rng(0))
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        Train(schedule="tiny", memory="stack", frames=1)
    with pytest.raises(ValidationError, match="'none', 'lstm' or 'stack'"):
        Train(schedule="tiny", memory="gru")
