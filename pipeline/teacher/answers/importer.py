"""Results of batches into the ledger, judged as they come."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.teacher.answers.records import answer_rows, attempt_row, failure_row
from pipeline.teacher.asking.batch_lines import BrokenLine, Result
from pipeline.teacher.asking.calls import CallFailed
from pipeline.teacher.asking.requests import Request
from pipeline.teacher.labelling import Labelling
from pipeline.teacher.redaction import Redactor, api_key


class Importer:
    """Writes results to the ledger; results of other labellings are passed over and counted."""

    def __init__(self, labelling: Labelling, source: str, sdk: str) -> None:
        settings = labelling.settings
        self.task, self.settings = labelling.task, settings
        self.method, self.ledger = labelling.method, labelling.ledger
        self.source, self.sdk = source, sdk
        self.asked = {request.key: request for request in labelling.requests()}
        self.redact = Redactor(api_key(settings.provider, settings.api_key_env))
        self.kept = self.failed = self.foreign = self.broken = 0
        self.reasons: list[str] = []

    def take(self, results: Iterable[Result | BrokenLine]) -> None:
        """Write results to the ledger. One that is there already is no news, so that files can be read twice."""
        for result in results:
            if isinstance(result, BrokenLine):
                self.broken += 1
                if self.broken == 1:
                    start = self.redact(result.text)[:100]
                    self.reasons.append(f"{result.where}: not a result of our requests: {start!r}")
                continue
            request = self.asked.get(result.request_key)
            if request is None:
                self.foreign += 1
                continue
            asked = range(result.first, min(result.first + result.count, self.method.samples))
            missing = set(self.ledger.missing(result.request_key, self.method.samples))
            if missing.intersection(asked):
                self._write(request, list(asked), missing, result)

    def _write(self, request: Request, asked: list[int], missing: set[int], result: Result) -> None:
        row = attempt_row(
            self.task.name, request, asked[0], self.settings, self.settings.base_url, self.sdk, self.source
        )
        outcome = result.outcome.cleaned(self.redact)
        if not isinstance(outcome, CallFailed):
            try:
                for choice in outcome.choices[: len(asked)]:
                    self.method.judge(request, choice)
            except CallFailed as failure:
                failure.tokens = (outcome.tokens_in, outcome.tokens_out)
                outcome = failure
        if isinstance(outcome, CallFailed):
            failed = failure_row({**row, "response_id": result.line_id}, outcome, self.settings)
            if self.ledger.has_attempt(failed):
                return
            self.ledger.record([failed])
            self.failed += 1
            if len(self.reasons) < 3 and failed["error"] not in self.reasons:
                self.reasons.append(failed["error"])
            return
        rows = answer_rows(row, asked, outcome, self.settings)
        news = [one for one in rows if one["sample_index"] in missing]
        if not news:
            return
        for column in ("raw", "tokens_in", "tokens_out", "cost"):
            news[0][column] = rows[0][column]  # they stand in a call's first row, whichever of its samples that is
        self.kept += len(self.ledger.record(news))
