"""The compiled policy over teachers against autograd's: the same mixtures, and the same steps."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.instructions import options_of
from pipeline.params import Train
from pipeline.student.fused.over_teachers import FusedPolicyOverTeachers
from pipeline.student.make import network_for
from pipeline.student.methods.over_teachers import PolicyOverTeachers
from pipeline.student.policies import Categorical
from pipeline.student.student import Rollout, UpdateSettings
from pipeline.tasks.registry import get_task

TASK = get_task("ColoredDoorKey")
OPTIONS = options_of(TASK.grammar)
ROWS = 600  # more than are passed through the network at a time
SETTINGS = UpdateSettings(
    minibatch=128, learning_rate=3e-3, clip=0.2, grad_norm=0.5, value=0.5, entropy=0.05, teacher=1.0
)


def lesson(network, seed=0):
    """Features of true observations, the options' policies there, and a rollout with made-up advantages."""
    rng = np.random.default_rng(seed)
    batch = TASK.make_batch(ROWS, seed)
    follow = batch.option_policies(OPTIONS)
    for _ in range(20):
        batch.step(rng.integers(3, size=ROWS))
    features, policies = network.features(ROWS), follow().copy()
    network.encode(batch.observation, features)
    policies[::50] = 0  # here no option can act
    rollout = Rollout(
        features=features,
        actions=rng.integers(3, size=ROWS),
        log_probs=np.log(rng.uniform(0.1, 0.9, ROWS)).astype(np.float32),
        advantages=rng.normal(0.2, 1, ROWS).astype(np.float32),
        returns=np.zeros(ROWS, np.float32),
        teacher=np.zeros((ROWS, 7), np.float32),
        labelled=np.zeros(ROWS, np.bool_),
    )
    return rollout, policies, rng


@pytest.mark.parametrize("name", ["egocentric", "map"])
def test_mixtures_and_steps_are_autograds(name):
    """Iteration by iteration, from the same weights: clipped rows, rows without options, and the entropy are in it."""
    network = network_for(TASK, Train(schedule="", network=name))
    fused = FusedPolicyOverTeachers(len(OPTIONS), network, np.random.default_rng(1))
    by_torch = PolicyOverTeachers(len(OPTIONS), network, 1, Categorical(7), "cpu", np.random.default_rng(1))
    rollout, policies, rng = lesson(network)
    travelled = 0.0
    for _ in range(6):
        same = {k.removeprefix("weights."): v for k, v in by_torch.state().items() if k.startswith("weights.")}
        fused.load_state({**fused.state(), "theta": fused._layout.from_state_dict(same)})
        mixtures = []
        for over in (fused, by_torch):
            over.mix(rollout.features, policies, rollout.teacher, rollout.labelled)
            mixtures.append((rollout.teacher.copy(), rollout.labelled.copy()))
        np.testing.assert_allclose(mixtures[0][0], mixtures[1][0], atol=1e-5)
        np.testing.assert_array_equal(mixtures[0][1], mixtures[1][1])
        assert 0 < rollout.labelled.sum() < ROWS
        orders = np.stack([rng.permutation(ROWS) for _ in range(2)])
        before = fused.weights()
        for over in (fused, by_torch):
            over.update(rollout, policies, orders, SETTINGS)
        ends = {k.removeprefix("weights."): v for k, v in by_torch.state().items() if k.startswith("weights.")}
        for key, value in fused.weights().items():
            assert np.linalg.norm(ends[key] - value) < 5e-3 * np.linalg.norm(value - before[key]) + 1e-4, key
            travelled += np.linalg.norm(value - before[key])
    assert travelled > 1


def test_no_other_network_is_compiled():
    network = network_for(TASK, Train(schedule="", network="map"))
    network.shape = (9, 9, 4)
    with pytest.raises(ValueError, match="no compiled layers"):
        FusedPolicyOverTeachers(3, network, np.random.default_rng(0))
