"""The few statistics that evaluation and report share: intervals for a proportion, and robust means over seeds.

scipy is imported only where it is needed, because it takes longer to load than most stages need to start.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion; unlike the normal one it keeps its level near 0 and 1.

    successes, n  counts; n may be an effective, fractional number of trials
    Returns (low, high) in [0, 1]. Raises ValueError unless 0 <= successes <= n, n > 0 and 0 < confidence < 1.
    """
    if not (0 < n < math.inf and 0 <= successes <= n):
        raise ValueError(f"wanted 0 <= successes <= n and n > 0, got {successes} of {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At the ends the formula is exactly 0 and 1, but for rounding.
    low = 0.0 if successes == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes == n else min(1.0, (centre + half) / scale)
    return low, high


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half: a quarter of the values, rounded down, is dropped at each end (as rliable does).

    Below four values none is dropped, and it is the mean. Raises ValueError if the axis is empty.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=axis)
    count = ordered.shape[axis]
    if count == 0:
        raise ValueError("no values to average")
    dropped = count // 4
    return np.take(ordered, np.arange(dropped, count - dropped), axis=axis).mean(axis=axis)


def interquartile_mean_interval(
    values: np.ndarray, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap over the rows (seeds) of `values`, float[seeds, points], for each point's IQM.

    Returns (low, high), float[points] each; with one seed there is nothing to resample and both are its values.
    With three seeds there are only ten different resamples: the interval then shows spread more than certainty.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        centre = interquartile_mean(values, axis=0)
        return centre, centre
    from scipy.stats import bootstrap

    result = bootstrap(
        (values,),
        interquartile_mean,
        axis=0,
        vectorized=True,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return np.asarray(result.confidence_interval.low), np.asarray(result.confidence_interval.high)


def median_ratio_interval(
    numerator: np.ndarray, denominator: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """The ratio of two groups' medians and its percentile bootstrap interval; each group is resampled on its own.

    numerator, denominator  float[seeds]; infinity stands for what never happened
    Returns (ratio, low, high), infinite where the numerator's median is. Raises ValueError unless the median of the
    denominator is finite and positive.
    """
    middle = float(_median(np.asarray(denominator, np.float64)[None])[0])
    if not 0 < middle < math.inf:
        raise ValueError(f"the denominator's median must be finite and positive, got {middle}")
    rng = np.random.default_rng(seed)
    above, below = (
        _median(np.asarray(group, np.float64)[rng.integers(len(group), size=(resamples, len(group)))])
        for group in (numerator, denominator)
    )
    there = ~(np.isinf(above) & np.isinf(below))  # neither happened: nothing to compare
    ratios = np.sort(np.where(np.isinf(below[there]), 0.0, above[there] / below[there]))
    tail = (1 - confidence) / 2
    low, high = (ratios[min(len(ratios) - 1, round(share * (len(ratios) - 1)))] for share in (tail, 1 - tail))
    return float(_median(np.asarray(numerator, np.float64)[None])[0]) / middle, float(low), float(high)


def _median(values: np.ndarray) -> np.ndarray:
    """Median of each row of float[rows, n]; of an even number the upper one, so that infinities are no trouble."""
    return np.sort(values, axis=1)[:, values.shape[1] // 2]


def difference_interval(first: np.ndarray, second: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """The difference of two groups' means (first - second) and Welch's t interval for it.

    A bootstrap over three or five seeds is far too narrow; this keeps its level if seeds are about normal.

    first, second  float[members]
    Returns (difference, low, high); where neither group varies both ends are the difference itself. Raises ValueError
    for a group of less than two, which has no variance.
    """
    groups = [np.asarray(group, np.float64) for group in (first, second)]
    if any(len(group) < 2 for group in groups):
        raise ValueError("wanted at least two values in each group")
    from scipy.special import stdtrit

    difference = float(groups[0].mean() - groups[1].mean())
    errors = [float(group.var(ddof=1)) / len(group) for group in groups]  # squared standard errors of the means
    total = sum(errors)
    if total == 0:
        return difference, difference, difference
    # Welch-Satterthwaite degrees of freedom
    freedom = total**2 / sum(error**2 / (len(group) - 1) for error, group in zip(errors, groups, strict=True))
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * math.sqrt(total)
    return difference, difference - half, difference + half
