"""The students' networks: size, first parameters, and what the egocentric one feeds on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from pipeline.params import ParamsError, Train
from pipeline.student.autograd.student import TorchStudent
from pipeline.student.fused import convolutional, egocentric
from pipeline.student.fused.layout import ACTIONS
from pipeline.student.make import make_student, network_for
from pipeline.student.networks.dict import Dict
from pipeline.student.networks.egocentric import Egocentric, encode, window_places
from pipeline.student.networks.map import CELL, Map
from pipeline.student.networks.modules import RecurrentActorCritic
from pipeline.student.policies import Categorical
from pipeline.tasks.registry import get_task

TASK = get_task("ColoredDoorKey")
PAPERS_SIZE = 24_000
NETWORKS = ("egocentric", "map")


def students(network):
    return [
        make_student(TASK, Train(schedule="fast", network=network, update=update), np.random.default_rng(3))
        for update in ("torch", "fused")
    ]


def maps_of_play(rows=64, steps=30):
    batch = TASK.make_batch(rows, 5)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        batch.step(rng.choice(7, rows, p=[0.15, 0.15, 0.4, 0.1, 0.1, 0.1, 0]))
    return batch.observation["map"].copy()


def tokens_of(maps):
    tokens, counts = np.zeros((len(maps), 100), np.uint16), np.zeros(len(maps), np.int32)
    encode(maps, TASK.observation_space["map"].kinds, window_places(10, 10), tokens, counts)
    return [set(row[:count].tolist()) for row, count in zip(tokens, counts, strict=True)]


@pytest.mark.parametrize("network", NETWORKS)
def test_size_is_the_papers(network):
    for student in students(network):
        size = sum(array.size for array in student.weights().values())
        assert student.parameters == size
        assert 0.8 * PAPERS_SIZE < size <= PAPERS_SIZE


@pytest.mark.parametrize("network", NETWORKS)
def test_first_parameters_are_equal(network):
    by_torch, fused = (student.weights() for student in students(network))
    assert by_torch.keys() == fused.keys()
    for name, array in by_torch.items():
        np.testing.assert_array_equal(array, fused[name])


@pytest.mark.parametrize("network", [Egocentric, Map])
def test_first_parameters_follow_the_seed_and_are_orthogonal(network):
    def drawn(seed):
        state = network(TASK.observation_space).first_state(np.random.default_rng(seed), 64, ACTIONS)
        return {name: torch.from_numpy(value) for name, value in state.items()}

    one, same, other = drawn(1), drawn(1), drawn(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["heads.weight"], other["heads.weight"])
    actor = one["heads.weight"][:ACTIONS]  # orthogonal, and small: the first policy is nearly uniform
    gram = actor @ actor.T
    assert torch.allclose(gram, torch.eye(ACTIONS) * gram[0, 0], atol=1e-6)
    assert 0 < gram[0, 0] < 1e-3
    assert all(not one[name].any() for name in one if name.endswith("bias"))


def test_how_large_the_egocentric_networks_first_parameters_are():
    def drawn_with(seed):
        state = Egocentric(TASK.observation_space).first_state(np.random.default_rng(seed), egocentric.HIDDEN, ACTIONS)
        return egocentric.parts_of(egocentric.layout().from_state_dict(state))

    parts = drawn_with(0)
    assert parts.embedding.mean() == pytest.approx(0, abs=0.003)
    assert parts.embedding.std() == pytest.approx(0.1, rel=0.02)
    actor, critic = np.split(parts.heads, [ACTIONS])
    for layer, gain in ((parts.hidden, np.sqrt(2)), (actor, 0.01), (critic, 1)):
        np.testing.assert_allclose(layer @ layer.T, gain**2 * np.eye(len(layer)), rtol=1e-5, atol=1e-6 * gain**2)
    drawn = [drawn_with(seed) for seed in range(20)]
    assert {np.sign(parts.hidden[0, 0]) for parts in drawn} == {-1, 1}  # how it is made orthogonal decides on no sign


def test_how_large_the_map_networks_first_parameters_are():
    state = Map(TASK.observation_space).first_state(np.random.default_rng(0), convolutional.HIDDEN, ACTIONS)
    cells = np.concatenate([state[f"trunk.cells.{channel}"].ravel() for channel in range(4)])
    assert cells.mean() == pytest.approx(0, abs=0.1)
    assert cells.std() == pytest.approx(0.5, rel=0.1)
    actor, critic = np.split(state["heads.weight"], [ACTIONS])
    layers = [(state[f"trunk.{name}.weight"], np.sqrt(2)) for name in ("first", "second", "third", "hidden")]
    for layer, gain in (*layers, (actor, 0.01 * np.sqrt(2)), (critic, np.sqrt(2))):
        flat = layer.reshape(len(layer), -1)
        np.testing.assert_allclose(flat @ flat.T, gain**2 * np.eye(len(flat)), rtol=1e-5, atol=1e-6 * gain**2)


def test_a_cell_is_the_sum_of_its_channels_vectors():
    """What the first convolution is given, against one look-up per channel; frames stay side by side."""
    network = Map(TASK.observation_space)
    model = network.trunk(frames=2)
    state = network.trunk_state(np.random.default_rng(0), frames=2)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    given = []
    model.first.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0]))
    maps = torch.from_numpy(np.stack([maps_of_play(8), maps_of_play(8, steps=5)], axis=1))  # [8, 2, 10, 10, 4]
    model(map=maps)
    expected = sum(vectors[maps[..., channel].long()] for channel, vectors in enumerate(model.cells))
    torch.testing.assert_close(given[0][:, :CELL], expected[:, 0].permute(0, 3, 1, 2))
    torch.testing.assert_close(given[0][:, CELL:], expected[:, 1].permute(0, 3, 1, 2))


@pytest.mark.parametrize("layout", [egocentric.layout(), convolutional.layout()])
def test_state_dict_round_trip(layout):
    theta = np.random.default_rng(0).normal(size=layout.size).astype(np.float32)
    state = layout.to_state_dict(theta)
    np.testing.assert_array_equal(layout.from_state_dict(state), theta)
    with pytest.raises(ValueError, match="wanted parameters"):
        layout.from_state_dict({"something": theta})
    with pytest.raises(ValueError, match=r"heads\.bias has shape \(3,\)"):
        layout.from_state_dict(state | {"heads.bias": np.zeros(3, np.float32)})


def test_tokens_say_where_each_seen_cell_lies():
    """Against a plain loop: turn the agent's view so that it looks along increasing x."""
    maps = maps_of_play()
    for cells, tokens in zip(maps, tokens_of(maps), strict=True):
        (agent,) = np.argwhere(cells[:, :, 3] < 4)
        direction = cells[tuple(agent)][3]
        expected = set()
        for x, y in np.ndindex(10, 10):
            across, down = x - agent[0], y - agent[1]
            for _ in range(direction):  # a quarter turn back
                across, down = down, -across
            kind = TASK.observation_space["map"].kinds[cells[x, y, 0], cells[x, y, 1]]
            if kind and abs(across) <= 5 and abs(down) <= 5:
                expected.add(((across + 5) * 11 + down + 5) * 5 + kind - 1)
        assert tokens == expected


