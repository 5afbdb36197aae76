"""A completion as a stream of server-sent events, for clients that ask for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.teacher.server.answers import tokens


def events(content: dict[str, Any], include_usage: bool) -> Iterator[bytes]:
    """The events of a completion's body: each choice token by token, its end, the usage if wanted, and `[DONE]`."""
    chat = content["object"] == "chat.completion"
    shared = {name: content[name] for name in ("id", "created", "model", "system_fingerprint")}
    shared["object"] = "chat.completion.chunk" if chat else "text_completion"
    for choice in content["choices"]:
        for number, token in enumerate(tokens(_text(choice))):
            piece = (
                {"delta": {"content": token, **({} if number else {"role": "assistant"})}} if chat else {"text": token}
            )
            yield _event({**shared, "choices": [{"index": choice["index"], **piece, "finish_reason": None}]})
        end = {"index": choice["index"], "finish_reason": choice["finish_reason"], "logprobs": choice["logprobs"]}
        yield _event({**shared, "choices": [{**end, **({"delta": {}} if chat else {"text": ""})}]})
    if include_usage:
        yield _event({**shared, "choices": [], "usage": content["usage"]})
    yield b"data: [DONE]\n\n"


def _text(choice: dict[str, Any]) -> str:
    text = choice["text"] if "text" in choice else choice["message"]["content"]
    return "".join(part["text"] for part in text) if isinstance(text, list) else str(text)


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"
