"""What the learner hands to its student, iteration by iteration, on a task where all of it is known beforehand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from recording import Clock, Recorder, is_cut_off, labels_at, length_of

from pipeline.params import Schedule, Train
from pipeline.student.learner import Learner, Phase
from pipeline.student.methods.method import get_method

SCHEDULE = Schedule(
    envs=5, horizon=8, epochs=3, minibatch=10, lr=8e-3, lr_end=2e-3, entropy=0.4, entropy_end=0.1, value=0.6,
    gamma=0.5, gae=0.25, epsilon=1e-4, clip=0.3, grad_norm=0.7, distance="wasserstein", lambda_0=2.0, lambda_c=0.5,
    i1=1, i2=2, finetune=2,
)  # fmt: skip
TRAIN = Train(schedule="")
ROWS = SCHEDULE.steps
LABELLED = (0, 2)
"""The steps of an episode that have a label."""


def method_for(labels):
    return get_method("rl" if labels is None else "llm4teach")


def learned(phase="train", seed=0, task=None, **changes):
    """A learner at the end of a phase; its student has recorded every update, and `rows` is its curve."""
    schedule = SCHEDULE.model_copy(update=changes)
    labels = labels_at(*LABELLED) if phase == "train" else None
    one = Learner(
        task or Clock(), method_for(labels), TRAIN, schedule, Phase.of(phase, schedule), Recorder, labels, seed
    )
    rows = []
    while not one.done:
        rows.append(one.iterate())
    return SimpleNamespace(learner=one, student=one.student, rows=rows, updates=one.student.updates)


def shaped(update):
    """An update's columns as [steps, environments]: time, layout, and those of the rollout."""
    rollout = update.rollout
    shape = (SCHEDULE.horizon, SCHEDULE.envs)
    time, layout = rollout.features["seen"].reshape(*shape, 2).transpose(2, 0, 1)
    names = ("actions", "log_probs", "advantages", "returns", "labelled")
    columns = {name: getattr(rollout, name).reshape(shape) for name in names}
    return SimpleNamespace(time=time, layout=layout, ended=time + 1 == length_of(layout), **columns)


def test_every_setting_of_the_schedule_arrives():
    settings = [update.settings for phase in ("train", "finetune") for update in learned(phase).updates]
    assert [s.learning_rate for s in settings] == pytest.approx([8e-3, 6e-3, 4e-3, 2e-3])
    assert [s.entropy for s in settings] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert [s.teacher for s in settings] == [2.0, 0.5, 0, 0]
    for s in settings:
        assert (s.minibatch, s.clip, s.grad_norm, s.value, s.distance) == (10, 0.3, 0.7, 0.6, "wasserstein")
        assert (s.epsilon, s.policy) == (1e-4, 1)


def test_each_epoch_has_an_order_of_its_own():
    orders = np.concatenate([update.orders for phase in ("train", "finetune") for update in learned(phase).updates])
    assert orders.shape == (4 * SCHEDULE.epochs, ROWS)
    np.testing.assert_array_equal(np.sort(orders), np.tile(np.arange(ROWS), (len(orders), 1)))
    assert len({tuple(order) for order in orders.tolist()}) == len(orders)


def test_rows_are_the_steps_in_their_order():
    """Each environment's time goes on from row to row and from iteration to iteration, and begins anew at an end."""
    updates = learned().updates
    time, ended, layout = (
        np.concatenate([getattr(shaped(update), name) for update in updates]) for name in ("time", "ended", "layout")
    )
    np.testing.assert_array_equal(time[0], 0)
    np.testing.assert_array_equal(time[1:], np.where(ended[:-1], 0, time[:-1] + 1))
    np.testing.assert_array_equal(layout[1:] == layout[:-1], ~ended[:-1])
    assert {update.rollout.steps for update in updates} == {SCHEDULE.horizon}
    assert not ended[SCHEDULE.horizon - 1].all()  # some episodes do go on over the end of an iteration


def test_a_memory_takes_in_each_observation_once_and_ends_with_its_episode():
    for update in learned().updates:
        features = update.rollout.features
        np.testing.assert_array_equal(features["remembered"], features["seen"][:, 0] + 1)


def test_the_next_phase_goes_on_with_the_same_episodes():
    """Their worlds, what the student remembers of them, and their age."""
    taught = learned()
    (last, alone) = (
        taught.updates[-1],
        Learner(Clock(), method_for(None), TRAIN, SCHEDULE, Phase.of("finetune", SCHEDULE), Recorder, None, 0),
    )
    alone.load_environments(taught.learner.environments())
    assert alone.iterate()["episodes"] > 0  # they are 16 steps old, and none of them is younger than the horizon
    (update,) = alone.student.updates
    before, after = shaped(last), shaped(update)
    np.testing.assert_array_equal(after.time[0], np.where(before.ended[-1], 0, before.time[-1] + 1))
    np.testing.assert_array_equal(after.layout[0] == before.layout[-1], ~before.ended[-1])
    np.testing.assert_array_equal(update.rollout.features["remembered"], after.time.ravel() + 1)


