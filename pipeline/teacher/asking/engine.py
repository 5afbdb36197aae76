"""Asks for every missing sample, as fast as the server bears, and writes each answer down before the next question.

Many workers walk through the requests; a worker stays with a request until all its samples are there. A call that
fails is written down too, and made again after a while. The run stops cleanly, calls in flight included, when it
can't or shouldn't go on; nothing that was answered is ever asked again.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from pipeline.instructions import Reading
from pipeline.params import Label
from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.answers.recorder import Recorder
from pipeline.teacher.answers.records import answer_rows, attempt_row, failure_row
from pipeline.teacher.asking.budget import Budget, Reservation, rough_tokens
from pipeline.teacher.asking.calls import CallFailed, Choice, Reply, exhausted_for
from pipeline.teacher.asking.claims import Claims
from pipeline.teacher.asking.client import Client
from pipeline.teacher.asking.judgement import Judgement
from pipeline.teacher.asking.pace import Began, Pace, backoff
from pipeline.teacher.asking.progress import Progress
from pipeline.teacher.asking.requests import Request, call_body
from pipeline.teacher.redaction import Redactor

OTHERS_POLL_S = 0.2
"""Seconds between looks at requests that another process has claimed."""
_ABOUT_N = re.compile(r"\bn\b|\bchoices?\b", re.IGNORECASE)
"""In a server's error: that it was about how many answers were asked for."""


