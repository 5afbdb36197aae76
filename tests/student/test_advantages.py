"""Generalised advantage estimation against its definition as an explicit sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.student.advantages import gae


def compute(rewards, terminated, truncated, values, last_values, end_values, gamma, lam):
    advantages = np.full_like(rewards, np.nan)
    gae(rewards, terminated, truncated, values, last_values, end_values, gamma, lam, advantages)
    return advantages


def slow(rewards, terminated, truncated, values, last_values, end_values, gamma, lam):
    """A_t = sum over l of (gamma lambda)^l delta_{t+l}, up to the end of the episode or of the rollout."""
    steps, rows = rewards.shape
    expected = np.zeros((steps, rows))
    for row in range(rows):
        for t in range(steps):
            for s in range(t, steps):
                following = float(values[s + 1, row]) if s + 1 < steps else float(last_values[row])
                if truncated[s, row]:
                    following = float(end_values[s, row])
                if terminated[s, row]:
                    following = 0.0
                delta = float(rewards[s, row]) + gamma * following - float(values[s, row])
                expected[t, row] += (gamma * lam) ** (s - t) * delta
                if terminated[s, row] or truncated[s, row]:
                    break
    return expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 4), st.floats(0, 1), st.floats(0, 1))
def test_against_the_sum(seed, steps, rows, gamma, lam):
    rng = np.random.default_rng(seed)
    rewards, values, end_values = rng.normal(size=(3, steps, rows)).astype(np.float32)
    terminated, truncated = rng.random((2, steps, rows)) < 0.2
    last_values = rng.normal(size=rows).astype(np.float32)
    arguments = (rewards, terminated, truncated, values, last_values, end_values, gamma, lam)
    np.testing.assert_allclose(compute(*arguments), slow(*arguments), rtol=1e-5, atol=1e-5)


def column(*values):
    return np.array(values, np.float32)[:, None]


NEVER = np.zeros((3, 1), bool)
NOTHING = np.zeros((3, 1), np.float32)


def test_by_hand():
    rewards, values, last = column(1, 0, 2), column(0.5, 1, 3), np.array([4], np.float32)
    # deltas with gamma 0.5: 1 + 0.5 - 0.5 = 1; 0 + 1.5 - 1 = 0.5; 2 + 2 - 3 = 1
    one = compute(rewards, NEVER, NEVER, values, last, NOTHING, 0.5, 0.5)
    np.testing.assert_allclose(one[:, 0], [1 + 0.25 * (0.5 + 0.25), 0.5 + 0.25, 1])
    second = np.array([[False], [True], [False]])
    # the second delta loses what follows: 0 - 1; nothing of the third step reaches the first two
    two = compute(rewards, second, NEVER, values, last, NOTHING, 0.5, 0.5)
    np.testing.assert_allclose(two[:, 0], [1 - 0.25, -1, 1])
    # cut off with a value of 6 ahead, the second delta is 0 + 3 - 1 = 2; still nothing of the third step
    six = column(0, 6, 0)
    three = compute(rewards, NEVER, second, values, last, six, 0.5, 0.5)
    np.testing.assert_allclose(three[:, 0], [1 + 0.25 * 2, 2, 1])
    # a step that both ends the task and reaches the horizon ends the task
    np.testing.assert_allclose(compute(rewards, second, second, values, last, six, 0.5, 0.5), two)


@pytest.mark.parametrize("cut", ["terminated", "truncated"])
def test_nothing_is_expected_beyond_an_end(cut):
    """The last step of an episode is worth its reward, whatever the value of the next episode's first state."""
    values, yes, no = column(0.25), np.array([[True]]), np.array([[False]])
    ends = (yes, no) if cut == "terminated" else (no, yes)
    for last in (0, 1, 100):
        advantage = compute(column(1), *ends, values, np.array([last], np.float32), column(0), 0.99, 0.95)
        assert advantage[0, 0] == pytest.approx(0.75)


def test_the_two_extremes():
    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=(2, 6, 3)).astype(np.float32)
    last = rng.normal(size=3).astype(np.float32)
    never, nothing = np.zeros((6, 3), bool), np.zeros((6, 3), np.float32)
    following = np.concatenate([values[1:], last[None]])
    one_step = compute(rewards, never, never, values, last, nothing, 0.9, 0.0)
    np.testing.assert_allclose(one_step, rewards + np.float32(0.9) * following - values, rtol=1e-5, atol=1e-6)
    whole = compute(rewards, never, never, values, last, nothing, 0.9, 1.0)
    returns = sum(0.9**t * rewards[t] for t in range(6)) + 0.9**6 * last
    np.testing.assert_allclose(whole[0] + values[0], returns, rtol=1e-5, atol=1e-6)