def test_actions_are_drawn_anew_in_each_step():
    for phase in ("train", "finetune"):
        updates = learned(phase).updates
        draws = np.concatenate([update.rollout.log_probs for update in updates])
        assert len(np.unique(draws)) == len(draws)
        for update in updates:
            np.testing.assert_array_equal(update.rollout.actions, (update.rollout.log_probs * 3).astype(int))


def test_every_seed_and_phase_has_chances_of_its_own():
    runs = [learned(phase, seed) for seed in (0, 1) for phase in ("train", "finetune")]
    for of in (lambda update: update.rollout.log_probs, lambda update: update.orders[0]):
        firsts = {tuple(of(run.updates[0]).tolist()) for run in runs}
        assert len(firsts) == len(runs)
    assert len({run.student.first for run in runs}) == 2  # the first weights are the seed's


@pytest.mark.parametrize("truncation", ["terminal", "bootstrap"])
def test_advantages_and_returns(truncation):
    """A sum over what is left of the episode, or of the rollout and the value of the state after it."""
    decay = SCHEDULE.gamma * SCHEDULE.gae
    for phase in ("train", "finetune"):
        for update in learned(phase, truncation=truncation).updates:
            s = shaped(update)
            values = 1 + s.time / 2  # it remembers the observations of the episode, of which there is one more
            following = 1 + (s.time + 1) / 2
            following[s.ended if truncation == "terminal" else s.ended & ~is_cut_off(s.layout)] = 0
            deltas = s.actions + SCHEDULE.gamma * following - values
            expected = np.zeros_like(deltas)
            for t, row in np.ndindex(deltas.shape):
                left = np.flatnonzero(s.ended[t:, row])
                end = t + left[0] + 1 if len(left) else len(deltas)
                expected[t, row] = sum(decay ** (k - t) * deltas[k, row] for k in range(t, end))
            np.testing.assert_allclose(s.advantages, expected, rtol=1e-5)
            np.testing.assert_allclose(s.returns, expected + values, rtol=1e-5)


def test_the_teacher_speaks_of_the_state_that_was_acted_in():
    seen = set()
    for update in learned().updates:
        rollout = update.rollout
        for (time, layout), teacher, labelled in zip(
            rollout.features["seen"], rollout.teacher, rollout.labelled, strict=True
        ):
            seen.add(int(time))
            assert labelled == (time in LABELLED)
            expected = np.zeros(3)
            if labelled:
                expected[(time + layout) % 3] = 0.75
                expected[0] += 0.25  # no usable answer idles
            np.testing.assert_array_equal(teacher, expected)
    assert seen > set(LABELLED)


def test_the_curve_is_of_the_episodes_that_ended():
    """From the iteration on in which no environment is younger than the task's horizon of 9 steps: the third."""
    one = learned(envs=7, minibatch=14, i2=4)
    actions, time, layout = (
        np.concatenate([of(update.rollout).reshape(SCHEDULE.horizon, 7) for update in one.updates])
        for of in (lambda r: r.actions, lambda r: r.features["seen"][:, 0], lambda r: r.features["seen"][:, 1])
    )
    ended = time + 1 == length_of(layout)
    for k, row in enumerate(one.rows):
        ends = [(t, env) for t, env in np.argwhere(ended) if t // SCHEDULE.horizon == k]
        assert len(ends) > 5
        assert row["label_miss_rate"] == np.mean(~np.isin(time[8 * k : 8 * k + 8], LABELLED))
        assert row["episodes"] == (len(ends) if k >= 2 else 0)
        if k < 2:
            assert np.isnan([row["episode_length"], row["success"], row["episode_return"]]).all()
            continue
        assert row["episode_length"] == pytest.approx(np.mean([time[end] + 1 for end in ends]))
        assert row["success"] == pytest.approx(np.mean([actions[end] == 2 for end in ends]))
        sums = [actions[t - time[t, env] : t + 1, env].sum() for t, env in ends]
        assert row["episode_return"] == pytest.approx(np.mean(sums))


def test_it_learns_on_training_layouts_with_the_labels_it_is_given():
    task = Clock()
    learned(task=task)
    ((size, _, labels, split),) = task.asked
    assert (size, labels, split) == (SCHEDULE.envs, labels_at(*LABELLED), "train")