def test_turning_the_world_changes_no_token():
    maps = maps_of_play()
    turned = np.rot90(maps, axes=(1, 2)).copy()  # (x, y) goes to (9 - y, x): right becomes down
    turned[..., 3] = np.where(turned[..., 3] < 4, (turned[..., 3] + 1) % 4, 4)
    assert tokens_of(turned) == tokens_of(maps)
    moved = turned.copy()
    moved[..., 3] = np.where(turned[..., 3] < 4, (turned[..., 3] + 1) % 4, 4)
    assert tokens_of(moved) != tokens_of(maps)


def test_a_network_is_on_its_device():
    """`meta` is a device that all machines have; nothing can be worked out on it."""
    one = TorchStudent(Map(TASK.observation_space), Categorical(ACTIONS), None, "meta", np.random.default_rng(0))
    assert {parameter.device.type for parameter in one._model.parameters()} == {"meta"}


def test_what_students_there_are():
    with pytest.raises(ParamsError, match="the compiled update is for students on 'cpu' without memory"):
        make_student(TASK, Train(schedule="fast", update="fused", device="cuda"), np.random.default_rng(0))
    with pytest.raises(ParamsError, match="'cuda:99' is not there"):
        make_student(TASK, Train(schedule="fast", network="map", device="cuda:99"), np.random.default_rng(0))
    plain = get_task("SimpleDoorKey")
    plain.observation_space = spaces.Dict({"map": spaces.Box(0, 10, (10, 10, 4), np.uint8)})
    with pytest.raises(ParamsError, match=r"'map' is not for .*anything but a single map of cells.* fit: cnn, dict"):
        make_student(plain, Train(schedule="fast", network="map"), np.random.default_rng(0))
    autos = [make_student(TASK, Train(schedule="fast", network=n), np.random.default_rng(0)) for n in NETWORKS]
    assert [type(auto).__name__ for auto in autos] == ["FusedStudent", "FusedStudent"]


def test_torch_students_keep_to_one_thread():
    torch.set_num_threads(2)
    make_student(TASK, Train(schedule="fast", network="map", update="torch"), np.random.default_rng(0))
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("network", NETWORKS)
def test_a_new_recurrent_students_forget_gate_is_open_and_no_other(network):
    """Against the gates worked out by hand: with zero weights, a state c and input 0, the next one is sigma(1) c."""
    trunk = network_for(TASK, Train(schedule="fast", network=network)).trunk()
    model = RecurrentActorCritic(trunk, ACTIONS)
    model.draw({}, np.random.default_rng(0))
    with torch.no_grad():
        model.lstm.weight_ih.zero_()
        model.lstm.weight_hh.zero_()
        cell = torch.full((1, model.lstm.hidden_size), 0.5)
        hidden, after = model.lstm(torch.zeros_like(cell), (torch.zeros_like(cell), cell))
    expected = cell / (1 + np.exp(-1.0))  # the forget gate of 1; nothing new comes in, since tanh(0) is 0
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(hidden, expected.tanh() / 2)  # the output gate of 0
    assert model.lstm.bias_ih.sum() + model.lstm.bias_hh.sum() == model.lstm.hidden_size


def test_parts_of_several_observations_begin_as_they_do_alone():
    """A map's cells have normal vectors, and its layers are orthogonal; the layer over the parts is, too."""
    shown = spaces.Dict({"map": TASK.observation_space["map"], "joints": spaces.Box(-1, 1, (4,), np.float32)})
    state = Dict(shown).trunk_state(np.random.default_rng(0))
    cells = np.concatenate([state[f"parts.map.cells.{channel}"].ravel() for channel in range(4)])
    assert cells.std() == pytest.approx(0.5, rel=0.1)
    for name in ("parts.map.hidden.weight", "parts.joints.second.weight", "joined.weight"):
        layer = state[name]
        np.testing.assert_allclose(layer @ layer.T, 2 * np.eye(len(layer)), atol=1e-5)
