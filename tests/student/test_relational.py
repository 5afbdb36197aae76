"""The relational network: its tokens by hand, and its compiled layers against torch's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from pipeline.params import Train
from pipeline.student.autograd.losses import llm4teach_loss
from pipeline.student.fused.layout import ACTIONS
from pipeline.student.fused.student import FusedStudent
from pipeline.student.make import make_student, network_name
from pipeline.student.networks import relational
from pipeline.student.networks.modules import ActorCritic
from pipeline.student.networks.relational import MOST, NEAR, REACH, TOKENS, Relational, encode
from pipeline.student.policies import Categorical
from pipeline.student.student import Rollout, UpdateSettings
from pipeline.tasks.minigrid.stock_parity import ACTION_CHANCES
from pipeline.tasks.minigrid.task import LevelTask
from pipeline.tasks.minigrid_numbers import BALL, CLOSED, DOOR, EMPTY, KEY, LOCKED, NO_AGENT, OPEN, WALL
from pipeline.tasks.spaces import CellMap, MarkedMap

TASK = LevelTask("BabyAI-MiniBossLevel-v0", "facts", seeds=61)
STATES = MarkedMap.STATES


def tokens_of(cells: np.ndarray) -> set[int]:
    tokens, counts = np.zeros((1, MOST), np.uint16), np.zeros(1, np.int32)
    encode(cells[None], tokens, counts)
    found = tokens[0, : counts[0]].tolist()
    assert len(set(found)) == len(found)
    return set(found)


def near(ahead: int, aside: int, kind: int) -> int:
    return ((ahead + REACH) * NEAR + aside + REACH) * relational.KINDS + kind


def far(sector: int, kind: int) -> int:
    return relational.FIRST_FAR + sector * relational.KINDS + kind


def way(turn: int, kind: int) -> int:
    return relational.FIRST_WAY + turn * relational.KINDS + kind


def room(width: int, height: int) -> np.ndarray:
    cells = np.zeros((width, height, 4), np.uint8)
    cells[..., 3] = NO_AGENT
    cells[..., 0] = EMPTY
    for edge in (cells[0], cells[-1], cells[:, 0], cells[:, -1]):
        edge[:, 0], edge[:, 1] = WALL, 5
    return cells


def test_things_are_where_they_lie_as_the_agent_looks():
    cells = room(5, 5)
    cells[1, 1, 3] = 1  # looks down
    cells[1, 3, :2] = BALL, 2
    cells[3, 1, :2] = KEY, 0
    found = tokens_of(cells)
    assert near(2, 0, relational.A_BALL) in found  # two ahead
    assert near(0, -2, relational.OTHER_KEY) in found  # two to the left, for one who looks down
    assert {way(0, relational.A_BALL), way(3, relational.OTHER_KEY)} <= found
    assert {near(-1, aside, relational.SOLID) for aside in (-3, -2, -1, 0, 1)} <= found


def test_keys_and_doors_are_what_they_are_to_each_other():
    cells = room(5, 5)
    cells[1, 1, 3] = 0
    cells[4, 1, :3] = DOOR, 3, LOCKED
    cells[2, 3, :2] = KEY, 3
    cells[3, 3, :2] = KEY, 1
    found = tokens_of(cells)
    assert near(3, 0, relational.LOCKED_DOOR) in found
    assert near(1, 2, relational.FITTING_KEY) in found
    assert near(2, 2, relational.OTHER_KEY) in found
    cells[2, 3, :2] = EMPTY, 0
    cells[1, 1, :2] = KEY, 3  # now in the hand
    found = tokens_of(cells)
    assert near(3, 0, relational.FITTING_DOOR) in found
    assert relational.FIRST_HAND + relational.FITTING_KEY in found


def test_what_the_mission_names_is_a_kind_of_its_own():
    cells = room(5, 5)
    cells[1, 1, 3] = 0
    cells[2, 1, :3] = BALL, 1, STATES * 2
    cells[4, 2, :3] = DOOR, 1, STATES * 3 + LOCKED
    cells[4, 3, :3] = DOOR, 1, STATES * 3 + CLOSED
    found = tokens_of(cells)
    assert near(1, 0, relational.TO_PICK_UP) in found
    assert near(3, 1, relational.LOCKED_TO_OPEN) in found
    assert near(3, 2, relational.TO_OPEN) in found


def test_beyond_the_window_only_things_and_edges_count_and_ways_stop_at_walls():
    cells = room(20, 5)
    cells[1, 1, 3] = 0
    cells[6, :, 0] = WALL
    cells[16, 1, :2] = BALL, 0
    found = tokens_of(cells)
    assert far(21, relational.A_BALL) in found  # far ahead, straight on
    assert not any(way(turn, relational.A_BALL) in found for turn in range(4))
    cells[6, 2, :3] = DOOR, 0, OPEN
    assert way(0, relational.A_BALL) in tokens_of(cells)  # straight on first, though the door is a row further down
    cells[6, 2, :3] = DOOR, 0, CLOSED
    assert not any(way(turn, relational.A_BALL) in tokens_of(cells) for turn in range(4))
    cells[9, 3, 0] = 0
    assert far(21, relational.EDGE) in tokens_of(cells)  # the free cells around what was never seen


def test_a_turned_world_looks_the_same():
    batch, rng = TASK.make_batch(16, 0), np.random.default_rng(0)
    for _ in range(40):
        batch.step(rng.choice(7, size=16, p=ACTION_CHANCES))
    for cells in batch.observation["map"]:
        turned = np.rot90(cells).copy()  # [x, y] -> [height - 1 - y, x]: a quarter to the right
        here = turned[..., 3] != NO_AGENT
        turned[here, 3] = (turned[here, 3] + 1) % 4
        assert tokens_of(turned) == tokens_of(cells)


def test_it_is_for_marked_maps_and_small():
    student = make_student(TASK, Train(schedule=""), np.random.default_rng(0))
    assert network_name(TASK, Train(schedule="")) == "relational"
    assert isinstance(student, FusedStudent)
    assert student.parameters == TOKENS * 24 + 24 + 24 * 64 + 64 + 64 * 8 + 8 <= 50_000
    plain = spaces.Dict({"map": CellMap(10, 10, np.zeros((11, 6), np.uint8))})
    assert Relational.misfit(plain) == "anything but a single marked map"


@pytest.mark.parametrize("changes", [{}, {"teacher": 0.0}, {"policy": 0.0}])
def test_compiled_gradient_is_autograds(changes):
    student = make_student(TASK, Train(schedule="", update="fused"), np.random.default_rng(0))
    weights = student.weights()
    weights["heads.weight"][:ACTIONS] *= 50
    student.load_weights(weights)
    batch, rng, rows = TASK.make_batch(128, 1), np.random.default_rng(2), 128
    for _ in range(20):
        batch.step(rng.choice(7, size=rows, p=ACTION_CHANCES))
    features = student.features(rows)
    actions, (log_probs, values) = np.zeros(rows, np.int64), np.zeros((2, rows), np.float32)
    student.encode(batch.observation, features)
    student.act(features, rng.random(rows, dtype=np.float32), actions, log_probs, values)
    columns = {
        "actions": actions,
        "log_probs": log_probs + rng.normal(0, 0.3, rows).astype(np.float32),
        "advantages": rng.normal(0.1, 0.5, rows).astype(np.float32),
        "returns": values + rng.normal(0, 0.5, rows).astype(np.float32),
        "teacher": rng.dirichlet(np.full(7, 0.3), rows).astype(np.float32),
        "labelled": rng.random(rows) < 0.7,
    }
    settings = replace(
        UpdateSettings(
            minibatch=rows, learning_rate=1e-3, clip=0.2, grad_norm=0.5, value=0.5, entropy=0.01, teacher=2.0
        ),
        **changes,
    )
    rollout = Rollout(features=features, **columns)
    found = student.gradient(rollout, np.arange(rows), settings, np.zeros(4))
    model = ActorCritic(Relational(TASK.observation_space).trunk(), ACTIONS).double()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    given = {name: torch.from_numpy(value.astype(np.int64)) for name, value in features.items()}
    wanted = [torch.from_numpy(column) for column in columns.values()]
    wanted = [column.double() if column.is_floating_point() else column for column in wanted]
    llm4teach_loss(Categorical(ACTIONS), *model(**given), *wanted, settings=settings).total.backward()
    for name, value in model.named_parameters():
        truth = value.grad.numpy()
        assert np.linalg.norm(found[name] - truth) < 1e-5 * np.linalg.norm(truth) + 1e-9, name
