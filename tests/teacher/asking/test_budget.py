"""A budget by hand: it may be used up to the last request, token and coin, and no further."""

from __future__ import annotations

from typing import Any

import pytest
from teacher_fakes import settings

from pipeline.teacher.asking.budget import Budget, Reservation

COINS = {"price_in": 1e6, "price_out": 2e6}
"""One per token of a prompt, two per token of an answer."""


@pytest.mark.parametrize("bound", [{"max_total_tokens": 100}, {"max_cost": 170.0, **COINS}])
def test_a_call_may_take_what_is_left_and_no_token_more(bound: dict[str, Any]) -> None:
    budget = Budget(settings("http://unused/v1", **bound))
    assert budget.refusal(Reservation(30, 70)) is None
    assert "is reached (0" in (budget.refusal(Reservation(31, 70)) or "")
    budget.begin(Reservation(30, 60))
    assert budget.refusal(Reservation(0, 10)) is None
    assert budget.refusal(Reservation(0, 11)) is not None
    budget.end(Reservation(30, 60), (20, 30), paid=True)
    assert budget.refusal(Reservation(10, 40)) is None
    assert budget.refusal(Reservation(10, 51)) is not None


def test_requests_in_flight_count() -> None:
    budget = Budget(settings("http://unused/v1", max_requests=2))
    call = Reservation(1, 1)
    budget.begin(call)
    assert budget.refusal(call) is None
    budget.begin(call)
    budget.end(call, (None, None), paid=False)
    assert budget.refusal(call) == "label.max_requests = 2 is reached"


@pytest.mark.parametrize(("paid", "cost"), [(True, 3.0 + 8.0), (False, 0.0)])
def test_a_call_that_nobody_counted_costs_the_most_it_may_or_nothing(paid: bool, cost: float) -> None:
    budget = Budget(settings("http://unused/v1", **COINS))
    budget.begin(Reservation(3, 4))
    budget.end(Reservation(3, 4), (None, None), paid)
    assert budget.cost == cost
