"""Rows of the responses table: what a call brought, or why it brought nothing, once it is free of keys."""

from __future__ import annotations

import json
from typing import Any

from pipeline.params import Label
from pipeline.teacher.answers.ledger import now
from pipeline.teacher.asking.budget import price
from pipeline.teacher.asking.calls import CallFailed, Reply
from pipeline.teacher.asking.requests import Request


def attempt_row(
    task: str, request: Request, sample: int, settings: Label, base_url: str | None, sdk: str, source: str
) -> dict[str, Any]:
    """What is known of an attempt before its outcome."""
    return {
        "request_key": request.key,
        "sample_index": sample,
        "task": task,
        "state_id": request.state.description.state_id,
        "provider": settings.provider,
        "base_url": base_url,
        "model_requested": settings.model,
        "error": None,
        "at": now(),
        "sdk": sdk,
        "source": source,
    }


def answer_rows(row: dict[str, Any], wanted: list[int], reply: Reply, settings: Label) -> list[dict[str, Any]]:
    """One row per choice, for the wanted samples in order. Raw body, tokens and cost stand in the first one only."""
    rows = []
    for number, (sample, choice) in enumerate(zip(wanted, reply.choices, strict=False)):
        rows.append(
            {
                **row,
                "sample_index": sample,
                "status": reply.status,
                "model_returned": reply.model,
                "system_fingerprint": reply.fingerprint,
                "response_id": reply.response_id,
                "text": choice.kept,
                "logprobs": None if choice.logprobs is None else json.dumps(choice.logprobs),
            }
        )
        if number == 0:
            rows[0]["raw"] = reply.raw
            rows[0] |= _spent(settings, reply.tokens_in, reply.tokens_out)
    return rows


def failure_row(row: dict[str, Any], failure: CallFailed, settings: Label) -> dict[str, Any]:
    """The row of an attempt that failed."""
    return {
        **row,
        "status": failure.status,
        "error": str(failure)[:500],
        "raw": None if failure.raw is None else failure.raw[:2000],
        **_spent(settings, *failure.tokens),
    }


def _spent(settings: Label, tokens_in: int | None, tokens_out: int | None) -> dict[str, Any]:
    return {"tokens_in": tokens_in, "tokens_out": tokens_out, "cost": price(settings, tokens_in, tokens_out)}
