"""One call to a model: what came back in whatever shape, or why it failed and whether to try again."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One answer of a call. `logprobs` is in the shape of the chat API's `logprobs`, or None."""

    text: str
    logprobs: dict[str, Any] | None = None


@dataclass(frozen=True)
class Reply:
    """A call that succeeded: at least one choice."""

    choices: tuple[Choice, ...]
    raw: str
    status: int = 200
    model: str | None = None
    fingerprint: str | None = None
    response_id: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class CallFailed(Exception):
    """A call without an answer.

    status       HTTP status, None if there was none
    retry        whether the same call may succeed later
    retry_after  seconds that the server asks to wait, or None
    raw          the body that came instead of an answer, if any
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry: bool = True,
        retry_after: float | None = None,
        raw: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.retry, self.retry_after, self.raw = status, retry, retry_after, raw


def read_body(content: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply out of the body of a chat or text completion, in the shapes that servers really send.

    Read are the chat shape, the legacy one (`text` in place of `message`), content as a list of parts, and a refusal.
    Raises CallFailed for anything else, including an error object under status 200.
    """
    try:
        body = json.loads(content)
    except ValueError:
        raise CallFailed(f"malformed answer: not JSON: {content[:80]!r}", status, raw=content) from None
    if not isinstance(body, dict):
        raise CallFailed(f"malformed answer: {type(body).__name__} in place of an object", status, raw=content)
    if body.get("object") == "error" or ("error" in body and body["error"] and "choices" not in body):
        raise failure_of(status, content, headers or {})
    listed = body.get("choices")
    choices = [choice for choice in map(_read_choice, listed) if choice] if isinstance(listed, list) else []
    if not choices:
        raise CallFailed("malformed answer: no choices with text in it", status, raw=content)
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(
        tuple(choices),
        content,
        status,
        _text(body.get("model")),
        _text(body.get("system_fingerprint")),
        _text(body.get("id")),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        headers or {},
    )


def _read_choice(choice: Any) -> Choice | None:
    if not isinstance(choice, dict):
        return None
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else choice.get("text")
    if content is None and isinstance(message, dict):
        content = message.get("refusal")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is None and choice.get("finish_reason") == "content_filter":
        content = ""
    return Choice(writable(content), _chat_logprobs(choice.get("logprobs"))) if isinstance(content, str) else None


def _chat_logprobs(found: Any) -> dict[str, Any] | None:
    """Logprobs in the chat shape, also from the legacy one; None if there are none."""
    if not isinstance(found, dict):
        return None
    if isinstance(found.get("content"), list):
        return found if found["content"] else None
    tokens, values = found.get("tokens"), found.get("token_logprobs")
    if not (isinstance(tokens, list) and isinstance(values, list) and len(tokens) == len(values)):
        return None
    tops = found.get("top_logprobs")
    tops = tops if isinstance(tops, list) and len(tops) == len(tokens) else [None] * len(tokens)
    offsets = found.get("text_offset")
    content = []
    for number, (token, value, top) in enumerate(zip(tokens, values, tops, strict=True)):
        entry: dict[str, Any] = {"token": token, "logprob": value}
        entry["top_logprobs"] = [{"token": t, "logprob": v} for t, v in (top or {}).items()]
        if isinstance(offsets, list) and len(offsets) == len(tokens):
            entry["text_offset"] = offsets[number]
        content.append(entry)
    return {"content": content} if content else None


def writable(text: str) -> str:
    """A text without half characters (lone surrogates), which JSON can hold but no file."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(value: Any) -> str | None:
    return writable(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


RETRIED = frozenset({408, 409, 425, 429})
"""Client errors that may pass; every other 4xx would come again."""


def failure_of(status: int, content: str, headers: Mapping[str, str]) -> CallFailed:
    """The failure that an error response stands for; FastChat's and OpenAI's shapes are read."""
    message, code = content.strip()[:300], status
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        error = body.get("error") if isinstance(body.get("error"), dict) else body
        assert isinstance(error, dict)
        message = writable(str(error.get("message") or message))
        inner = error.get("code")
        if (
            status < 400
        ):  # an error under status 200: its code is the only hint, and 5-digit codes start with the status
            code = int(str(inner)[:3]) if re.fullmatch(r"[45]\d\d(\d\d)?", str(inner)) else 500
        if "insufficient_quota" in (inner, error.get("type")):
            return CallFailed(f"{status}: the account has no quota left: {message}", status, retry=False, raw=content)
    retry = code >= 500 or code in RETRIED
    return CallFailed(f"{code}: {message}", status, retry, retry_after(headers), content)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` (seconds or a date) asks to wait; None if neither says."""
    lower = {name.lower(): value for name, value in headers.items()}
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = lower.get(name)
        if value is None:
            continue
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            pass
        try:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        except (TypeError, ValueError):
            continue
    return None


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def exhausted_for(headers: Mapping[str, str]) -> float:
    """Seconds until a quota is filled again that `x-ratelimit-remaining-*` says is used up; 0 if none is."""
    lower = {name.lower(): value for name, value in headers.items()}
    wait = 0.0
    for kind in ("requests", "tokens"):
        if lower.get(f"x-ratelimit-remaining-{kind}", "").strip() in ("0", "0.0"):
            wait = max(wait, duration(lower.get(f"x-ratelimit-reset-{kind}", "")))
    return wait


def duration(text: str) -> float:
    """Seconds of `6m0s`, `20ms`, `1.5s` or a bare number; 0 if it can't be read."""
    try:
        return max(0.0, float(text))
    except ValueError:
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
