"""The few statistics that evaluation and report share: intervals for a proportion, and robust means over seeds.

scipy is imported only where a bootstrap is drawn, because it takes longer to load than most stages need to start.
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
