"""The provider `openai`: any server with OpenAI's API, through the official SDK: vLLM, llama.cpp, Ollama, …"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai

from pipeline.params import Label
from pipeline.teacher.asking.body import Body
from pipeline.teacher.asking.calls import CallFailed, Reply, failure_of, read_body
from pipeline.teacher.asking.connection import CONNECT_S, connection_failure
from pipeline.teacher.asking.online import ask_online
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.redaction import KEY_VARIABLES, api_key, checked_url

DEFAULT_URL = "https://api.openai.com/v1"


def ask(labelling: Labelling) -> LabelTables:
    """Ask the server; see `ask_online`."""
    return ask_online(labelling, make_client)


def make_client(settings: Label) -> OpenAIClient:
    """What calls the server. Raises TeacherError if a key is missing."""
    return OpenAIClient(settings)


def sdk_arguments(settings: Label) -> dict[str, Any]:
    """Key, address and timeout for the SDK. Raises TeacherError if the official server is meant and there is no key."""
    url = checked_url(settings.base_url or DEFAULT_URL)
    key = api_key(settings.provider, settings.api_key_env)
    if key is None and settings.base_url is None:
        variable = settings.api_key_env or KEY_VARIABLES["openai"]
        raise TeacherError(f"the environment variable {variable} is not set; or set label.base_url to a local server")
    timeout = httpx2.Timeout(settings.timeout_s, connect=min(settings.timeout_s, CONNECT_S))
    return {"api_key": key or "none", "base_url": url, "timeout": timeout}


class OpenAIClient:
    """Makes single calls; see `asking.client`."""

    def __init__(self, settings: Label) -> None:
        self.sdk = f"openai {openai.__version__}"
        self.base_url = checked_url(settings.base_url or DEFAULT_URL)
        self.many = True
        limits = httpx2.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency)
        transport = openai.DefaultAioHttpClient(
            limits=limits,
            timeout=settings.timeout_s,
            follow_redirects=False,
            headers={"accept-encoding": "gzip, deflate"},
            event_hooks={"response": [self._bound]},
        )
        self._most_mb = settings.max_body_mb
        self._client = openai.AsyncOpenAI(**sdk_arguments(settings), max_retries=0, http_client=transport)

    async def call(self, path: str, body: dict[str, Any]) -> Reply:
        try:
            response = await self._client.post(path.removeprefix("/v1"), cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            raise failure_of(error.status_code, error.response.text, error.response.headers) from None
        except (openai.APIError, httpx2.HTTPError) as error:
            raise connection_failure(error, self.base_url) from None
        return read_body(response.text, response.status_code, response.headers)

    async def _bound(self, response: httpx2.Response) -> None:
        """Read no more of a response than it may have."""
        body = Body(response.status_code, response.headers, self._most_mb)
        response.headers.pop("content-encoding", None)
        response.stream = _Bounded(response.stream, body)

    async def close(self) -> None:
        await self._client.close()


class _Bounded(httpx2.AsyncByteStream):
    """A response's stream, unpacked and within its bound."""

    def __init__(self, stream: Any, body: Body) -> None:
        self._stream, self._body = stream, body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield self._body.read(chunk)
        except CallFailed:
            raise
        except Exception as error:
            raise self._body.cut_off(error) from error

    async def aclose(self) -> None:
        await self._stream.aclose()
