"""The responses of a set, checked, and the answers to each state among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.label_sets.folder import Limits, SetError
from pipeline.label_sets.stranger_parquet import StrangerTable
from pipeline.terminal import printable

SOURCES = ("online", "batch", "import", "replay", "local")
_KEPT = ("text", "logprobs", "model_returned", "system_fingerprint", "response_id", "at")
_IDS = ("request_key", "state_id")
_SHORT = ("provider", "base_url", "model_requested", "model_returned", "system_fingerprint", "response_id", "sdk")


@dataclass(frozen=True)
class Answers:
    """What a teacher answered about the states of a set, by the number of a state's label row.

    table      the columns that a label is made of, one row per attempt
    order      int64[attempts]: the attempts by label, request, sample and attempt
    starts     int64[labels + 1]: those of label k are order[starts[k]:starts[k + 1]]
    answered   bool[attempts]: the attempt is the first success of its sample
    failed     bool[attempts]: it brought an error
    requests   int32[attempts]: number of the request that it was an attempt at
    keys       the request_key of each such number
    """

    table: pa.Table
    order: np.ndarray
    starts: np.ndarray
    answered: np.ndarray
    failed: np.ndarray
    requests: np.ndarray
    keys: Sequence[str]

    def of(self, first: int, last: int) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """For each label row from `first` up to `last`: its answers in order, as rows, and how many attempts failed.

        An answer's row has its `request_key` too.
        """
        rows = self.order[self.starts[first] : self.starts[last]]
        wanted = rows[self.answered[rows]]
        taken = iter(self.table.take(pa.array(wanted)).to_pylist())
        for label in range(first, last):
            own = self.order[self.starts[label] : self.starts[label + 1]]
            good = own[self.answered[own]]
            answers = [{**next(taken), "request_key": self.keys[self.requests[row]]} for row in good]
            yield answers, int(self.failed[own].sum())


def read_answers(table: StrangerTable, task: str, labels: Mapping[str, int], limits: Limits) -> Answers:
    """Read and check the responses of a task whose labels are numbered by state_id.

    Raises SetError: another task, a state that has no label, ids and numbers that can't be, an attempt listed twice,
    a request about two states.
    """
    known = pa.array(list(labels), pa.string())
    keys: dict[str, int] = {}
    kept, states, requests, samples, attempts, failed = [], [], [], [], [], []
    row = 0
    for batch in table.batches():
        _check_batch(batch, table.name, row, task, limits)
        code = pc.index_in(batch["state_id"], value_set=known)
        _require(pc.is_valid(code), table.name, row, "state_id is of no label of this set")
        states.append(code.to_numpy())
        requests.append(
            np.array([keys.setdefault(key, len(keys)) for key in batch["request_key"].to_pylist()], np.int32)
        )
        samples.append(batch["sample_index"].to_numpy())
        attempts.append(batch["attempt"].to_numpy())
        failed.append(pc.is_valid(batch["error"]).to_numpy(zero_copy_only=False))
        kept.append(batch.select(_KEPT))
        row += batch.num_rows
    if not kept:
        raise SetError(f"{table.name}: has no rows; a table without rows is left out")
    state, request, sample, attempt, error = map(np.concatenate, (states, requests, samples, attempts, failed))
    order = np.lexsort((attempt, sample, request, state))
    _check_attempts(table.name, order, request, sample, attempt)
    pairs = np.unique(np.stack([request, state], 1), axis=0)
    if len(pairs) != len(keys):
        raise SetError(f"{table.name}: one request_key stands for questions about several states")
    return Answers(
        pa.Table.from_batches(kept),
        order,
        np.searchsorted(state[order], np.arange(len(labels) + 1)),
        _first_successes(order, request, sample, error),
        error,
        request,
        list(keys),
    )


def _first_successes(order: np.ndarray, request: np.ndarray, sample: np.ndarray, failed: np.ndarray) -> np.ndarray:
    """bool[attempts]: the first attempt without an error of each (request, sample)."""
    good = order[~failed[order]]
    first = np.ones(len(good), bool)
    first[1:] = (request[good][1:] != request[good][:-1]) | (sample[good][1:] != sample[good][:-1])
    answered = np.zeros(len(order), bool)
    answered[good[first]] = True
    return answered


def _check_attempts(name: str, order: np.ndarray, *columns: np.ndarray) -> None:
    sorted_columns = [column[order] for column in columns]
    same = np.logical_and.reduce([column[1:] == column[:-1] for column in sorted_columns])
    if same.any():
        row = int(order[1:][same].min())
        raise SetError(f"{name}, row {row}: the same attempt at the same sample is there twice")


def _check_batch(batch: pa.RecordBatch, name: str, row: int, task: str, limits: Limits) -> None:
    """What must hold of each row alone."""

    def column(title: str) -> pa.Array:
        return batch[title]

    _require(pc.equal(column("task"), task), name, row, f"a response of another task than {task!r}")
    for title in _IDS:
        _require(pc.match_substring_regex(column(title), "^[0-9a-f]{64}$"), name, row, f"{title} is no sha256")
    for title, least in (("sample_index", 0), ("attempt", 1)):
        _require(pc.greater_equal(column(title), least), name, row, f"{title} is missing or less than {least}")
    for title in ("tokens_in", "tokens_out", "cost", "latency_s"):
        fine = pc.and_(pc.greater_equal(column(title), 0), pc.less(column(title), 1e12))
        _require(pc.or_kleene(pc.is_null(column(title)), fine), name, row, f"{title} is no number from 0 on")
    answered = pc.and_(pc.is_null(column("error")), pc.is_valid(column("text")))
    _require(pc.or_(answered, pc.is_valid(column("error"))), name, row, "neither a text nor an error")
    short = pc.less_equal(pc.utf8_length(column("text")), limits.answer_chars)
    _require(
        pc.or_kleene(pc.is_null(column("text")), short),
        name,
        row,
        f"an answer of more than {limits.answer_chars} letters",
    )
    _require(
        pc.is_in(column("source"), value_set=pa.array(SOURCES)), name, row, f"source is none of {', '.join(SOURCES)}"
    )
    for title in _SHORT:
        odd = pc.match_substring_regex(column(title), "[\\p{C}<>`]")
        plain = pc.and_(pc.invert(odd), pc.less_equal(pc.utf8_length(column(title)), 500))
        _require(pc.or_kleene(pc.is_null(column(title)), plain), name, row, f"{title} is no plain name")


def _require(holds: pa.Array, name: str, first: int, message: str) -> None:
    """Raise SetError with the first row for which a condition does not hold; null counts as not."""
    fine = pc.fill_null(holds, False).to_numpy(zero_copy_only=False)
    if not fine.all():
        raise SetError(f"{name}, row {first + int(np.argmin(fine))}: {printable(message)}")
