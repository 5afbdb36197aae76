"""How figures are printed: the same figure reads alike on the page, in tables and in benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Axis = Literal["env_steps", "seconds"]
"""What training is measured in."""


def percent(share: float) -> str:
    """A share in percent: one decimal, and two within half a point of 0 and 100%.

    Only what is exactly all or nothing is `100%` or `0%`.
    """
    points = round(100 * share, 9)
    if points in (0, 100):
        return f"{points:.0f}%"
    return f"{points:.1f}%" if 0.5 <= points <= 99.5 else f"{min(max(points, 0.01), 99.99):.2f}%"


def span(low: float, high: float) -> str:
    """Two shares, the ends of an interval or of a range: `97.3–98.8%`, or one where they print the same."""
    ends = percent(low), percent(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0].rstrip('%')}–{ends[1]}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign: `+1.3`, `−0.4`, `0.0`; `−0.04` keeps its sign."""
    rounded = round(100 * difference, 1 if abs(difference) >= 0.0005 else 2)
    return f"{rounded:+}".replace("-", "−") if rounded else "0.0"


def times(low: float, high: float) -> str:
    """An interval of a multiple: `2.7 to 3.3`; 0 and infinity are open ends: `at least 3.0`."""
    if math.isinf(high):
        return f"at least {low:.1f}" if low > 0 else "any number of"
    return f"{low:.1f} to {high:.1f}" if low > 0 else f"at most {high:.1f}"


def counted(sides: Sequence[int], above: str, below: str) -> str:
    """How often an interval decides, and how: `more in 8 and fewer in 1 of 16`; `sides` as of `Estimate.side`."""
    return f"{above} in {sides.count(1)} and {below} in {sides.count(-1)} of {len(sides)}"


def amount(x: float, axis: Axis) -> str:
    """A number of steps or seconds, short: `0.21M`, `35K`, `4.2 s`, `3.5 min`; infinity is `never`."""
    if math.isinf(x):
        return "never"
    if axis == "seconds":
        return f"{x:.1f} s" if x < 120 else f"{x / 60:.1f} min"
    return f"{x / 1e6:.2f}M" if x >= 1e5 else f"{x / 1e3:.0f}K" if x >= 1e3 else f"{x:.0f}"


def number(value: float) -> str:
    """A count or an amount with as many digits as say something: `12,345`, `3.2`, `0.017`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"
