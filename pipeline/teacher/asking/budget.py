"""What a run may spend."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.params import Label

TYPICAL_ANSWER = 150
"""Tokens of a chain-of-thought answer, where none has been seen yet."""


def rough_tokens(text: str) -> int:
    """About how many tokens a text is: four characters each, as is usual for English."""
    return -(-len(text) // 4)


def price(settings: Label, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Cost of so many tokens; None where no price is set, or the server didn't count."""
    if (settings.price_in is None and settings.price_out is None) or (tokens_in is None and tokens_out is None):
        return None
    spent = (tokens_in or 0) * (settings.price_in or 0.0) + (tokens_out or 0) * (settings.price_out or 0.0)
    return spent / 1e6


@dataclass(frozen=True)
class Reservation:
    """The most tokens that a call may cost: its prompt, and answers of full length."""

    tokens_in: int
    tokens_out: int

    def __add__(self, other: Reservation) -> Reservation:
        return Reservation(self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)

    def __sub__(self, other: Reservation) -> Reservation:
        return Reservation(self.tokens_in - other.tokens_in, self.tokens_out - other.tokens_out)


class Budget:
    """Adds up what a run spends, calls in flight included at the most that they may cost."""

    def __init__(self, settings: Label) -> None:
        self.settings = settings
        self.requests = 0
        self.in_flight = 0
        self._spent = Reservation(0, 0)
        self._reserved = Reservation(0, 0)

    @property
    def cost(self) -> float:
        """What was spent so far, in the currency of the prices."""
        return self._price(self._spent)

    def _price(self, tokens: Reservation) -> float:
        return price(self.settings, tokens.tokens_in, tokens.tokens_out) or 0.0

    def refusal(self, call: Reservation) -> str | None:
        """Why one more call might go beyond the budget; None if it can't."""
        settings = self.settings
        if settings.max_requests is not None and self.requests + self.in_flight >= settings.max_requests:
            return f"label.max_requests = {settings.max_requests} is reached"
        most = self._spent + self._reserved + call
        if settings.max_total_tokens is not None and most.tokens_in + most.tokens_out > settings.max_total_tokens:
            spent = self._spent.tokens_in + self._spent.tokens_out
            return (
                f"label.max_total_tokens = {settings.max_total_tokens} is reached ({spent} spent, and the next call may"
                f" take {call.tokens_in + call.tokens_out})"
            )
        if settings.max_cost is not None and self._price(most) > settings.max_cost:
            return (
                f"label.max_cost = {settings.max_cost} is reached ({self.cost:.4f} spent, and the next call may cost"
                f" {self._price(call):.4f})"
            )
        return None

    def begin(self, call: Reservation) -> None:
        """A call begins."""
        self.in_flight += 1
        self._reserved += call

    def end(self, call: Reservation, tokens: tuple[int | None, int | None], paid: bool) -> None:
        """A call has ended, with the prompt's and the answers' tokens that the server counted (None: it didn't say).

        Where it didn't say, a paid call counts as the most that it may have cost, and a refused one as nothing.
        """
        self.in_flight -= 1
        self.requests += 1
        self._reserved -= call
        most = call if paid else Reservation(0, 0)
        self._spent += Reservation(
            most.tokens_in if tokens[0] is None else tokens[0], most.tokens_out if tokens[1] is None else tokens[1]
        )
