"""The provider `zhipuai`: ChatGLM's own service, through the official SDK `zhipuai` (the extra `zhipuai`).

The SDK has no asynchronous client, knows no `n`, and changes sampling values silently; `zhipuai_sampling` says to what.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline.params import Label
from pipeline.teacher.asking.body import Body
from pipeline.teacher.asking.calls import CallFailed, Reply, failure_of, read_body
from pipeline.teacher.asking.connection import CONNECT_S, connection_failure
from pipeline.teacher.asking.online import ask_online
from pipeline.teacher.asking.requests import CHAT
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.redaction import KEY_VARIABLES, api_key, checked_url

DEFAULT_URL = "https://open.bigmodel.cn/api/paas/v4"


def ask(labelling: Labelling) -> LabelTables:
    """Ask the service; see `ask_online`."""
    return ask_online(labelling, make_client)


def make_client(settings: Label) -> ZhipuClient:
    """What calls the service. Raises TeacherError if the key or the package is missing."""
    return ZhipuClient(settings)


class ZhipuClient:
    """Makes single calls; see `asking.client`."""

    def __init__(self, settings: Label) -> None:
        try:
            import httpx
            import zhipuai
        except ImportError:
            raise TeacherError(
                "label.provider: zhipuai needs the optional package: pip install 'llm4teach[zhipuai]'"
            ) from None
        key = api_key("zhipuai", settings.api_key_env)
        if key is None:
            variable = settings.api_key_env or KEY_VARIABLES["zhipuai"]
            raise TeacherError(f"the environment variable {variable} is not set")
        self.sdk = f"zhipuai {zhipuai.__version__}"
        self.base_url = checked_url(settings.base_url or os.environ.get("ZHIPUAI_BASE_URL") or DEFAULT_URL)
        self.many = False
        self._errors = zhipuai
        self._threads = ThreadPoolExecutor(settings.concurrency, "zhipuai")
        timeout = httpx.Timeout(settings.timeout_s, connect=min(settings.timeout_s, CONNECT_S))
        http = httpx.Client(
            timeout=timeout,
            limits=httpx.Limits(max_connections=settings.concurrency),
            headers={"accept-encoding": "gzip, deflate"},
            event_hooks={"response": [lambda response: _bound(response, settings.max_body_mb)]},
        )
        self._client = zhipuai.ZhipuAI(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=timeout, http_client=http
        )

    async def call(self, path: str, body: dict[str, Any]) -> Reply:
        assert path == CHAT, "ChatGLM's service has no other"
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, body)

    def _call(self, body: dict[str, Any]) -> Reply:
        zhipuai = self._errors
        names = ("model", "messages", "temperature", "top_p", "max_tokens", "seed")
        known = {name: body[name] for name in names if name in body}
        extra = {name: value for name, value in body.items() if name not in known}
        try:
            completion = self._client.chat.completions.create(**known, extra_body=extra or None)
        except zhipuai.APIStatusError as error:
            raise failure_of(error.status_code, error.response.text, error.response.headers) from None
        except zhipuai.APIConnectionError as error:
            raise connection_failure(error, self.base_url) from None
        except (zhipuai.ZhipuAIError, ValueError, TypeError, KeyError) as error:
            raise CallFailed(f"{type(error).__name__}: {error}") from None
        return read_body(completion.model_dump_json(exclude_none=True))

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()


def _bound(response: Any, most_mb: float) -> None:
    """Read a response, and no more of it than it may have."""
    body = Body(response.status_code, response.headers, most_mb)
    response.headers.pop("content-encoding", None)
    content = b"".join(body.read_all(response.stream))
    response.stream = type(response)(200, content=content).stream
