"""Intervals of 95% that hold for few students: of a share, a mean, a difference and a ratio.

The quantiles and Welch's interval are scipy's. What scipy has for shares takes whole numbers of independent trials
(`binomtest`), and a bootstrap gives students who all succeed an interval of no width; so Wilson's interval and its
number of trials are worked out here. scipy is imported only where it is needed, because it takes longer to load than
most stages need to start.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from statistics import median_high

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95% interval."""

    value: float
    low: float
    high: float

    def side(self, other: float | Estimate) -> int:
        """1 if the whole interval lies above a level, or above another's interval; -1 if below; 0 if they meet."""
        low, high = (other.low, other.high) if isinstance(other, Estimate) else (other, other)
        return int(self.low > high) - int(self.high < low)


def _quantile(freedom: float) -> float:
    """What an interval reaches to either side in standard errors: Student's t; the normal one for infinite freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + CONFIDENCE / 2))


def wilson_interval(successes: float, n: float, freedom: float = math.inf) -> Estimate:
    """Wilson's score interval for a proportion; unlike the normal one it keeps its level near 0 and 1.

    successes, n  counts; n may be an effective, fractional number of trials
    freedom       degrees of freedom that n was estimated with, for the quantile of Student's t; infinite: n is known
    Raises ValueError unless 0 <= successes <= n and n > 0.
    """
    if not (0 < n < math.inf and 0 <= successes <= n):
        raise ValueError(f"wanted 0 <= successes <= n and n > 0, got {successes} of {n}")
    share, square = successes / n, _quantile(freedom) ** 2 / n
    half = math.sqrt(share * (1 - share) * square + square * square / 4)
    low, high = ((share + square / 2 + sign * half) / (1 + square) for sign in (-1, 1))
    # At the ends the formula is exactly 0 and 1, but for rounding.
    return Estimate(share, max(low, 0.0) if share > 0 else 0.0, min(high, 1.0) if share < 1 else 1.0)


def share_interval(values: np.ndarray) -> Estimate:
    """The share of successes that new students reach on new layouts.

    values  float[students, layouts], success of each student on each layout, in [0, 1]; one student: of that student

    Wilson's interval with `effective_episodes`, and t with one degree of freedom less than students. Where nothing
    varies the layouts alone are the trials.
    """
    effective = effective_episodes(values)
    freedom = math.inf if values.min() == values.max() else _freedom(values)
    return wilson_interval(float(values.mean()) * effective, effective, freedom)


def mean_interval(values: np.ndarray) -> Estimate:
    """The mean that new students reach on new layouts, by Student's t within the range of the values seen.

    values  float[students, layouts]; one student: for the mean of that student
    """
    mean = float(values.mean())
    if values.size < 2:
        return Estimate(mean, mean, mean)
    half = _quantile(_freedom(values)) * float(values.std(ddof=1)) / math.sqrt(effective_episodes(values))
    return Estimate(mean, max(mean - half, float(values.min())), min(mean + half, float(values.max())))


def _freedom(values: np.ndarray) -> int:
    """Degrees of freedom of float[students, layouts]: those of the students, of which there are fewer."""
    return max(1, (len(values) if len(values) > 1 else values.size) - 1)


def effective_episodes(values: np.ndarray) -> float:
    """How many independent episodes float[students, layouts] is worth: their number over the design effect.

    All students play the same layouts, so episodes are independent neither within a student nor within a layout. The
    variance of the mean over new students and new layouts is what students' means have, plus what layouts' means have,
    less what chance in single episodes adds to both (two-way analysis of variance with random effects). The design
    effect is that over the variance if all episodes were independent; never less than one. Where nothing varies it
    can't be told, and every layout counts once.
    """
    students, layouts = values.shape
    if values.min() == values.max():
        return float(layouts)
    independent = values.var(ddof=1) / values.size
    of_students, of_layouts = values.mean(1), values.mean(0)
    variance = sum(float(means.var(ddof=1)) / len(means) for means in (of_students, of_layouts) if len(means) > 1)
    if students > 1 and layouts > 1:
        rest = values - of_students[:, None] - of_layouts + values.mean()
        variance -= float((rest**2).sum()) / ((students - 1) * (layouts - 1) * values.size)
    return float(values.size / max(1.0, variance / independent))


def students_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """t intervals for the mean share that new students reach, at each of some points; the band of a learning curve.

    values  float[students, points] in [0, 1], each student's own
    Returns (low, high), float[points] each, in [0, 1]; of one student both are its values.
    """
    students, mean = len(values), values.mean(0)
    half = _quantile(students - 1) * values.std(0, ddof=1) / math.sqrt(students) if students > 1 else 0 * mean
    return np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)


def difference_interval(first: np.ndarray, second: np.ndarray) -> Estimate:
    """The difference of two groups' means, first - second, by Welch's t.

    first, second  float[students], each student's own figure; at least two each
    Where neither group varies both ends are the difference itself.
    """
    difference = float(np.mean(first) - np.mean(second))
    if np.ptp(first) == np.ptp(second) == 0:
        return Estimate(difference, difference, difference)
    from scipy.stats import ttest_ind

    found = ttest_ind(first, second, equal_var=False).confidence_interval(CONFIDENCE)
    return Estimate(difference, float(found.low), float(found.high))


def ratio_interval(numerator: tuple[np.ndarray, np.ndarray], denominator: tuple[np.ndarray, np.ndarray]) -> Estimate:
    """How many times as large one group's figures are as another's, exact for any number of students.

    numerator, denominator  (least, most), float[students] each: the bounds between which each student's figure is
                            known to lie. `least` is finite and not negative, `most` positive; infinite: no bound

    The value is the ratio of the upper medians of `most`. The interval has the ratios by which the rank-sum test
    (Mann-Whitney) would not tell the groups apart: with all pairs' ratios in order, as many are left out at each end as
    the test's distribution allows (Hodges-Lehmann). It is (0, inf) for groups too small for 95%: three and three are.
    """
    first, second = len(numerator[0]), len(denominator[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (np.sort((numerator[end][:, None] / denominator[1 - end]).ravel()) for end in (0, 1))
        value = float(np.divide(median_high(numerator[1]), median_high(denominator[1])))
    at_most = itertools.accumulate(_orders(u, first, second) for u in range(first * second + 1))
    dropped = sum(count <= (1 - CONFIDENCE) / 2 * math.comb(first + second, first) for count in at_most)
    return Estimate(value, *((float(low[dropped - 1]), float(high[-dropped])) if dropped else (0.0, math.inf)))


@cache
def _orders(u: int, first: int, second: int) -> int:
    """In how many orders of two groups the first one's value is the larger in u pairs (Mann and Whitney 1947)."""
    if u < 0 or first == 0 or second == 0:
        return int(u == 0)
    return _orders(u - second, first - 1, second) + _orders(u, first, second - 1)
