"""Asks for every missing sample, as fast as the server bears, and writes each answer down before the next question.

Many workers walk through the requests; a worker stays with a request until all its samples are there. A call that
fails is written down too, and made again after a while. The run stops cleanly, calls in flight included, when it
can't or shouldn't go on; nothing that was answered is ever asked again.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pipeline.instructions import Reading
from pipeline.params import Label
from pipeline.teacher.budget import Budget, rough_tokens
from pipeline.teacher.calls import CallFailed, Choice, Reply, exhausted_for
from pipeline.teacher.ledger import Ledger, now
from pipeline.teacher.pace import Pace, backoff
from pipeline.teacher.progress import Progress
from pipeline.teacher.providers.client import Client
from pipeline.teacher.redaction import Redactor
from pipeline.teacher.requests import Request, call_body

JUDGED_AT_LEAST = 20
"""Answers after which mostly unusable ones stop a run."""
MOST_AHEAD = 64
"""Requests that are claimed in one transaction."""
OTHERS_POLL_S = 0.2
"""Seconds between looks at requests that another process has claimed."""


class Stopped(Exception):
    """Why a run ended before all samples were there, and what could be done about it."""


@dataclass
class Judged:
    """The verdicts of a run so far, and examples of unusable answers."""

    usable: int = 0
    unusable: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str, reading: Reading) -> None:
        if reading.verdict.usable:
            self.usable += 1
            return
        self.unusable += 1
        example = f"{text[:120]!r}: {reading.verdict.value}{', ' if reading.why else ''}{reading.why}"
        if len(self.examples) < 3 and example not in self.examples:
            self.examples.append(example)


class Engine:
    """One run.

    client    who is asked
    task      name of the task, for the records
    samples   answers wanted per request
    judge     reads one choice: its decision's text and reading; may raise CallFailed if it can't be used at all
    """

    def __init__(
        self,
        client: Client,
        task: str,
        samples: int,
        settings: Label,
        ledger: Ledger,
        judge: Callable[[Request, Choice], tuple[str, Reading]],
        redact: Redactor,
        progress: Progress,
    ) -> None:
        self.client, self.task, self.samples, self.settings = client, task, samples, settings
        self.ledger, self.judge, self.redact, self.progress = ledger, judge, redact, progress
        self.budget = Budget(settings)
        self.pace = Pace(settings.concurrency)
        self.judged = Judged()
        self.many = client.many
        self._jitter = random.Random()
        self._answers = 0
        self._stop: str | None = None
        self._with_others: list[Request] = []
        self._claimed: deque[tuple[Request, list[int]]] = deque()

    async def run(self, requests: Iterable[Request]) -> None:
        """Ask until nothing is missing. Raises Stopped, after the calls in flight, if that can't be."""
        source = iter(requests)
        workers = [asyncio.create_task(self._work(source)) for _ in range(self.settings.concurrency)]
        try:
            await asyncio.gather(*workers)
            while self._with_others and self._stop is None:
                await self.pace.sleep(OTHERS_POLL_S)
                waiting, self._with_others = self._with_others, []
                await self._work(iter(waiting))
        finally:
            for request, _ in self._claimed:
                self.ledger.release(request.key)
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if self._stop is not None:
            raise Stopped(self._stop)

    async def _work(self, source: Iterator[Request]) -> None:
        while self._stop is None:
            ready = self._next_claimed(source)
            if ready is None:
                return
            request, missing = ready
            self.progress.found(self.samples - len(missing))
            if missing:
                await self._complete(request, missing)
            else:
                await asyncio.sleep(0)  # a table that is nearly complete must not hold up the others

    def _next_claimed(self, source: Iterator[Request]) -> tuple[Request, list[int]] | None:
        """The next request and what it lacks; None at the end. Claims as many ahead as there are workers."""
        while not self._claimed:
            ahead = list(islice(source, min(self.settings.concurrency, MOST_AHEAD)))
            if not ahead:
                return None
            found = self.ledger.claim([request.key for request in ahead], self._claim_seconds(), self.samples)
            for request, missing in zip(ahead, found, strict=True):
                if missing is None:
                    self._with_others.append(request)
                else:
                    self._claimed.append((request, missing))
        return self._claimed.popleft()

    async def _complete(self, request: Request, missing: list[int]) -> None:
        """Ask for the missing samples of one request until they are there or the run stops."""
        failures, answers_at_failure = 0, -1
        while missing and self._may_ask(request, len(missing)) and await self.pace.enter():
            try:
                answered = await self._call(request, missing)
                missing = [index for index in missing if index not in answered]
                failures = 0
            except CallFailed as failure:
                if failure.status != 429 or self._answers == answers_at_failure:
                    failures += 1
                answers_at_failure = self._answers
                await self._after_failure(failure, max(failures, 1))
                self.ledger.claim([request.key], self._claim_seconds(), self.samples)
        if missing:
            self.ledger.release(request.key)

    def _next_samples(self, missing: list[int]) -> list[int]:
        """The samples that one call asks for: as many as it may; with a seed, an unbroken run of them."""
        missing = missing[: self.settings.answers_per_call if self.many else 1]
        if self.settings.seed is None:
            return missing
        return [index for number, index in enumerate(missing) if index == missing[0] + number]

    def _claim_seconds(self) -> float:
        """How long a claim must hold: a call, and the longest wait before it."""
        return self.settings.timeout_s + self.settings.max_wait_s + 60

    async def _call(self, request: Request, missing: list[int]) -> list[int]:
        """One call, from within the pace, written down whatever comes of it; the samples that it answered."""
        wanted = self._next_samples(missing)
        body = call_body(request, self.settings, wanted[0], len(wanted))
        self.budget.begin()
        begun = time.monotonic()
        tokens: tuple[int | None, int | None] = (None, None)
        try:
            reply = await asyncio.wait_for(self.client.call(request.path, body), self.settings.timeout_s)
            tokens = (reply.tokens_in, reply.tokens_out)
            readings = [self.judge(request, choice) for choice in reply.choices[: len(wanted)]]
        except (CallFailed, asyncio.TimeoutError) as error:
            failure = (
                error if isinstance(error, CallFailed) else CallFailed(f"no answer in {self.settings.timeout_s} s")
            )
            self._write_failure(request, wanted[0], failure, time.monotonic() - begun, tokens)
            if failure.status in (429, 503):
                self.pace.refused(begun, min(failure.retry_after or 0.0, self.settings.max_wait_s))
            raise failure from None
        finally:
            self.pace.leave()
            self.budget.end(*tokens)
        complete = min(len(wanted), len(reply.choices)) == len(missing)
        answered = self._write_answers(request, wanted, reply, time.monotonic() - begun, complete)
        self._answers += 1
        if len(reply.choices) < len(wanted):
            self.many = len(reply.choices) > 1  # a server that gives one choice whatever is asked
        for text, reading in readings:
            self.judged.add(text, reading)
        self._check_judgement()
        self.pace.succeeded()
        self.pace.pause(exhausted_for(reply.headers))
        return answered

    def _row(self, request: Request, sample: int, latency: float) -> dict[str, Any]:
        return {
            "request_key": request.key,
            "sample_index": sample,
            "task": self.task,
            "state_id": request.state.description.state_id,
            "provider": self.settings.provider,
            "base_url": self.client.base_url,
            "model_requested": self.settings.model,
            "error": None,
            "latency_s": latency,
            "at": now(),
            "sdk": self.client.sdk,
            "source": "online",
        }

    def _write_answers(
        self, request: Request, wanted: list[int], reply: Reply, latency: float, complete: bool
    ) -> list[int]:
        rows = answer_rows(self._row(request, wanted[0], latency), wanted, reply, self.redact, self.budget)
        answered = self.ledger.record(rows, release=complete)
        self.progress.answered(len(answered), self.budget.cost)
        return answered

    def _write_failure(
        self, request: Request, sample: int, failure: CallFailed, latency: float, tokens: tuple[int | None, int | None]
    ) -> None:
        row = self._row(request, sample, latency)
        row["tokens_in"], row["tokens_out"] = tokens
        row["cost"] = None if tokens == (None, None) else self.budget.price(*tokens)
        row["status"], row["error"] = failure.status, self.redact(str(failure))[:500]
        row["raw"] = None if failure.raw is None else self.redact(failure.raw)[:2000]
        self.ledger.record([row])
        self.progress.failed()

    async def _after_failure(self, failure: CallFailed, failures: int) -> None:
        """Wait before the next attempt, or decide that there is none."""
        settings, message = self.settings, self.redact(str(failure))[:300]
        if not failure.retry:
            self._end(f"the server refuses: {message}")
        elif (failure.retry_after or 0.0) > settings.max_wait_s:
            until = time.strftime("%H:%M:%S", time.localtime(time.time() + (failure.retry_after or 0.0)))
            self._end(
                f"the server asks to wait {failure.retry_after:.0f} s, until {until}, and label.max_wait_s is"
                f" {settings.max_wait_s:g} ({message})"
            )
        elif failures >= settings.attempts:
            self._end(f"{failures} failures in a row for one request (label.attempts), the last: {message}")
        else:
            await self.pace.sleep(max(failure.retry_after or 0.0, backoff(failures, self._jitter)))

    def _may_ask(self, request: Request, answers: int) -> bool:
        """Whether budget and quota allow one more call; if not, the run ends."""
        wait = self.pace.pause_left()
        if self._stop is None and wait > self.settings.max_wait_s + 1:
            most = self.settings.max_wait_s
            self._end(f"the server's quota is used up for {wait:.0f} s, and label.max_wait_s is {most:g}")
        refusal = self.budget.refusal(rough_tokens(request.text), answers) if self._stop is None else None
        if refusal:
            self._end(refusal)
        return self._stop is None

    def _check_judgement(self) -> None:
        total = self.judged.usable + self.judged.unusable
        limit = self.settings.invalid_stop
        if limit < 1 and total >= JUDGED_AT_LEAST and self.judged.unusable >= limit * total:
            examples = "\n".join(f"  {example}" for example in self.judged.examples)
            self._end(
                f"{self.judged.unusable} of {total} answers are unusable (label.invalid_stop = {limit:g}), such as\n"
                + self.redact(examples)
            )

    def _end(self, why: str) -> None:
        self._stop = self._stop or why
        self.pace.stop()


def answer_rows(
    row: dict[str, Any], wanted: list[int], reply: Reply, redact: Redactor, budget: Budget
) -> list[dict[str, Any]]:
    """One row per choice, for the wanted samples in order. Raw body, tokens and cost stand in the first one only."""
    rows = []
    for number, (sample, choice) in enumerate(zip(wanted, reply.choices, strict=False)):
        first = number == 0
        rows.append(
            {
                **row,
                "sample_index": sample,
                "status": reply.status,
                "model_returned": reply.model,
                "system_fingerprint": reply.fingerprint,
                "response_id": reply.response_id,
                "text": redact(choice.text),
                "raw": redact(reply.raw) if first else None,
                "logprobs": None if choice.logprobs is None else json.dumps(choice.logprobs),
                "tokens_in": reply.tokens_in if first else None,
                "tokens_out": reply.tokens_out if first else None,
                "cost": budget.price(reply.tokens_in, reply.tokens_out) if first else None,
            }
        )
    return rows
