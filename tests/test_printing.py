"""How figures are printed: at the edges of what is rounded."""

from __future__ import annotations

import math

import pytest

from pipeline.printing import amount, counted, number, percent, points, span, times


def test_percent_has_two_decimals_near_the_ends_and_never_rounds_up_to_all_or_nothing() -> None:
    shares = {1.0: "100%", 0.99996: "99.99%", 0.9996: "99.96%", 0.995: "99.5%", 0.5: "50.0%"}
    shares |= {0.0051: "0.5%", 0.0004: "0.04%", 0.00001: "0.01%", 0.0: "0%"}
    assert [percent(share) for share in shares] == list(shares.values())
    assert span(0.25, 1.0) == "25.0–100%"
    assert span(0.7, 0.70001) == "70.0%"


def test_a_difference_keeps_its_sign() -> None:
    assert [points(share) for share in (0.013, -0.0131, -0.0004, 0.0)] == ["+1.3", "−1.3", "−0.04", "0.0"]


def test_a_multiple_may_be_open_at_either_end() -> None:
    ends = [(2.7, 3.31), (3.0, math.inf), (0.0, 0.1), (0.0, math.inf)]
    assert [times(*each) for each in ends] == ["2.7 to 3.3", "at least 3.0", "at most 0.1", "any number of"]


def test_undecided_cases_are_counted_in_the_whole_only() -> None:
    assert counted([1, 0, -1, 1], "more", "fewer") == "more in 2 and fewer in 1 of 4"


@pytest.mark.parametrize(
    ("steps", "words"),
    [(999, "999"), (1000, "1K"), (99_999, "100K"), (100_000, "0.10M"), (2_345_678, "2.35M"), (math.inf, "never")],
)
def test_steps_are_short(steps: float, words: str) -> None:
    assert amount(steps, "env_steps") == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(4.25, "4.2 s"), (119.9, "119.9 s"), (120, "2.0 min"), (210, "3.5 min")]
)
def test_seconds_become_minutes_after_two(seconds: float, words: str) -> None:
    assert amount(seconds, "seconds") == words


def test_numbers_have_as_many_digits_as_say_something() -> None:
    assert [number(value) for value in (12_345.4, 3.21, 0.0173)] == ["12,345", "3.2", "0.017"]
