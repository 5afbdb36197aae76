"""The provider `openai-batch`: the Batch API at half the price, within a day.

Uploads what is missing, polls, collects, and submits again only what failed or expired. Which batches are under way
is in the ledger, written before a batch is made, so that a killed run finds them again and none is paid for twice.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openai

from pipeline.params import Label
from pipeline.tasks.base import Task
from pipeline.teacher.calls import failure_of
from pipeline.teacher.errors import Interrupted, LabellingStopped
from pipeline.teacher.imports import Importer, all_requests, count_missing
from pipeline.teacher.jsonl import missing_lines, read_results, write_files
from pipeline.teacher.ledger import Ledger, cache_folder
from pipeline.teacher.methods import Method
from pipeline.teacher.providers.connection import connection_failure
from pipeline.teacher.providers.openai_online import sdk_arguments
from pipeline.teacher.redaction import Redactor, api_key
from pipeline.teacher.states import State

OVER = ("completed", "failed", "expired", "cancelled")
ROUNDS = 5
"""Times that what failed is submitted again in one run."""
MARK = "llm4teach_intent"
"""Key of a batch's metadata with which a killed run finds it again."""


def ask_by_batches(
    task: Task, states: Sequence[State], settings: Label, method: Method, ledger: Ledger, root: Path
) -> None:
    """Ask until the ledger holds every answer. Raises LabellingStopped if batches take longer than max_wait_s."""
    redact = Redactor(api_key(settings.provider, settings.api_key_env))
    kept = "every finished answer is kept"
    client = openai.OpenAI(**sdk_arguments(settings), max_retries=5)
    desk = _Desk(client, task, states, settings, method, ledger, cache_folder(root) / "batches" / task.name)
    if ledger.claim([desk.labelling], 1) == [None]:
        raise LabellingStopped(f"{task.name}: another process is at this labelling's batches\n{kept}")
    try:
        desk.run()
    except openai.APIStatusError as error:
        failure = failure_of(error.status_code, error.response.text, error.response.headers)
        raise LabellingStopped(f"{task.name}: the server refuses: {redact(str(failure))[:300]}\n{kept}") from None
    except openai.APIConnectionError as error:
        failure = connection_failure(error, desk.url)
        raise LabellingStopped(f"{task.name}: {redact(str(failure))[:300]}\n{kept}") from None
    except openai.APIError as error:
        raise LabellingStopped(f"{task.name}: {redact(str(error))[:300]}\n{kept}") from None
    except _StillRunning as wait:
        raise LabellingStopped(f"{task.name}: {wait}\n{kept}") from None
    except KeyboardInterrupt:
        raise Interrupted(f"{task.name}: interrupted; batches under way go on\n{kept}") from None
    finally:
        ledger.release(desk.labelling)
        client.close()


class _StillRunning(Exception):
    """Batches are under way, or keep failing."""


class _Desk:
    """Submits and collects the batches of one labelling."""

    def __init__(
        self,
        client: openai.OpenAI,
        task: Task,
        states: Sequence[State],
        settings: Label,
        method: Method,
        ledger: Ledger,
        folder: Path,
    ) -> None:
        self.client, self.task, self.states, self.settings = client, task, states, settings
        self.method, self.ledger, self.folder = method, ledger, folder
        sdk = f"openai {openai.__version__}"
        self.importer = Importer(task, states, settings, method, ledger, "batch", sdk)
        keys = "".join(sorted(self.importer.asked))
        self.labelling = hashlib.sha256(f"{keys} {method.samples}".encode()).hexdigest()
        self.deadline = time.monotonic() + settings.max_wait_s

    @property
    def url(self) -> str:
        """Address of the server."""
        return str(self.client.base_url).rstrip("/")

    def run(self) -> None:
        if count_missing(self.states, self.method, self.ledger):
            self._find_server()
        for _ in range(ROUNDS):
            self._find_lost()
            self._collect()
            missing = count_missing(self.states, self.method, self.ledger)
            if not missing:
                return
            self._submit()
        reasons = "; ".join(self.importer.reasons) or "no reason given"
        raise _StillRunning(f"{missing} samples are still missing after {ROUNDS} rounds of batches: {reasons}")

    def _find_server(self) -> None:
        """Raise at once, without the SDK's retries, if there is no server at the address."""
        try:
            self.client.with_options(max_retries=0).batches.list(limit=1)
        except openai.APIConnectionError as error:
            if connection_failure(error, self.url).unreachable:
                raise
        except openai.APIError:
            pass  # which may pass; the calls to come are tried again

    def _find_lost(self) -> None:
        """Batches that a killed run intended: made, if the server lists them by our mark; else never made."""
        unknown = {intent for intent, batch_id, _ in self.ledger.batches(self.labelling) if batch_id is None}
        if not unknown:
            return
        for batch in self.client.batches.list(limit=100):
            intent = (batch.metadata or {}).get(MARK)
            if intent in unknown:
                self.ledger.set_batch(intent, self.labelling, batch.id, batch.status, 0)
                unknown.discard(intent)
        for intent in unknown:
            self.ledger.forget_batch(intent)

    def _submit(self) -> None:
        lines = missing_lines(all_requests(self.states, self.method), self.method.samples, self.settings, self.ledger)
        for path, count in write_files(lines, self.folder, f"batch-{uuid.uuid4().hex[:8]}"):
            intent = uuid.uuid4().hex
            with path.open("rb") as content:
                uploaded = self.client.files.create(file=content, purpose="batch")
            self.ledger.set_batch(intent, self.labelling, None, "intended", count)
            # Tried again, it might make a second one; if it fails, the next run looks whether it was made.
            batch = self.client.with_options(max_retries=0).batches.create(
                input_file_id=uploaded.id,
                endpoint=next(all_requests(self.states, self.method)).path,  # type: ignore[arg-type]
                completion_window="24h",
                metadata={MARK: intent},
            )
            self.ledger.set_batch(intent, self.labelling, batch.id, batch.status, count)
            path.unlink()

    def _collect(self) -> None:
        """Wait for every batch under way and read its results."""
        for intent, batch_id, _ in self.ledger.batches(self.labelling):
            assert batch_id is not None
            batch = self._wait(batch_id)
            for file_id in (batch.output_file_id, batch.error_file_id):
                if file_id is not None:
                    content = self.client.files.content(file_id).content
                    self.importer.take(read_results(content.split(b"\n"), f"batch {batch_id}, file {file_id}"))
            if batch.status == "failed":
                errors = batch.errors.data if batch.errors and batch.errors.data else []
                self.importer.reasons += [str(error.message) for error in errors][:3]
            self.ledger.set_batch(intent, self.labelling, batch_id, "done", 0)

    def _wait(self, batch_id: str) -> Any:
        while True:
            batch = self.client.batches.retrieve(batch_id)
            if batch.status in OVER:
                return batch
            if time.monotonic() + self.settings.poll_s > self.deadline:
                counts = batch.request_counts
                done = f", {counts.completed} of {counts.total} answered" if counts else ""
                raise _StillRunning(f"batch {batch_id} is {batch.status}{done} (label.max_wait_s is over)")
            time.sleep(self.settings.poll_s)
