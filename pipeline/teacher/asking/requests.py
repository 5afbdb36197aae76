"""What is asked: one request per description and labelling set-up, identified by all that could change its answer."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from pipeline.params import Label
from pipeline.teacher.answers.rows import canonical_json
from pipeline.teacher.states import State

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"


@dataclass(frozen=True)
class Request:
    """One request.

    key       sha256 of provider, base URL, path and body, the system message included; how many answers are asked
              for is not part of it, so that more can be asked later, and neither is any key
    body      JSON body without `n` and `seed`
    """

    key: str
    state: State
    path: str
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All text that is sent, for estimates."""
        if "prompt" in self.body:
            return str(self.body["prompt"])
        return "".join(message["content"] for message in self.body["messages"])

    def longest_answer(self, settings: Label) -> int:
        """Most tokens of one answer."""
        most = self.body.get("max_tokens")
        return most if isinstance(most, int) else settings.max_tokens


def make_request(settings: Label, state: State, path: str, content: dict[str, Any], own: dict[str, Any]) -> Request:
    """A request with the settings' model and sampling; `content` is what is asked, `own` what the method needs."""
    body = {"model": settings.model, **content, **sampling(settings), **own, **settings.extra_body}
    identity = [settings.provider, _address(settings), path, body, settings.seed]
    key = hashlib.sha256(canonical_json(identity).encode()).hexdigest()
    return Request(key, state, path, body)


def _address(settings: Label) -> str | None:
    """The server that params or, for ChatGLM, the environment name; None for the provider's own."""
    by_environment = os.environ.get("ZHIPUAI_BASE_URL") if settings.provider == "zhipuai" else None
    return settings.base_url or by_environment or None


def sampling(settings: Label) -> dict[str, Any]:
    """How answers are drawn, as the body says it."""
    return {"temperature": settings.temperature, "top_p": settings.top_p, "max_tokens": settings.max_tokens}


def call_body(request: Request, settings: Label, first: int, count: int) -> dict[str, Any]:
    """The body that asks for `count` answers beginning with sample `first`.

    With a seed, each sample has its own: the same seed for all would make one answer of ten calls.
    """
    body = dict(request.body)
    if count > 1:
        body["n"] = count
    if settings.seed is not None:
        body["seed"] = settings.seed + first
    return body
