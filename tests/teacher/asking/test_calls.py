"""Bodies and headers of real servers, and the pace that follows from them."""

from __future__ import annotations

import email.utils
import json
import random
import time
from typing import Any

import pytest

from pipeline.teacher.asking.calls import CallFailed, duration, exhausted_for, failure_of, read_body, retry_after
from pipeline.teacher.asking.pace import backoff


def body(**changes: Any) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    return json.dumps(
        {"id": "x", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 1}, **changes}
    )


def test_the_usual_body() -> None:
    reply = read_body(body(model="m", system_fingerprint="f"))
    assert [choice.text for choice in reply.choices] == ["hi"]
    assert (reply.model, reply.fingerprint, reply.response_id) == ("m", "f", "x")
    assert (reply.tokens_in, reply.tokens_out) == (3, 1)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"text": "legacy"}, "legacy"),
        ({"message": {"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}}, "in parts"),
        ({"message": {"content": None, "refusal": "I won't."}}, "I won't."),
        ({"message": {"content": None}, "finish_reason": "content_filter"}, ""),
        ({"message": {"content": ""}}, ""),
    ],
)
def test_other_shapes_of_a_choice(choice: dict[str, Any], text: str) -> None:
    assert [c.text for c in read_body(body(choices=[choice])).choices] == [text]


def test_choices_without_text_are_not_counted() -> None:
    reply = read_body(body(choices=[{"message": {"content": None}}, {"message": {"content": "b"}}, None, {}]))
    assert [c.text for c in reply.choices] == ["b"]


@pytest.mark.parametrize("usage", [None, "many", {"prompt_tokens": -1, "completion_tokens": "2"}])
def test_odd_usage_is_no_usage(usage: Any) -> None:
    reply = read_body(body(usage=usage))
    assert (reply.tokens_in, reply.tokens_out) == (None, None)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "<html>", body(choices=[]), body(choices=None), "{}", '{"error": null}', '{"error": ""}'],
)
def test_malformed_bodies_are_failures_that_may_pass(content: str) -> None:
    with pytest.raises(CallFailed, match="malformed") as failure:
        read_body(content)
    assert failure.value.retry


def test_legacy_logprobs_become_chat_logprobs() -> None:
    legacy = {"tokens": ["a", "b"], "token_logprobs": [None, -1.0], "top_logprobs": [None, {"b": -1.0, "c": -2.0}]}
    reply = read_body(body(choices=[{"text": "ab", "logprobs": {**legacy, "text_offset": [0, 1]}}]))
    assert reply.choices[0].logprobs == {
        "content": [
            {"token": "a", "logprob": None, "top_logprobs": [], "text_offset": 0},
            {
                "token": "b",
                "logprob": -1.0,
                "top_logprobs": [{"token": "b", "logprob": -1.0}, {"token": "c", "logprob": -2.0}],
                "text_offset": 1,
            },
        ]
    }


@pytest.mark.parametrize(
    ("status", "content", "retry", "message"),
    [
        (429, '{"error": {"message": "slow"}}', True, "429: slow"),
        (500, "oops", True, "500: oops"),
        (408, "", True, "408"),
        (400, '{"error": {"message": "too long"}}', False, "400: too long"),
        (403, '{"object": "error", "message": "no"}', False, "403: no"),
        (429, '{"error": {"code": "insufficient_quota", "message": "pay"}}', False, "no quota left: pay"),
        (200, '{"object": "error", "message": "gone", "code": 50001}', True, "500: gone"),
        (200, '{"object": "error", "message": "key", "code": 40101}', False, "401: key"),
        (200, '{"error": {"message": "odd"}}', True, "500: odd"),
    ],
)
def test_error_bodies(status: int, content: str, retry: bool, message: str) -> None:
    failure = failure_of(status, content, {})
    assert failure.retry is retry
    assert message in str(failure)


def test_retry_after_in_each_form() -> None:
    assert retry_after({"Retry-After": "400"}) == 400
    assert retry_after({"retry-after": "9", "retry-after-ms": "1500"}) == 1.5
    assert retry_after({"retry-after": "-3"}) == 0
    assert retry_after({"retry-after": email.utils.formatdate(time.time() + 60)}) == pytest.approx(60, abs=2)
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


def test_used_up_quotas_say_how_long() -> None:
    assert exhausted_for({"x-ratelimit-remaining-requests": "0", "X-RateLimit-Reset-Requests": "6m0s"}) == 360
    assert exhausted_for({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}) == 0.02
    assert exhausted_for({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "6m0s"}) == 0
    assert (duration("1.5s"), duration("2"), duration("1h2m"), duration("never")) == (1.5, 2.0, 3720.0, 0.0)


def test_backoff_doubles_up_to_half_a_minute_with_jitter() -> None:
    rng = random.Random(0)
    for failures, top in ((1, 0.5), (2, 1.0), (5, 8.0), (50, 30.0)):
        waits = [backoff(failures, rng) for _ in range(100)]
        assert top / 2 <= min(waits) < max(waits) <= top
