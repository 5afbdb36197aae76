"""Intervals by hand, beside scipy's where scipy has the same, and by how often they hold what they should."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binomtest, mannwhitneyu
from scipy.stats import t as students_t

from pipeline.statistics import (
    Estimate,
    _orders,
    difference_interval,
    effective_episodes,
    mean_interval,
    ratio_interval,
    share_interval,
    students_interval,
    wilson_interval,
)


def ends(found: Estimate) -> tuple[float, float]:
    return found.low, found.high


def test_an_interval_lies_above_below_or_on_a_level_or_another_interval() -> None:
    found = Estimate(0.5, 0.4, 0.6)
    assert [found.side(level) for level in (0.39, 0.4, 0.6, 0.61)] == [1, 0, 0, -1]
    others = (Estimate(0.3, 0.2, 0.39), Estimate(0.3, 0.2, 0.4), Estimate(0.7, 0.6, 0.8), Estimate(0.7, 0.61, 0.8))
    assert [found.side(other) for other in others] == [1, 0, 0, -1]


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
    assert wilson_interval(successes, n).value == successes / n
    assert ends(wilson_interval(successes, n)) == pytest.approx((low, high), abs=1e-6)


def test_wilson_matches_scipy() -> None:
    expected = binomtest(964, 1000).proportion_ci(method="wilson")
    assert ends(wilson_interval(964, 1000)) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("freedom", "quantile"), [(math.inf, 1.959964), (2, 4.302653), (4, 2.776445)])
def test_wilson_ends_solve_the_score_equation(freedom: float, quantile: float) -> None:
    """Quantiles of the normal and of Student's t, as tables have them for 95%."""
    for end in ends(wilson_interval(37, 120, freedom)):
        assert abs(37 / 120 - end) == pytest.approx(quantile * math.sqrt(end * (1 - end) / 120), rel=1e-6)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int) -> None:
    with pytest.raises(ValueError):
        wilson_interval(successes, n)


LAYOUTS = 1000


def simulated(students: int, share: float, of_students: float, of_layouts: float, times: int) -> np.ndarray:
    """Success bool[times, students, layouts] whose expectation is `share`.

    of_students, of_layouts  standard deviations of what a student, and a layout, adds to the log-odds of success
    """
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = math.hypot(of_students, of_layouts)

    def excess(centre: float) -> float:
        return float(weights @ expit(centre + spread * points) / weights.sum()) - share

    rng = np.random.default_rng([students, round(1000 * share)])
    centre = brentq(excess, -50, 50)
    by_student = rng.normal(centre, of_students, (times, students, 1))
    odds = by_student + rng.normal(0, of_layouts, (times, 1, LAYOUTS))
    return rng.random(odds.shape) < expit(odds)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("students", [3, 5])
@pytest.mark.parametrize(("of_students", "of_layouts"), [(0, 0), (0.5, 0), (0, 2), (0.5, 2)])
def test_the_interval_of_few_students_holds_what_new_ones_reach(
    students: int, share: float, of_students: float, of_layouts: float
) -> None:
    """The students may differ, or the layouts, or both; a normal quantile would hold it in 80% with three students."""
    intervals = [
        share_interval(each.astype(np.float64)) for each in simulated(students, share, of_students, of_layouts, 300)
    ]
    assert np.mean([found.low <= share <= found.high for found in intervals]) >= 0.93


def failing(*failures: int, layouts: int = LAYOUTS) -> np.ndarray:
    """Students who fail on so many layouts, each on layouts of their own."""
    success = np.ones((len(failures), layouts))
    start = 0
    for student, count in enumerate(failures):
        success[student, start : start + count] = 0
        start += count
    return success


def test_near_perfect_students_have_a_narrow_interval() -> None:
    # 5000 episodes and t = 2.776445 with 4 degrees of freedom, t^2 = 7.708646: centre 0.998834, half 0.001101.
    assert ends(share_interval(failing(1, 0, 0, 1, 0))) == pytest.approx((0.997732, 0.999930), abs=1e-6)
    assert share_interval(failing(0, 0, 1)).low > 0.993
    # Where none fails it can't be told whether layouts are alike for all: 1000 / (1000 + 1.959964^2).
    assert ends(share_interval(failing(0, 0, 0, 0, 0))) == pytest.approx((0.996173, 1.0), abs=1e-6)


