"""The few statistics that evaluation and report share: intervals that hold for few students and keep to their scale.

A share's interval is Wilson's throughout, with Student's t in place of the normal quantile where the spread is known
from a few students only; a difference of shares puts two of them together (Newcombe). So no end leaves what is
possible. scipy is imported only where it is needed, because it takes longer to load than most stages need to start.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np


def wilson_interval(
    successes: float, n: float, freedom: float = math.inf, confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson's score interval for a proportion; unlike the normal one it keeps its level near 0 and 1.

    successes, n  counts; n may be an effective, fractional number of trials
    freedom       degrees of freedom that n was estimated with, for the quantile of Student's t; infinite: n is known
    Returns (low, high) in [0, 1]. Raises ValueError unless 0 <= successes <= n, n > 0 and 0 < confidence < 1.
    """
    if not (0 < n < math.inf and 0 <= successes <= n):
        raise ValueError(f"wanted 0 <= successes <= n and n > 0, got {successes} of {n}")
    low, high = _score_interval(np.array(successes / n), np.array(1 / n), _quantile(freedom, confidence))
    return float(low), float(high)


def _score_interval(share: np.ndarray, one_nth: np.ndarray, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of shares of n trials, as arrays of one shape; `one_nth` is 1 / n, and 0 for endless n."""
    square = quantile * quantile * one_nth
    half = quantile * np.sqrt(share * (1 - share) * one_nth + square * one_nth / 4)
    low, high = ((share + square / 2 + sign * half) / (1 + square) for sign in (-1, 1))
    # At the ends the formula is exactly 0 and 1, but for rounding.
    return np.where(share > 0, np.clip(low, 0, 1), 0.0), np.where(share < 1, np.clip(high, 0, 1), 1.0)


def _quantile(freedom: float, confidence: float) -> float:
    """What an interval of this confidence reaches to either side, in standard errors."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if math.isinf(freedom):
        return NormalDist().inv_cdf(0.5 + confidence / 2)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))


def share_interval(values: np.ndarray) -> tuple[float, float]:
    """A 95% interval for the share of successes that new students reach on new layouts.

    values  float[students, layouts], success of each student on each layout, in [0, 1]; one student: of that student

    Wilson's with `effective_episodes`, and t with one degree of freedom less than students. Where nothing varies the
    layouts alone are the trials. Returns (low, high) in [0, 1].
    """
    effective = effective_episodes(values)
    freedom = math.inf if values.min() == values.max() else _freedom(values)
    return wilson_interval(float(values.mean()) * effective, effective, freedom)


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """A 95% t interval for the mean that new students reach on new layouts, within the range of the values seen.

    values  float[students, layouts]; one student: for the mean of that student
    """
    if values.size < 2:
        return float(values.mean()), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(effective_episodes(values))
    half = _quantile(_freedom(values), 0.95) * error
    return max(values.mean() - half, values.min()), min(values.mean() + half, values.max())


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
    """95% intervals for the mean share that new students reach, from each student's own share.

    values  float[students, points] in [0, 1]
    Returns (low, high), float[points] each; of one student both are its values.
    """
    students = len(values)
    if students < 2:
        return values[0], values[0]
    return _score_interval(values.mean(0), _one_nth(values), _quantile(students - 1, 0.95))


def _one_nth(values: np.ndarray) -> np.ndarray:
    """1 / n of the n trials that the mean of shares (float[students, ...]) is worth, by their variance; 0: endless."""
    mean = values.mean(0)
    trial = mean * (1 - mean)  # the variance of a single trial
    return np.divide(values.var(0, ddof=1) / len(values), trial, out=np.zeros_like(mean), where=trial > 0)


def difference_interval(first: np.ndarray, second: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """The difference of two groups' mean shares (first - second) and its interval, which stays within [-1, 1].

    first, second  float[students], each student's own share in [0, 1]

    Newcombe's hybrid of two score intervals (Statistics in Medicine 17, 1998, method 10) with Welch's degrees of
    freedom; far from 0 and 1, and where students vary little, it is Welch's interval.
    Returns (difference, low, high); where neither group varies both ends are the difference itself. Raises ValueError
    for a group of less than two, which has no variance.
    """
    groups = [np.asarray(group, np.float64) for group in (first, second)]
    if any(len(group) < 2 for group in groups):
        raise ValueError("wanted at least two values in each group")
    p, q = (float(group.mean()) for group in groups)
    errors = [float(group.var(ddof=1)) / len(group) for group in groups]  # squared standard errors of the means
    if sum(errors) == 0:
        return p - q, p - q, p - q
    # Welch-Satterthwaite
    freedom = sum(errors) ** 2 / sum(e * e / (len(group) - 1) for e, group in zip(errors, groups, strict=True))
    quantile = _quantile(freedom, confidence)
    (p_low, p_high), (q_low, q_high) = (_score_interval(group.mean(0), _one_nth(group), quantile) for group in groups)
    return p - q, p - q - math.hypot(p - p_low, q_high - q), p - q + math.hypot(p_high - p, q - q_low)


def ratio_interval(
    numerator: tuple[np.ndarray, np.ndarray], denominator: tuple[np.ndarray, np.ndarray], confidence: float = 0.95
) -> tuple[float, float]:
    """An interval for how many times as large one group's values are as another's, exact for any number of students.

    numerator, denominator  (least, most), float[students] each: the bounds between which each student's value is
                            known to lie. `least` is finite and not negative, `most` positive; infinite: no bound

    The ratios by which the rank-sum test (Mann-Whitney) would not tell the groups apart: with all pairs' ratios in
    order, as many are left out at each end as the test's distribution allows (Hodges-Lehmann). Returns (low, high),
    (0, inf) for groups that are too small for the confidence: three and three are, for 95%.
    """
    pairs = len(numerator[0]) * len(denominator[0])
    with np.errstate(divide="ignore"):
        low, high = (np.sort((numerator[end][:, None] / denominator[1 - end]).ravel()) for end in (0, 1))
    tail = (1 - confidence) / 2 + 1e-12  # but for rounding
    dropped = np.searchsorted(_rank_sum(len(numerator[0]), len(denominator[0])), tail, side="right")
    if dropped == 0:
        return 0.0, math.inf
    return float(low[dropped - 1]), float(high[pairs - dropped])


def _rank_sum(first: int, second: int) -> np.ndarray:
    """Probabilities that the Mann-Whitney statistic of two groups is at most 0, 1, ..., where they don't differ."""
    counts = np.zeros(first * second + 1)
    counts[0] = 1
    for i in range(1, first + 1):  # the Gaussian binomial coefficient: times (1 - x^(second + i)), over (1 - x^i)
        counts[second + i :] -= counts[: -(second + i)].copy()
        for k in range(i, len(counts)):
            counts[k] += counts[k - i]
    return np.cumsum(counts) / counts.sum()


def upper_median(values: np.ndarray) -> float:
    """The median; of an even number of values the upper of the two in the middle, so that infinity is no trouble."""
    return float(np.sort(values)[len(values) // 2])
