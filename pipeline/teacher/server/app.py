"""The replay server: an OpenAI-compatible endpoint that answers from label tables, with faults on demand.

`/v1/chat/completions` (n, seed, logprobs, top_logprobs, max_tokens, stop, stream), `/v1/completions` (also echo with
logprobs), `/v1/models`, files and batches, and `/stats`, which counts what was served.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.json_file import JsonError, parse_json
from pipeline.teacher.asking.budget import rough_tokens
from pipeline.teacher.server import answers
from pipeline.teacher.server.answers import Entry, LabelIndex
from pipeline.teacher.server.batches import Batches
from pipeline.teacher.server.faults import Fault, FaultInjector, RateLimit
from pipeline.teacher.server.fields import Fields, Refusal, read_fields
from pipeline.teacher.server.streaming import events


@dataclass(frozen=True)
class ServerBehaviour:
    """How the server behaves.

    latency_s       seconds before each answer
    concurrency     requests at once; more are answered 429 (None: no bound)
    rate_limit      requests per second; more are answered 429 with Retry-After (None: no bound)
    retry_after_s   what a 429 or 503 made on purpose asks to wait
    slow_s          how long a slow body takes
    seed            of the draws and the faults; a request's own `seed` fixes its answers
    """

    latency_s: float = 0.0
    concurrency: int | None = None
    rate_limit: float | None = None
    retry_after_s: float = 1.0
    slow_s: float = 5.0
    seed: int = 0


class ReplayServer:
    """Answers requests from label tables."""

    def __init__(self, labels: LabelIndex, behaviour: ServerBehaviour, faults: list[Fault]) -> None:
        self.labels, self.behaviour = labels, behaviour
        self.injector = FaultInjector(faults, behaviour.seed)
        self.limit = RateLimit(behaviour.rate_limit) if behaviour.rate_limit else None
        self.in_flight = 0
        self.served = {"requests": 0, "answers": 0, "refused": 0, "most_at_once": 0}
        self._rng = random.Random(behaviour.seed)
        self._numbers = itertools.count(1)

    async def endpoint(self, request: Request) -> Response:
        """A chat or text completion."""
        self.served["requests"] += 1
        refusal = self._over_limit()
        if refusal is not None:
            return refusal
        self.in_flight += 1
        self.served["most_at_once"] = max(self.served["most_at_once"], self.in_flight)
        try:
            if self.behaviour.latency_s:
                await asyncio.sleep(self.behaviour.latency_s)
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    def _over_limit(self) -> Response | None:
        wait = self.limit.take() if self.limit else 0.0
        full = self.behaviour.concurrency is not None and self.in_flight >= self.behaviour.concurrency
        if not wait and not full:
            return None
        self.served["refused"] += 1
        headers = {"retry-after-ms": f"{1000 * wait:.0f}"} if wait else {}
        return _error(429, "rate limit reached" if wait else "too many requests at once", headers)

    async def _answer(self, request: Request) -> Response:
        try:
            fields = read_fields(parse_json(await request.body()))
        except JsonError:
            return _error(400, "the body is not JSON")
        except Refusal as refusal:
            return _error(refusal.status, str(refusal))
        fault = self.injector.next()
        early = await self._early_fault(fault, request)
        if early is not None:
            return early
        try:
            content = self.answer(request.url.path, fields, fault)
        except Refusal as refusal:
            return _error(refusal.status, str(refusal))
        headers = self.limit.headers() if self.limit else {}
        if fields.stream:
            usage = fields.stream_options is not None and fields.stream_options.include_usage
            return StreamingResponse(events(content, usage), media_type="text/event-stream", headers=headers)
        return _with_late_fault(fault, json.dumps(content).encode(), headers, self.behaviour.slow_s)

    async def _early_fault(self, fault: str | None, request: Request) -> Response | None:
        """The response of a fault that comes in place of an answer."""
        wait = {"retry-after": f"{self.behaviour.retry_after_s:g}"}
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault in ("429", "503"):
            return _error(int(fault), "slow down", wait)
        if fault == "500":
            return _error(500, "internal error")
        if fault == "502":
            return Response("<html><h1>502 Bad Gateway</h1></html>", 502, media_type="text/html")
        if fault == "401":
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {key}. The header was Bearer {key}")
        if fault == "404":
            return _error(404, "The model does not exist")
        if fault == "empty":
            return Response(b"", media_type="application/json")
        if fault == "error-200":
            return JSONResponse({"object": "error", "message": "the worker is gone", "code": 50001})
        return None

    def complete(self, path: str, body: dict[str, Any], fault: str | None = None) -> dict[str, Any]:
        """The body of a completion to a request's JSON. Raises Refusal for a request that can't be answered."""
        return self.answer(path, read_fields(body), fault)

    def answer(self, path: str, fields: Fields, fault: str | None = None) -> dict[str, Any]:
        """The body of a completion. Raises Refusal for a question that can't be answered."""
        chat = path.endswith("/chat/completions")
        entry = self.labels.find(fields.model, fields.question)
        if entry is None:
            raise Refusal(400, "no label for the state in the question")
        make = self._chat_choice if chat else self._text_choice
        count = {"one": 1, "no-choices": 0}.get(fault or "", fields.n)
        choices = [make(entry, fields, number, fault) for number in range(count)]
        self.served["answers"] += len(choices)
        tokens_out = sum(rough_tokens(str(choice)) for choice in choices) // 2
        prompt = rough_tokens("".join(message.text for message in fields.messages) + (fields.prompt or ""))
        return {
            "id": f"replay-{next(self._numbers)}",
            "object": "chat.completion" if chat else "text_completion",
            "created": int(time.time()),
            "model": f"replay-{entry.task}",
            "system_fingerprint": "replay",
            "choices": choices,
            "usage": {"prompt_tokens": prompt, "completion_tokens": tokens_out, "total_tokens": prompt + tokens_out},
        }

    def _rng_of(self, fields: Fields, number: int) -> random.Random:
        """The same seed, question and place always draw the same answer; without a seed, each is a new draw."""
        if fields.seed is None:
            return self._rng
        return random.Random(f"{self.behaviour.seed} {fields.seed + number} {fields.question}")

    def _chat_choice(self, entry: Entry, fields: Fields, number: int, fault: str | None) -> dict[str, Any]:
        rng, top = self._rng_of(fields, number), fields.top_logprobs or 0
        offered = answers.choices_in(fields.question)
        if offered:
            scores = answers.letter_logprobs(entry, offered)
            text = max(scores, key=scores.__getitem__)
            logprobs = answers.single_logprobs(scores, text, top)
        else:
            decision = answers.draw(entry, rng)
            text = answers.chain_of_thought(decision)
            logprobs = answers.decision_logprobs(entry, decision, top) if fields.logprobs else []
        if fault == "nonsense":
            text = "As a language model, I would rather talk about the weather."
        text, ended, kept = answers.cut(text, fields.most_tokens, fields.stops)
        choice: dict[str, Any] = {"index": number, "finish_reason": ended}
        if fault == "legacy":
            return {**choice, "text": text, "logprobs": None}
        content: Any = [{"type": "text", "text": text}] if fault == "parts" else text
        wanted = fields.logprobs and fault != "null-logprobs"
        return {
            **choice,
            "message": {"role": "assistant", "content": content},
            "logprobs": {"content": logprobs[:kept]} if wanted else None,
        }

    def _text_choice(self, entry: Entry, fields: Fields, number: int, fault: str | None) -> dict[str, Any]:
        question = fields.question
        if fields.echo and "{" in question:
            logprobs = None if fault == "null-logprobs" else answers.echo_logprobs(entry, question)
            return {"index": number, "finish_reason": "length", "text": question + "\n", "logprobs": logprobs}
        decision = answers.draw(entry, self._rng_of(fields, number))
        text, ended, _ = answers.cut(decision + "}", fields.most_tokens, fields.stops)
        return {"index": number, "finish_reason": ended, "text": text, "logprobs": None}

    async def models(self, request: Request) -> Response:
        """One model per task, named after it; one of them if it is named."""
        found = [{"id": task, "object": "model", "created": 0, "owned_by": "replay"} for task in self.labels.tasks]
        if "id" not in request.path_params:
            return JSONResponse({"object": "list", "data": found})
        named = next((model for model in found if model["id"] == request.path_params["id"]), None)
        return JSONResponse(named) if named else _error(404, "The model does not exist")

    async def stats(self, _: Request) -> Response:
        """What was served so far, and the faults made."""
        return JSONResponse({**self.served, "faults": self.injector.made})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    content = {"error": {"message": message, "type": "replay", "code": status}}
    return JSONResponse(content, status, headers)