def test_one_student_is_judged_by_layouts_alone() -> None:
    assert share_interval(failing(20, layouts=100)) == wilson_interval(80, 100, freedom=99)


def test_effective_episodes_by_hand() -> None:
    # Each student fails on layouts of their own: nothing but chance, so all 300 episodes count.
    assert effective_episodes(failing(10, 10, 10, layouts=100)) == 300
    # All fail on the same: layouts' means vary by 0.09 * 100/99 / 100, independent episodes by 0.09 * 300/299 / 300.
    alike = np.repeat(failing(10, layouts=100), 3, axis=0)
    assert effective_episodes(alike) == pytest.approx(300 * (0.09 / 299) / (0.09 / 99))
    # Students at 80, 90 and 100%: their means' variance is 0.01 / 3, to which layouts add, less chance in both.
    apart = failing(20, 10, 0, layouts=100)
    layouts = apart.mean(0).var(ddof=1) / 100
    rest = apart - apart.mean(1, keepdims=True) - apart.mean(0) + apart.mean()
    chance = (rest**2).sum() / (2 * 99) / 300
    assert effective_episodes(apart) == pytest.approx(300 * (0.09 / 299) / (0.01 / 3 + layouts - chance))
    assert effective_episodes(np.ones((3, 10))) == 10


def test_the_mean_of_few_students_has_a_t_interval_within_what_was_seen() -> None:
    # Each student's episodes are all alike: 10, 11 and 12. Half is 4.302653 (t, 2 degrees) * 1 / sqrt(3) = 2.484.
    assert mean_interval(np.repeat([[10.0], [11.0], [12.0]], 50, axis=1)) == Estimate(11, 10, 12)
    wide = np.concatenate(
        [np.repeat([[10.0], [11.0], [12.0]], 50, axis=1), np.full((3, 1), 0.0), np.full((3, 1), 22.0)], 1
    )
    low, high = ends(mean_interval(wide))
    assert high - low == pytest.approx(2 * 4.302653 * wide.std(ddof=1) / math.sqrt(effective_episodes(wide)), rel=1e-6)
    assert mean_interval(np.array([[7.0]])) == Estimate(7, 7, 7)


def test_a_band_over_students_is_scipys_t_interval_between_0_and_1() -> None:
    values = np.array([[0.2, 1.0, 0.5, 0.80], [0.4, 1.0, 0.5, 0.99], [0.6, 1.0, 0.5, 1.0]])
    low, high = students_interval(values)
    expected = students_t.interval(0.95, 2, values[:, 3].mean(), values[:, 3].std(ddof=1) / math.sqrt(3))
    assert (low[1:3].tolist(), high[1:3].tolist()) == ([1.0, 0.5], [1.0, 0.5])
    assert low[0] == 0  # 0.4 - 4.302653 * 0.2 / sqrt(3) lies below
    assert high[0] == pytest.approx(0.4 + 4.302653 * 0.2 / math.sqrt(3))
    assert (low[3], high[3]) == (pytest.approx(expected[0]), 1.0)
    assert [end.tolist() for end in students_interval(np.array([[0.1, 0.9]]))] == [[0.1, 0.9]] * 2


def test_a_difference_of_means_and_its_interval_by_hand() -> None:
    # Means 0.3 and 0.6, variances 0.01: errors 0.01/3 each, Welch's degrees of freedom 4, t = 2.776445.
    found = difference_interval(np.array([0.2, 0.3, 0.4]), np.array([0.5, 0.6, 0.7]))
    assert found.value == pytest.approx(-0.3)
    assert ends(found) == pytest.approx((-0.3 - 2.776445 * math.sqrt(0.02 / 3), -0.3 + 2.776445 * math.sqrt(0.02 / 3)))
    assert difference_interval(np.full(3, 0.75), np.full(5, 0.5)) == Estimate(0.25, 0.25, 0.25)


