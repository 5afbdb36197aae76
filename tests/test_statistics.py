"""Wilson intervals against values worked out by hand, and the interquartile mean against a slow reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.statistics import (
    difference_interval,
    interquartile_mean,
    interquartile_mean_interval,
    median_ratio_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (8, 10, 0.490162, 0.943318),  # z^2 = 3.841459: (0.992073 -+ 0.313617) / 1.384146
        (0, 10, 0.0, 0.277533),  # z^2 / (n + z^2) = 3.841459 / 13.841459
        (10, 10, 0.722467, 1.0),  # n / (n + z^2) = 10 / 13.841459
        (50, 100, 0.403832, 0.596168),
    ],
)
def test_wilson_matches_hand_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=1e-6)


def test_wilson_matches_scipy() -> None:
    expected = binomtest(964, 1000).proportion_ci(method="wilson")
    assert wilson_interval(964, 1000) == pytest.approx((expected.low, expected.high))


def test_wilson_ends_solve_the_score_equation() -> None:
    z = 1.6448536269514722  # 90%
    for end in wilson_interval(37, 120, confidence=0.9):
        assert abs(37 / 120 - end) == pytest.approx(z * math.sqrt(end * (1 - end) / 120))


@pytest.mark.parametrize(("successes", "n", "confidence"), [(1, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError):
        wilson_interval(successes, n, confidence)


def slow_interquartile_mean(values: list[float]) -> float:
    left = sorted(values)
    for _ in range(len(values) // 4):
        left.remove(min(left))
        left.remove(max(left))
    return sum(left) / len(left)


@pytest.mark.parametrize("count", range(1, 14))
def test_interquartile_mean_matches_the_slow_reference(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(3, count))
    assert interquartile_mean(values) == pytest.approx([slow_interquartile_mean(list(row)) for row in values])
    assert interquartile_mean(values.T, axis=0) == pytest.approx(interquartile_mean(values))


def test_interquartile_mean_ignores_one_wild_seed_of_five() -> None:
    assert interquartile_mean(np.array([0.9, 0.91, 0.92, 0.93, 0.0])) == pytest.approx(0.91)
    with pytest.raises(ValueError):
        interquartile_mean(np.array([]))


def test_bootstrap_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    values = np.random.default_rng(0).normal(size=(8, 4)) + np.arange(4)
    low, high = interquartile_mean_interval(values)
    centre = interquartile_mean(values, axis=0)
    assert (low <= centre).all()
    assert (centre <= high).all()
    assert (low < high).all()
    assert interquartile_mean_interval(values)[0] == pytest.approx(low)


def test_bootstrap_of_one_seed_is_that_seed() -> None:
    low, high = interquartile_mean_interval(np.array([[1.0, 2.0]]))
    assert low == pytest.approx([1.0, 2.0])
    assert high == pytest.approx([1.0, 2.0])


def test_the_ratio_of_medians_and_its_interval() -> None:
    ratio, low, high = median_ratio_interval(np.array([20.0, 30, 40, 30, 30]), np.array([10.0, 10, 10, 10, 10]))
    assert ratio == 3
    assert 2 <= low <= 3 <= high <= 4
    assert median_ratio_interval(np.full(3, 6.0), np.full(5, 2.0)) == (3, 3, 3)


def test_a_ratio_to_what_some_never_reach() -> None:
    ratio, low, high = median_ratio_interval(np.array([4.0, 4, 4, np.inf, np.inf]), np.full(5, 2.0))
    assert (ratio, low, high) == (2, 2, np.inf)
    assert median_ratio_interval(np.full(3, np.inf), np.full(3, 2.0))[0] == np.inf
    with pytest.raises(ValueError, match="denominator"):
        median_ratio_interval(np.full(3, 2.0), np.array([1.0, np.inf, np.inf]))


def test_a_difference_of_means_and_its_interval() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1.0, 0.1, 40), rng.normal(0.5, 0.1, 40)
    difference, low, high = difference_interval(first, second)
    assert low < difference < high
    assert difference == pytest.approx(first.mean() - second.mean())
    assert high - low == pytest.approx(2 * 1.96 * 0.1 * (2 / 40) ** 0.5, rel=0.25)
    with pytest.raises(ValueError, match="no values"):
        difference_interval(first, np.array([]))