class Stopped(Exception):
    """Why a run ended before all samples were there, and what could be done about it."""


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
        self.recorder = Recorder(ledger)
        self.claims = Claims(ledger, samples, settings.concurrency)
        self.budget = Budget(settings)
        self.pace = Pace(settings.concurrency, settings.timeout_s)
        self.judgement = Judgement(settings.invalid_stop)
        self.many = client.many
        self._many_worked = False
        self._jitter = random.Random()
        self._answers = 0
        self._stop: str | None = None
        self._call_ended = asyncio.Event()

    async def run(self, requests: Iterable[Request]) -> None:
        """Ask until nothing is missing. Raises Stopped, after the calls in flight, if that can't be."""
        self.claims.begin(requests)
        workers: list[asyncio.Task[None]] = []
        try:
            while True:
                workers = [asyncio.create_task(self._work()) for _ in range(self.settings.concurrency)]
                await asyncio.gather(*workers)
                if self._stop is not None or not self.claims.begin_with_others():
                    break
                await self.pace.sleep(OTHERS_POLL_S)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self.recorder.flush()
            self.claims.release()
        if self._stop is not None:
            raise Stopped(self._stop)

    async def _work(self) -> None:
        while self._stop is None:
            ready = self.claims.next()
            if ready is None:
                return
            request, missing = ready
            self.progress.found(self.samples - len(missing))
            if missing:
                await self._complete(request, missing)
            else:
                await asyncio.sleep(0)  # a table that is nearly complete must not hold up the others

    async def _complete(self, request: Request, missing: list[int]) -> None:
        """Ask for the missing samples of one request until they are there or the run stops."""
        failures, answers_before = 0, self._answers
        while missing and (wanted := await self._admitted(request, missing)):
            try:
                answered = await self._call(request, wanted, len(missing))
                missing = [index for index in missing if index not in answered]
                failures = 0
            except CallFailed as failure:
                if self._wants_single_questions(failure, wanted):
                    self.many = False
                    continue
                if failure.status != 429 or self._answers == answers_before:
                    failures += 1
                answers_before = self._answers
                await self._after_failure(failure, max(failures, 1))

    async def _admitted(self, request: Request, missing: list[int]) -> list[int]:
        """Wait until a call may begin; the samples that it is to ask for, none if the run is at its end.

        Pause and budget are looked at only with a place in hand, and nothing comes between that look and the
        reservation: so neither a pause that came meanwhile nor another worker's call is overlooked.
        """
        while await self.pace.enter():
            wait = self.pace.pause_left()
            wanted = self._next_samples(missing)
            refusal = self.budget.refusal(self._most(request, len(wanted)))
            if not wait and not refusal:
                self.budget.begin(self._most(request, len(wanted)))
                return wanted
            if wait > self.settings.max_wait_s + 1:
                most = self.settings.max_wait_s
                self._end(f"the server's quota is used up for {wait:.0f} s, and label.max_wait_s is {most:g}")
            elif not wait and refusal and not self.budget.in_flight:
                self._end(refusal)
            self.pace.leave()
            if wait:
                await self.pace.sleep(wait)
            elif self.budget.in_flight:
                await self._call_ended.wait()  # it may turn out to have cost less than was reserved for it
        return []

    def _next_samples(self, missing: list[int]) -> list[int]:
        """The samples that one call asks for: as many as it may; with a seed, an unbroken run of them."""
        missing = missing[: self.settings.answers_per_call if self.many else 1]
        if self.settings.seed is None:
            return missing
        return [index for number, index in enumerate(missing) if index == missing[0] + number]

    def _most(self, request: Request, answers: int) -> Reservation:
        """The most tokens that a call may take."""
        return Reservation(rough_tokens(request.text), answers * request.longest_answer(self.settings))

    async def _call(self, request: Request, wanted: list[int], missing: int) -> list[int]:
        """One call, from within pace and budget, written down whatever comes of it.

        Returns the wanted samples that have an answer now, by whoever gave it. Raises CallFailed.
        """
        began, clock = self.pace.begin(), time.monotonic()
        row = attempt_row(self.task, request, wanted[0], self.settings, self.client.base_url, self.client.sdk, "online")
        try:
            outcome = await self._ask(request, wanted, row)
            self.pace.end()
            row["latency_s"] = time.monotonic() - clock
            if isinstance(outcome, CallFailed):
                self.budget.end(self._most(request, len(wanted)), outcome.tokens, outcome.paid)
                if outcome.overloaded:
                    self.pace.refused(began, min(outcome.retry_after or 0.0, self.settings.max_wait_s))
                await self.recorder.record([failure_row(row, outcome, self.settings)], over=False)
                self.progress.failed(str(outcome))
                raise outcome
            reply, rows = outcome
            self.budget.end(self._most(request, len(wanted)), (reply.tokens_in, reply.tokens_out), paid=True)
            self._learn_from(reply, len(wanted), began)
            timed = [{**one, "latency_s": row["latency_s"]} for one in rows]
            new = await self.recorder.record(timed, over=len(rows) == missing)
        finally:
            self.pace.leave()
            ended, self._call_ended = self._call_ended, asyncio.Event()
            ended.set()
        self.progress.found(len(rows) - len(new))
        self.progress.answered(len(new), self.budget.cost)
        return wanted[: len(rows)]

    async def _ask(
        self, request: Request, wanted: list[int], row: dict[str, Any]
    ) -> tuple[Reply, list[dict[str, Any]]] | CallFailed:
        """The reply and its rows, or why there is none: whatever a server sends, it is no more than a failed call."""
        reply = None
        body = call_body(request, self.settings, wanted[0], len(wanted))
        try:
            reply = (await _within(self.settings.timeout_s, self.client.call(request.path, body))).cleaned(self.redact)
            for choice in reply.choices[: len(wanted)]:
                self.judgement.add(*self.judge(request, choice))
            return reply, answer_rows(row, wanted, reply, self.settings)
        except asyncio.TimeoutError:
            failure = CallFailed(f"no answer in {self.settings.timeout_s} s", paid=True, timed_out=True)
        except CallFailed as error:
            failure = error
        except Exception as error:
            failure = CallFailed(f"{type(error).__name__}: {error}")
        if reply is not None:
            failure.tokens, failure.paid = (reply.tokens_in, reply.tokens_out), True
        return failure.cleaned(self.redact)

    def _learn_from(self, reply: Reply, wanted: int, began: Began) -> None:
        """What a reply says of the server and of the model, for the calls to come."""
        self._answers += 1
        if len(reply.choices) < wanted:
            self.many = len(reply.choices) > 1  # a server that gives one choice whatever is asked
        self._many_worked |= wanted > 1 and len(reply.choices) > 1
        refusal = self.judgement.refusal()
        if refusal:
            self._end(refusal)
        self.pace.succeeded(began)
        self.pace.pause(exhausted_for(reply.headers))

    def _wants_single_questions(self, failure: CallFailed, wanted: list[int]) -> bool:
        """Whether the server may have refused because several answers were asked for, as llama.cpp and Groq do."""
        if len(wanted) == 1 or self._many_worked:
            return False
        return failure.status in (400, 422) or (failure.status == 500 and bool(_ABOUT_N.search(str(failure))))

    async def _after_failure(self, failure: CallFailed, failures: int) -> None:
        """Wait before the next attempt, or decide that there is none."""
        settings, message = self.settings, str(failure)[:300]
        wait = failure.retry_after or 0.0
        if not failure.retry:
            self._end(f"the server refuses: {message}")
        elif failure.unreachable and not self._answers:
            self._end(message)
        elif wait > settings.max_wait_s:
            style = "%H:%M:%S" if wait < 43200 else "%Y-%m-%d %H:%M"
            until = time.strftime(style, time.localtime(time.time() + wait))
            self._end(
                f"the server asks to wait {wait:.0f} s, until {until}, and label.max_wait_s is"
                f" {settings.max_wait_s:g} ({message})"
            )
        elif failures >= settings.attempts:
            self._end(f"{failures} failures in a row for one request (label.attempts), the last: {message}")
        else:
            await self.pace.sleep(max(wait, backoff(failures, self._jitter)))

    def _end(self, why: str) -> None:
        self._stop = self._stop or why
        self.pace.stop()


async def _within(seconds: float, call: Awaitable[Reply]) -> Reply:
    """What a call brings in so many seconds. Raises TimeoutError."""
    if sys.version_info >= (3, 11):
        async with asyncio.timeout(seconds):  # spares a task per call
            return await call
    else:
        return await asyncio.wait_for(call, seconds)
