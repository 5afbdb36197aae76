"""What a server can, how fast it is, and one answer as it would be read: a few calls before many are paid for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.params import Label
from pipeline.teacher.asking.calls import CallFailed, Choice, Reply
from pipeline.teacher.asking.client import Client
from pipeline.teacher.asking.estimate import estimate
from pipeline.teacher.asking.requests import CHAT, COMPLETIONS, call_body
from pipeline.teacher.labelling import Labelling
from pipeline.teacher.redaction import Redactor, api_key

SHORT = 8
"""Tokens of answers that nobody reads."""
QUESTION = [{"role": "user", "content": "Say a number."}]


class Finding(NamedTuple):
    """One line of a probe: what was tried, and what came of it."""

    what: str
    result: str


def probe(labelling: Labelling, make_client: Callable[[Label], Client]) -> list[Finding]:
    """Make at most six calls and say what they show; nothing is written to the ledger.

    Raises TeacherError if a key or a package is missing.
    """
    return asyncio.run(_probe(labelling, make_client(labelling.settings)))


async def _probe(labelling: Labelling, client: Client) -> list[Finding]:
    settings, method = labelling.settings, labelling.method
    redact = Redactor(api_key(settings.provider, settings.api_key_env))

    async def call(path: str, body: dict[str, Any]) -> Reply | CallFailed:
        try:
            reply = await asyncio.wait_for(client.call(path, {"model": settings.model, **body}), settings.timeout_s)
            return reply.cleaned(redact)
        except asyncio.TimeoutError:
            return CallFailed(f"no answer in {settings.timeout_s:g} s")
        except CallFailed as failure:
            return failure.cleaned(redact)

    async def tried(what: str, path: str, body: dict[str, Any], works: Callable[[list[Choice]], bool]) -> Finding:
        outcome = await call(path, body)
        if isinstance(outcome, CallFailed):
            return Finding(what, f"no ({str(outcome)[:200]})")
        return Finding(what, "yes" if works(list(outcome.choices)) else "no (it is passed over)")

    try:
        request = next(labelling.requests())
        begun = time.monotonic()
        answer = await call(request.path, call_body(request, settings, 0, 1))
        seconds = time.monotonic() - begun
        if isinstance(answer, CallFailed):
            return [Finding("an answer", f"none: {str(answer)[:300]}")]
        found = [_reading(labelling, answer), Finding("seconds of an answer", f"{seconds:.2f}")]
        chat = {"messages": QUESTION, "max_tokens": SHORT}
        scores = {**chat, "logprobs": True, "top_logprobs": 5}
        echo = {"prompt": "One, two, three", "echo": True, "logprobs": 1, "max_tokens": 1}
        found += [
            await tried("several answers at once (n)", CHAT, {**chat, "n": 2}, lambda choices: len(choices) == 2),
            await tried("scores of letters (logprobs)", CHAT, scores, lambda choices: choices[0].logprobs is not None),
            await tried("scores of plans (echo)", COMPLETIONS, echo, lambda choices: _echoed(choices[0])),
        ]
        left = estimate(labelling)
        whole = left.requests * seconds
        cost = "unknown (set label.price_in and price_out)" if left.cost is None else f"about {left.cost:.4f}"
        found.append(
            Finding(
                "the whole table",
                f"{left.requests} requests for {left.samples} answers of {method.total(labelling.states)}; one at a"
                f" time {whole:.0f} s, less the more the server takes at once; cost {cost}",
            )
        )
        return found
    finally:
        await client.close()


def _echoed(choice: Choice) -> bool:
    return choice.logprobs is not None and len(choice.logprobs["content"]) >= 3


def _reading(labelling: Labelling, answer: Reply) -> Finding:
    """The answer as it would be read."""
    request = next(labelling.requests())
    try:
        decision, reading = labelling.method.judge(request, answer.choices[0])
    except CallFailed as failure:
        return Finding("an answer", f"can't be used: {failure}")
    why = f" ({reading.why})" if reading.why else ""
    return Finding("an answer", f"{decision[:200]!r}: {reading.verdict.value}{why}")