def _with_late_fault(fault: str | None, body: bytes, headers: dict[str, str], slow_s: float) -> Response:
    """An answer, spoilt on its way out if the fault is of that kind."""
    whole = {**headers, "content-length": str(len(body))}
    if fault == "malformed":
        return Response(body[: len(body) // 2], media_type="application/json", headers=headers)
    if fault == "reset":
        return StreamingResponse(_broken(body), media_type="application/json", headers=whole)
    if fault == "slow":
        return StreamingResponse(_dripping(body, slow_s), media_type="application/json", headers=whole)
    return Response(body, media_type="application/json", headers=headers)


async def _broken(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionResetError("a fault on demand")


async def _dripping(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    pieces = 20
    size = len(body) // pieces + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(seconds / pieces)


def make_app(labels: LabelIndex, behaviour: ServerBehaviour, faults: list[Fault]) -> Starlette:
    """The ASGI application; the server behind it is `app.state.replay`, its batches `app.state.batches`."""
    server = ReplayServer(labels, behaviour, faults)
    batches = Batches(server.complete, Refusal)
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", server.endpoint, methods=["POST"]),
            Route("/v1/completions", server.endpoint, methods=["POST"]),
            Route("/v1/models", server.models),
            Route("/v1/models/{id}", server.models),
            Route("/stats", server.stats),
            *batches.routes(),
        ]
    )
    app.state.replay = server
    app.state.batches = batches
    return app
