"""What a run may spend, and what a labelling will cost before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.params import Label

TYPICAL_ANSWER = 150
"""Tokens of a chain-of-thought answer, where none has been seen yet."""


def rough_tokens(text: str) -> int:
    """About how many tokens a text is: four characters each, as is usual for English."""
    return -(-len(text) // 4)


@dataclass(frozen=True)
class Estimate:
    """What is left to ask: requests, tokens, and cost (None where `label.price_in` and `price_out` are not set)."""

    states: int
    samples: int
    requests: int
    tokens_in: int
    tokens_out: int
    cost: float | None


class Budget:
    """Adds up what a run spends, calls in flight included at what calls have cost at most so far."""

    def __init__(self, settings: Label) -> None:
        self.settings = settings
        self.requests = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.cost = 0.0
        self._in_flight = 0
        self._most_tokens = 0
        self._most_cost = 0.0

    def price(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """Cost of so many tokens; None where no price is set."""
        settings = self.settings
        if settings.price_in is None and settings.price_out is None:
            return None
        spent = (tokens_in or 0) * (settings.price_in or 0.0) + (tokens_out or 0) * (settings.price_out or 0.0)
        return spent / 1e6

    def refusal(self, prompt_tokens: int, answers: int) -> str | None:
        """Why one more call would go beyond the budget; None if it does not."""
        settings = self.settings
        if settings.max_requests is not None and self.requests + self._in_flight >= settings.max_requests:
            return f"label.max_requests = {settings.max_requests} is reached"
        expected = self._most_tokens or prompt_tokens + answers * TYPICAL_ANSWER
        calls = self._in_flight + 1
        if settings.max_total_tokens is not None:
            spent = self.tokens_in + self.tokens_out
            if spent + calls * expected > settings.max_total_tokens:
                return f"label.max_total_tokens = {settings.max_total_tokens} is reached ({spent} spent)"
        if settings.max_cost is not None:
            each = self._most_cost or (self.price(prompt_tokens, answers * TYPICAL_ANSWER) or 0.0)
            if self.cost + calls * each > settings.max_cost:
                return f"label.max_cost = {settings.max_cost} is reached ({self.cost:.4f} spent)"
        return None

    def begin(self) -> None:
        self._in_flight += 1

    def end(self, tokens_in: int | None, tokens_out: int | None) -> None:
        """A call has ended, with the tokens that the server counted (None: it didn't say, or it failed)."""
        self._in_flight -= 1
        self.requests += 1
        self.tokens_in += tokens_in or 0
        self.tokens_out += tokens_out or 0
        cost = self.price(tokens_in, tokens_out) or 0.0
        self.cost += cost
        self._most_tokens = max(self._most_tokens, (tokens_in or 0) + (tokens_out or 0))
        self._most_cost = max(self._most_cost, cost)
