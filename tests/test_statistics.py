"""Wilson intervals against values worked out by hand, and the interquartile mean against a slow reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_ind

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


def test_a_difference_of_means_and_its_interval_by_hand() -> None:
    # Means 2 and 6, variances 1 and 1, so the squared error is 1/3 + 1/3. Welch's degrees of freedom are
    # (2/3)^2 / (2 * (1/3)^2 / 2) = 4, where a table has t = 2.776445: half a width of 2.776445 * sqrt(2/3) = 2.266958.
    difference, low, high = difference_interval(np.array([1.0, 2, 3]), np.array([5.0, 6, 7]))
    assert difference == -4
    assert (low, high) == pytest.approx((-6.266958, -1.733042), abs=1e-6)


def test_the_interval_of_a_difference_matches_scipys() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1.0, 0.1, 4), rng.normal(0.5, 0.3, 7)
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.9)
    assert difference_interval(first, second, 0.9)[1:] == pytest.approx((expected.low, expected.high))


def test_a_difference_that_does_not_vary_and_groups_without_variance() -> None:
    assert difference_interval(np.full(3, 0.75), np.full(5, 0.5)) == (0.25, 0.25, 0.25)
    with pytest.raises(ValueError, match="at least two"):
        difference_interval(np.array([1.0, 2.0]), np.array([1.0]))


@pytest.mark.parametrize("spread", [1.0, 5.0])
def test_the_interval_of_a_difference_keeps_its_level_with_three_seeds_each(spread: float) -> None:
    rng = np.random.default_rng(1)
    draws = 2000
    first, second = rng.normal(0.0, 1.0, (draws, 3)), rng.normal(2.0, spread, (draws, 3))
    intervals = [difference_interval(a, b)[1:] for a, b in zip(first, second, strict=True)]
    covered = np.mean([low <= -2 <= high for low, high in intervals])
    assert 0.93 <= covered <= 1.0
