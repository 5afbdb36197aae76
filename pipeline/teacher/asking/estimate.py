"""What a labelling has left to ask, before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.teacher.answers.ledger import Ledger, ledger_path
from pipeline.teacher.asking.budget import TYPICAL_ANSWER, price, rough_tokens
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.labelling import Labelling


@dataclass(frozen=True)
class Estimate:
    """What is left to ask: requests, tokens, and cost (None where `label.price_in` and `price_out` are not set)."""

    states: int
    samples: int
    requests: int
    tokens_in: int
    tokens_out: int
    cost: float | None


def estimate(labelling: Labelling) -> Estimate:
    """What is left to ask, roughly; opens no connection, asks nothing, and makes no ledger."""
    settings, path = labelling.settings, ledger_path(labelling.root)
    if settings.provider in ("published", "replay", "scripted"):
        return Estimate(len(labelling.states), 0, 0, 0, 0, 0.0)
    method, ledger = labelling.method, Ledger(path) if path.exists() else None
    wanted = samples = requests = tokens_in = tokens_out = 0
    for state in labelling.states:
        missing_here = 0
        for request in method.requests(state):
            missing = method.samples if ledger is None else len(ledger.missing(request.key, method.samples))
            calls = -(-missing // (1 if settings.provider == "zhipuai" else settings.answers_per_call))
            missing_here += missing
            requests += calls
            tokens_in += calls * rough_tokens(request.text)
            longest = request.longest_answer(settings)
            tokens_out += missing * (longest if settings.method == "logprob" else min(longest, TYPICAL_ANSWER))
        samples += missing_here
        wanted += missing_here > 0
    return Estimate(wanted, samples, requests, tokens_in, tokens_out, price(settings, tokens_in, tokens_out))


def check_batch_budget(labelling: Labelling) -> None:
    """Raise LabellingStopped if what is left to ask is beyond the budget: a batch is paid as a whole."""
    expected, settings = estimate(labelling), labelling.settings
    tokens = expected.tokens_in + expected.tokens_out
    for name, bound, value in (
        ("max_requests", settings.max_requests, expected.requests),
        ("max_total_tokens", settings.max_total_tokens, tokens),
        ("max_cost", settings.max_cost, expected.cost or 0.0),
    ):
        if bound is not None and value > bound:
            raise LabellingStopped(
                f"{labelling.task.name}: {expected.requests} requests with about {tokens} tokens are missing, beyond"
                f" label.{name} = {bound}; nothing was sent",
                then=None,
            )
