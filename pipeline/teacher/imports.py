"""Results of batches into the ledger, judged as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.calls import CallFailed
from pipeline.teacher.jsonl import Broken, Result
from pipeline.teacher.ledger import Ledger
from pipeline.teacher.methods import Method
from pipeline.teacher.records import answer_rows, attempt_row, failure_row
from pipeline.teacher.redaction import Redactor, api_key
from pipeline.teacher.requests import Request
from pipeline.teacher.states import State


def all_requests(states: Sequence[State], method: Method) -> Iterator[Request]:
    """Every request of a labelling."""
    for state in states:
        yield from method.requests(state)


def count_missing(states: Sequence[State], method: Method, ledger: Ledger) -> int:
    """How many samples have no answer yet."""
    return sum(len(ledger.missing(request.key, method.samples)) for request in all_requests(states, method))


class Importer:
    """Writes results to the ledger; results of other labellings are passed over and counted."""

    def __init__(
        self,
        task: Task,
        states: Sequence[State],
        settings: Label,
        method: Method,
        ledger: Ledger,
        source: str,
        sdk: str,
    ) -> None:
        self.task, self.settings, self.method, self.ledger = task, settings, method, ledger
        self.source, self.sdk = source, sdk
        self.asked = {request.key: state for state in states for request in method.requests(state)}
        self.redact = Redactor(api_key(settings.provider, settings.api_key_env))
        self.kept = self.failed = self.foreign = self.broken = 0
        self.reasons: list[str] = []

    def take(self, results: Iterable[Result | Broken]) -> None:
        """Write results to the ledger. One that is there already is no news, so that files can be read twice."""
        for result in results:
            if isinstance(result, Broken):
                self.broken += 1
                if self.broken == 1:
                    start = self.redact(result.text)[:100]
                    self.reasons.append(f"{result.where}: not a result of our requests: {start!r}")
                continue
            state = self.asked.get(result.request_key)
            if state is None:
                self.foreign += 1
                continue
            request = next(one for one in self.method.requests(state) if one.key == result.request_key)
            asked = range(result.first, min(result.first + result.count, self.method.samples))
            missing = set(self.ledger.missing(result.request_key, self.method.samples))
            if missing.intersection(asked):
                self._write(request, list(asked), missing, result)

    def _write(self, request: Request, asked: list[int], missing: set[int], result: Result) -> None:
        row = attempt_row(
            self.task.name, request, asked[0], self.settings, self.settings.base_url, self.sdk, self.source
        )
        outcome = result.outcome
        if not isinstance(outcome, CallFailed):
            try:
                for choice in outcome.choices[: len(asked)]:
                    self.method.judge(request, choice)
            except CallFailed as failure:
                failure.tokens = (outcome.tokens_in, outcome.tokens_out)
                outcome = failure
        if isinstance(outcome, CallFailed):
            failed = failure_row({**row, "response_id": result.line_id}, outcome, self.redact, self.settings)
            if self.ledger.has_attempt(failed):
                return
            self.ledger.record([failed])
            self.failed += 1
            if len(self.reasons) < 3 and failed["error"] not in self.reasons:
                self.reasons.append(failed["error"])
            return
        rows = answer_rows(row, asked, outcome, self.redact, self.settings)
        news = [one for one in rows if one["sample_index"] in missing]
        if not news:
            return
        for column in ("raw", "tokens_in", "tokens_out", "cost"):
            news[0][column] = rows[0][column]  # they stand in a call's first row, whichever of its samples that is
        self.kept += len(self.ledger.record(news))
