"""The provider `openai-batch`: the Batch API at half the price, within a day.

Uploads what is missing, polls, collects, and submits again only what failed or expired. Which batches are under way
is in the ledger, written before a batch is made, so that a killed run finds them again and none is paid for twice.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import Any

import openai

from pipeline.teacher.answers.importer import Importer
from pipeline.teacher.answers.ledger import cache_folder
from pipeline.teacher.asking.batch_lines import missing_lines, read_results, write_files
from pipeline.teacher.asking.calls import failure_of
from pipeline.teacher.asking.connection import connection_failure
from pipeline.teacher.asking.estimate import check_batch_budget
from pipeline.teacher.errors import INTERRUPTED, LabellingStopped
from pipeline.teacher.labelling import Labelling, LabelTables
from pipeline.teacher.providers.openai import sdk_arguments
from pipeline.teacher.redaction import Redactor, api_key

OVER = ("completed", "failed", "expired", "cancelled")
ROUNDS = 5
"""Times that what failed is submitted again in one run."""
MARK = "llm4teach_intent"
"""Key of a batch's metadata with which a killed run finds it again."""


def ask(labelling: Labelling) -> LabelTables:
    """Ask until the ledger holds every answer. Raises LabellingStopped if batches take longer than max_wait_s."""
    check_batch_budget(labelling)
    task, settings, ledger = labelling.task, labelling.settings, labelling.ledger
    redact = Redactor(api_key(settings.provider, settings.api_key_env))
    kept = "every finished answer is kept"
    http = openai.DefaultHttpxClient(follow_redirects=False)
    client = openai.OpenAI(**sdk_arguments(settings), max_retries=5, http_client=http)
    run = _BatchRun(client, labelling)
    if ledger.claim([run.id], 1) == [None]:
        raise LabellingStopped(f"{task.name}: another process is at this labelling's batches\n{kept}")
    try:
        run.finish()
    except openai.APIStatusError as error:
        failure = failure_of(error.status_code, error.response.text, error.response.headers)
        raise LabellingStopped(f"{task.name}: the server refuses: {redact(str(failure))[:300]}\n{kept}") from None
    except openai.APIConnectionError as error:
        failure = connection_failure(error, run.url)
        raise LabellingStopped(f"{task.name}: {redact(str(failure))[:300]}\n{kept}") from None
    except openai.APIError as error:
        raise LabellingStopped(f"{task.name}: {redact(str(error))[:300]}\n{kept}") from None
    except _StillRunning as wait:
        raise LabellingStopped(f"{task.name}: {redact(str(wait))}\n{kept}") from None
    except KeyboardInterrupt:
        raise LabellingStopped(
            f"{task.name}: interrupted; batches under way go on\n{kept}", exit_code=INTERRUPTED
        ) from None
    finally:
        ledger.release(run.id)
        client.close()
    return labelling.tables()


class _StillRunning(Exception):
    """Batches are under way, or keep failing."""


class _BatchRun:
    """Submits and collects the batches of one labelling."""

    def __init__(self, client: openai.OpenAI, labelling: Labelling) -> None:
        self.client, self.labelling, self.ledger = client, labelling, labelling.ledger
        self.importer = Importer(labelling, "batch", f"openai {openai.__version__}")
        keys = "".join(sorted(self.importer.asked))
        self.id = hashlib.sha256(f"{keys} {labelling.method.samples}".encode()).hexdigest()
        self.deadline = time.monotonic() + labelling.settings.max_wait_s

    @property
    def url(self) -> str:
        """Address of the server."""
        return str(self.client.base_url).rstrip("/")

    def finish(self) -> None:
        """Submit and collect until nothing is missing. Raises _StillRunning, and what the SDK raises."""
        if self.labelling.missing():
            self._find_server()
        for _ in range(ROUNDS):
            self._find_lost()
            self._collect()
            missing = self.labelling.missing()
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
        unknown = {intent for intent, batch_id, _ in self.ledger.batches(self.id) if batch_id is None}
        if not unknown:
            return
        for batch in self.client.batches.list(limit=100):
            intent = (batch.metadata or {}).get(MARK)
            if intent in unknown:
                self.ledger.set_batch(intent, self.id, batch.id, batch.status, 0)
                unknown.discard(intent)
        for intent in unknown:
            self.ledger.forget_batch(intent)

    def _submit(self) -> None:
        folder = cache_folder(self.labelling.root) / "batches" / self.labelling.task.name
        endpoint = next(self.labelling.requests()).path
        for path, count in write_files(missing_lines(self.labelling), folder, f"batch-{uuid.uuid4().hex[:8]}"):
            intent = uuid.uuid4().hex
            with path.open("rb") as content:
                uploaded = self.client.files.create(file=content, purpose="batch")
            self.ledger.set_batch(intent, self.id, None, "intended", count)
            # Tried again, it might make a second one; if it fails, the next run looks whether it was made.
            batch = self.client.with_options(max_retries=0).batches.create(
                input_file_id=uploaded.id,
                endpoint=endpoint,  # type: ignore[arg-type]
                completion_window="24h",
                metadata={MARK: intent},
            )
            self.ledger.set_batch(intent, self.id, batch.id, batch.status, count)
            path.unlink()

    def _collect(self) -> None:
        """Wait for every batch under way and read its results."""
        for intent, batch_id, _ in self.ledger.batches(self.id):
            assert batch_id is not None
            batch = self._wait(batch_id)
            for file_id in (batch.output_file_id, batch.error_file_id):
                if file_id is not None:
                    content = self.client.files.content(file_id).content
                    self.importer.take(read_results(content.split(b"\n"), f"batch {batch_id}, file {file_id}"))
            if batch.status == "failed":
                errors = batch.errors.data if batch.errors and batch.errors.data else []
                self.importer.reasons += [str(error.message) for error in errors][:3]
            self.ledger.set_batch(intent, self.id, batch_id, "done", 0)

    def _wait(self, batch_id: str) -> Any:
        while True:
            batch = self.client.batches.retrieve(batch_id)
            if batch.status in OVER:
                return batch
            if time.monotonic() + self.labelling.settings.poll_s > self.deadline:
                counts = batch.request_counts
                done = f", {counts.completed} of {counts.total} answered" if counts else ""
                raise _StillRunning(f"batch {batch_id} is {batch.status}{done} (label.max_wait_s is over)")
            time.sleep(self.labelling.settings.poll_s)
