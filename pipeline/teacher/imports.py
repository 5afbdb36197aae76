"""Results of batches into the ledger, judged as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.budget import Budget
from pipeline.teacher.calls import CallFailed
from pipeline.teacher.engine import answer_rows
from pipeline.teacher.jsonl import Result
from pipeline.teacher.ledger import Ledger, now
from pipeline.teacher.methods import Method
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
        self.budget = Budget(settings)
        self.kept = self.failed = self.foreign = 0
        self.reasons: list[str] = []

    def take(self, results: Iterable[Result]) -> None:
        """Write results to the ledger. One that is there already is no news, so that files can be read twice."""
        for result in results:
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
        row = {
            "request_key": request.key,
            "sample_index": asked[0],
            "task": self.task.name,
            "state_id": request.state.description.state_id,
            "provider": self.settings.provider,
            "base_url": self.settings.base_url,
            "model_requested": self.settings.model,
            "error": None,
            "at": now(),
            "sdk": self.sdk,
            "source": self.source,
        }
        outcome = result.outcome
        if not isinstance(outcome, CallFailed):
            try:
                for choice in outcome.choices[: len(asked)]:
                    self.method.judge(request, choice)
            except CallFailed as failure:
                outcome = failure
        if isinstance(outcome, CallFailed):
            reason = self.redact(str(outcome))[:500]
            self.ledger.record([{**row, "status": outcome.status, "error": reason}])
            self.failed += 1
            if len(self.reasons) < 3 and reason not in self.reasons:
                self.reasons.append(reason)
            return
        rows = answer_rows(row, asked, outcome, self.redact, self.budget)
        self.kept += len(self.ledger.record([one for one in rows if one["sample_index"] in missing]))
