"""One call to a model: what came back in whatever shape, or why it failed and whether to try again."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.json_file import JsonError, parse_json

Clean = Callable[[str], str]
CUT = "\n[cut off at max_tokens]"
"""What the kept text of an answer ends in that was cut off."""


@dataclass(frozen=True)
class Choice:
    """One answer of a call.

    logprobs  in the shape of the chat API's `logprobs`, or None
    cut       whether it ended at `max_tokens`, which need not be where the model would have ended it
    """

    text: str
    logprobs: dict[str, Any] | None = None
    cut: bool = False

    @property
    def kept(self) -> str:
        """The text as it is kept: the mark of a cut answer is part of it, so that it is never judged without."""
        return self.text + CUT if self.cut else self.text


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

    def cleaned(self, clean: Clean) -> Reply:
        """The same, with every text that is kept or shown made harmless by `clean`."""
        choices = tuple(
            replace(choice, text=clean(choice.text), logprobs=_cleaned(choice.logprobs, clean))
            for choice in self.choices
        )
        names = ("model", "fingerprint", "response_id")
        return replace(
            self, choices=choices, raw=clean(self.raw), **{name: _cleaned(getattr(self, name), clean) for name in names}
        )


class CallFailed(Exception):
    """A call without an answer.

    status       HTTP status, None if there was none
    retry        whether the same call may succeed later
    retry_after  seconds that the server asks to wait, or None
    raw          the body that came instead of an answer, if any
    tokens       of the prompt and of the answers, as far as the server counted them
    paid         whether the server has probably worked, and so charges for the call
    unreachable  whether no server was reached at the address, so that only one that has answered before may come back
    timed_out    whether no answer came in time
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry: bool = True,
        retry_after: float | None = None,
        raw: str | None = None,
        tokens: tuple[int | None, int | None] = (None, None),
        paid: bool = False,
        unreachable: bool = False,
        timed_out: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.retry, self.retry_after, self.raw = status, retry, retry_after, raw
        self.tokens, self.paid, self.unreachable, self.timed_out = tokens, paid, unreachable, timed_out

    def cleaned(self, clean: Clean) -> CallFailed:
        """The same, with its texts made harmless by `clean`."""
        self.args, self.raw = (clean(str(self)),), _cleaned(self.raw, clean)
        return self

    @property
    def overloaded(self) -> bool:
        """Whether the server has more to do than it can: fewer calls at once may help."""
        return self.timed_out or self.status in OVERLOADED


def _cleaned(value: Any, clean: Clean) -> Any:
    """JSON with each text in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one, clean) for one in value]
    if isinstance(value, dict):
        return {clean(name): _cleaned(one, clean) for name, one in value.items()}
    return value


def read_body(content: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply out of the body of a chat or text completion, in the shapes that servers really send.

    Read are the chat shape, the legacy one (`text` in place of `message`), content as a list of parts, and a refusal.
    Raises CallFailed for anything else, including an error object under status 200.
    """
    try:
        body = parse_json(content)
    except JsonError:
        raise CallFailed(f"malformed answer: not JSON: {content!r}", status, raw=content, paid=True) from None
    if not isinstance(body, dict):
        message = f"malformed answer: {type(body).__name__} in place of an object"
        raise CallFailed(message, status, raw=content, paid=True)
    if body.get("object") == "error" or ("error" in body and body["error"] and "choices" not in body):
        raise failure_of(status, content, headers or {})
    listed = body.get("choices")
    choices = [choice for choice in map(_read_choice, listed) if choice] if isinstance(listed, list) else []
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens = (_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
    if not choices:
        message = "malformed answer: no choices with text in it"
        raise CallFailed(message, status, raw=content, tokens=tokens, paid=True)
    return Reply(
        tuple(choices),
        content,
        status,
        _text(body.get("model")),
        _text(body.get("system_fingerprint")),
        _text(body.get("id")),
        *tokens,
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
    ended = choice.get("finish_reason")
    if content is None and ended in ("content_filter", "length"):
        content = ""  # nothing but thoughts, or nothing that may be shown: an answer, if an empty one
    if not isinstance(content, str):
        return None
    return Choice(writable(content), _chat_logprobs(choice.get("logprobs")), ended == "length")


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
        entry["top_logprobs"] = [{"token": t, "logprob": v} for t, v in _items(top)]
        if isinstance(offsets, list) and len(offsets) == len(tokens):
            entry["text_offset"] = offsets[number]
        content.append(entry)
    return {"content": content} if content else None


def _items(top: Any) -> Iterable[tuple[str, Any]]:
    return top.items() if isinstance(top, dict) else ()


def writable(text: str) -> str:
    """A text without half characters (lone surrogates), which JSON can hold but no file."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(value: Any) -> str | None:
    return writable(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


OVERLOADED = frozenset({408, 429, 503, 504, 529})
"""Statuses of a server, or of the gateway before it, that has too much to do."""
RETRIED = frozenset({408, 409, 425, 429})
"""Client errors that may pass; every other 4xx would come again."""


def failure_of(status: int, content: str, headers: Mapping[str, str]) -> CallFailed:
    """The failure that an error response stands for; FastChat's and OpenAI's shapes are read."""
    message, code = content.strip(), status
    try:
        body = parse_json(content)
    except JsonError:
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


LONGEST_WAIT_S = 366 * 86400.0
"""What longer waits than a year, and endless ones, are taken for."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` (seconds or a date) asks to wait; None if neither says."""
    lower = {name.lower(): value for name, value in headers.items()}
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = lower.get(name)
        if value is None:
            continue
        try:
            return _wait(float(value) * scale)
        except ValueError:
            pass
        try:
            return _wait(email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _wait(seconds: float) -> float:
    """A wait that can be waited for: what is negative or no number is none."""
    return min(max(0.0, seconds), LONGEST_WAIT_S)


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
        return _wait(float(text))
    except ValueError:
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
        return _wait(sum(float(number) * _UNITS[unit] for number, unit in parts))
