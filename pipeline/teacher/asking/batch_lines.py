"""Requests and results as the JSONL of OpenAI's Batch API, which vLLM's `run-batch` and others read and write too.

A line's `custom_id` says which samples it asks for, `<request_key>.<first>.<count>`, so that a result finds its
place whatever file it comes in and however often it is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.json_file import parse_json
from pipeline.teacher.asking.calls import CallFailed, Reply, failure_of, read_body
from pipeline.teacher.asking.requests import call_body
from pipeline.teacher.labelling import Labelling

MOST_LINES, MOST_BYTES = 50_000, 200_000_000
"""The Batch API's limits for one file."""


@dataclass(frozen=True)
class Result:
    """One line of a result file: its own name, which samples it was for, and what came of it."""

    line_id: str
    request_key: str
    first: int
    count: int
    outcome: Reply | CallFailed


def missing_lines(labelling: Labelling) -> Iterator[str]:
    """One JSON line (with its newline) for every unbroken run of samples that the ledger lacks."""
    settings = labelling.settings
    for request in labelling.requests():
        missing = labelling.ledger.missing(request.key, labelling.method.samples)
        for _, run in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]):
            indices = [index for _, index in run]
            for start in range(0, len(indices), settings.answers_per_call):
                part = indices[start : start + settings.answers_per_call]
                line = {
                    "custom_id": f"{request.key}.{part[0]}.{len(part)}",
                    "method": "POST",
                    "url": request.path,
                    "body": call_body(request, settings, part[0], len(part)),
                }
                yield json.dumps(line, ensure_ascii=False) + "\n"


def write_files(lines: Iterable[str], folder: Path, stem: str) -> list[tuple[Path, int]]:
    """Write lines to `<stem>-1.jsonl`, `-2`, … within the Batch API's limits; the files and their line counts."""
    written: list[tuple[Path, int]] = []
    out, size, count = None, 0, 0
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for line in lines:
            data = line.encode()
            if out is None or count == MOST_LINES or size + len(data) > MOST_BYTES:
                if out is not None:
                    out.close()
                    written[-1] = (written[-1][0], count)
                path = folder / f"{stem}-{len(written) + 1}.jsonl"
                out, size, count = path.open("wb"), 0, 0
                written.append((path, 0))
            out.write(data)
            size, count = size + len(data), count + 1
    finally:
        if out is not None:
            out.close()
            written[-1] = (written[-1][0], count)
    return written


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no result of our requests: where it stands, and how it begins."""

    where: str
    text: str


def read_results(lines: Iterable[bytes], where: str) -> Iterator[Result | BrokenLine]:
    """The results of a file; `where` names it. A broken line is told, and the rest is read all the same.

    Lines are bytes that were split at newlines only: JSON may hold other characters that end a line for Python.
    """
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = parse_json(text)
            key, first, count = str(line["custom_id"]).split(".")
            yield Result(str(line.get("id")), key, int(first), int(count), _outcome(line))
        except (ValueError, KeyError, TypeError):
            yield BrokenLine(f"{where}, line {number}", text.decode(errors="replace"))


def _outcome(line: dict[str, Any]) -> Reply | CallFailed:
    """A line is judged by its status code: a result file holds refusals too."""
    response, error = line.get("response"), line.get("error")
    if not isinstance(response, dict):
        message = error.get("message") if isinstance(error, dict) else error
        return CallFailed(f"the batch gave no response: {message or 'no reason given'}")
    status, body = int(response.get("status_code") or 0), json.dumps(response.get("body"))
    if not 200 <= status < 300:
        return failure_of(status, body, {})
    try:
        return read_body(body, status)
    except CallFailed as failure:
        return failure
