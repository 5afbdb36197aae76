"""The fields of a completion's request, checked as OpenAI's API checks them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Refusal(Exception):
    """A request that can't be answered: HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Part(BaseModel):
    """A part of a message's content."""

    text: str = ""


class Message(BaseModel):
    """A message of a chat."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(part.text for part in self.content) if isinstance(self.content, list) else self.content or ""


class StreamOptions(BaseModel):
    """What a stream has beside the answers."""

    include_usage: bool = False


class Fields(BaseModel):
    """What is read of a chat or text completion's request; other fields are passed over."""

    model_config = ConfigDict(strict=True)

    model: str = ""
    messages: list[Message] = Field(default_factory=list)
    prompt: str | None = None
    n: int = Field(default=1, ge=1, le=1000)
    seed: int | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    echo: bool = False

    @property
    def stops(self) -> list[str]:
        """Texts before which an answer ends."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def most_tokens(self) -> int | None:
        """The longest answer, in tokens."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def question(self) -> str:
        """The prompt, or the user's last message. Raises Refusal if there is neither."""
        if self.prompt is not None:
            return self.prompt
        asked = [message.text for message in self.messages if message.role == "user"]
        if not asked:
            raise Refusal(400, "messages: no message of the user")
        return asked[-1]


def read_fields(body: Any) -> Fields:
    """The fields of a request's JSON. Raises Refusal, naming the first field that is wrong."""
    try:
        return Fields.model_validate(body)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"])) or "the body"
        raise Refusal(400, f"{field}: {fault['msg']}") from None