@pytest.mark.parametrize("students", [3, 5])
@pytest.mark.parametrize(
    ("first", "second"),
    [((0.5, 0.1), (0.5, 0.1)), ((0.9, 0.05), (0.6, 0.15)), ((0.95, 0.02), (0.97, 0.01)), ((0.99, 0.005), (0.98, 0.01))],
)
def test_the_interval_of_a_difference_keeps_its_level(
    students: int, first: tuple[float, float], second: tuple[float, float]
) -> None:
    """Students' success is drawn from beta distributions of given mean and standard deviation."""
    rng = np.random.default_rng(1)

    def drawn(mean: float, spread: float) -> np.ndarray:
        size = mean * (1 - mean) / spread**2 - 1
        return rng.beta(mean * size, (1 - mean) * size, (1000, students))

    intervals = [difference_interval(a, b) for a, b in zip(drawn(*first), drawn(*second), strict=True)]
    assert np.mean([found.low <= first[0] - second[0] <= found.high for found in intervals]) >= 0.92


def known(*values: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array(values), np.array(values)


def test_a_ratio_leaves_out_as_many_pairs_as_the_rank_sum_test_allows() -> None:
    # Of the 252 orders of five and five, 4 have a statistic of at most 2, and 7 of at most 3: 4/252 < 0.025 < 7/252.
    # So the third of the 25 ratios from either end: 20, 30, 40, 50, 60 over 10, 11, 12, 13, 14.
    ratios = sorted(a / b for a in (20, 30, 40, 50, 60) for b in (10, 11, 12, 13, 14))
    found = ratio_interval(known(20, 30, 40, 50, 60), known(10, 11, 12, 13, 14))
    assert (found.value, *ends(found)) == pytest.approx((40 / 12, ratios[2], ratios[-3]))
    # Of three and three there are 20 orders, each with 5%: no interval of 95%. Of three and five 56: one at each end.
    assert ends(ratio_interval(known(2, 3, 4), known(1, 1, 1))) == (0, math.inf)
    assert ends(ratio_interval(known(2, 3, 4), known(1, 1, 1, 1, 1))) == (2, 4)


@pytest.mark.parametrize(("first", "second"), [(5, 5), (3, 5), (4, 7), (6, 4)])
def test_a_ratio_is_what_the_rank_sum_test_would_not_reject(first: int, second: int) -> None:
    rng = np.random.default_rng(first)
    above, below = rng.lognormal(0.5, 0.6, first), rng.lognormal(0, 0.6, second)
    low, high = ends(ratio_interval(known(*above), known(*below)))
    edges = np.sort((above[:, None] / below).ravel())
    for ratio in (math.sqrt(a * b) for a, b in pairwise([edges[0] / 2, *edges, edges[-1] * 2])):
        kept = mannwhitneyu(above, below * ratio, method="exact").pvalue > 0.05
        assert (low < ratio < high) == kept


def test_a_ratio_keeps_its_level() -> None:
    rng = np.random.default_rng(0)
    draws = rng.lognormal(0, 0.5, (1000, 2, 5))
    intervals = [ratio_interval((3 * a, 3 * a), (b, b)) for a, b in draws]
    assert np.mean([found.low <= 3 <= found.high for found in intervals]) >= 0.93


def test_a_ratio_of_what_is_known_within_bounds() -> None:
    own = known(10, 10, 10, 10, 10)
    never = np.full(5, 40.0), np.full(5, math.inf)  # not within 40
    assert ends(ratio_interval(never, own)) == (4, math.inf)
    assert ends(ratio_interval(own, never)) == (0, 0.25)
    assert ends(ratio_interval(never, never)) == (0, math.inf)
    at_once = np.zeros(5), np.full(5, 8.0)  # within 8, or before
    assert ends(ratio_interval(own, at_once)) == (1.25, math.inf)
    assert ends(ratio_interval(at_once, own)) == (0, 0.8)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 5), (5, 2), (5, 5)])
def test_orders_are_counted_as_if_they_were_all_gone_through(first: int, second: int) -> None:
    orders = combinations(range(first + second), first)
    statistics = [sum(order) - first * (first - 1) // 2 for order in orders]
    expected: Any = [statistics.count(u) for u in range(first * second + 1)]
    assert [_orders(u, first, second) for u in range(first * second + 1)] == expected
