"""Files and batches of the replay server: the part of the Batch API that a labelling needs, kept in memory."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Batches:
    """Answers each batch as soon as it is made.

    drop_every   every so-manieth line of a batch expires unanswered, as lines of real batches do; 0: none does
    pending      as long as it is set, batches are said to be under way
    """

    def __init__(self, complete: Callable[[str, dict[str, Any]], dict[str, Any]], refusal: type[Exception]) -> None:
        self._complete, self._refusal = complete, refusal
        self.drop_every = 0
        self.pending = False
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def routes(self) -> list[Route]:
        return [
            Route("/v1/files", self.upload, methods=["POST"]),
            Route("/v1/files/{id}/content", self.content),
            Route("/v1/batches", self.create, methods=["POST"]),
            Route("/v1/batches", self.list),
            Route("/v1/batches/{id}", self.retrieve),
        ]

    async def upload(self, request: Request) -> Response:
        """Keep a file."""
        form = await request.form()
        upload = form["file"]
        data = upload.encode() if isinstance(upload, str) else await upload.read()
        name = self._keep(data)
        return JSONResponse(
            {
                "id": name,
                "object": "file",
                "bytes": len(data),
                "created_at": int(time.time()),
                "filename": "requests.jsonl",
                "purpose": "batch",
                "status": "processed",
            }
        )

    async def content(self, request: Request) -> Response:
        """A file's bytes."""
        data = self.files.get(request.path_params["id"])
        return _missing() if data is None else Response(data, media_type="application/jsonl")

    async def create(self, request: Request) -> Response:
        """Answer all lines of a file; doubled custom_ids make the batch fail, as in the real API."""
        body = json.loads(await request.body())
        data = self.files.get(body.get("input_file_id"))
        if data is None:
            return _missing()
        lines = [json.loads(line) for line in data.decode().splitlines()]
        batch: dict[str, Any] = {
            "id": f"batch_{next(self._numbers)}",
            "object": "batch",
            "endpoint": body["endpoint"],
            "completion_window": "24h",
            "created_at": int(time.time()),
            "input_file_id": body["input_file_id"],
            "metadata": body.get("metadata"),
        }
        if len({line["custom_id"] for line in lines}) < len(lines):
            fault = {"code": "duplicate_custom_id", "message": "a custom_id is there twice"}
            batch |= {"status": "failed", "errors": {"object": "list", "data": [fault]}}
        else:
            batch |= self._run(lines)
        self.batches[batch["id"]] = batch
        return JSONResponse(batch)

    def _run(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        answered, refused = [], []
        for number, line in enumerate(lines, 1):
            result: dict[str, Any] = {"id": f"line_{number}", "custom_id": line["custom_id"], "error": None}
            if self.drop_every and number % self.drop_every == 0:
                expired = {"code": "batch_expired", "message": "this request could not be answered in time"}
                refused.append({**result, "response": None, "error": expired})
                continue
            try:
                body = self._complete(line["url"], line["body"])
                answered.append({**result, "response": {"status_code": 200, "request_id": "", "body": body}})
            except self._refusal as refusal:
                body = {"error": {"message": str(refusal)}}
                status = getattr(refusal, "status", 400)
                refused.append({**result, "response": {"status_code": status, "request_id": "", "body": body}})
        counts = {"total": len(lines), "completed": len(answered), "failed": len(refused)}
        files = {
            name: self._keep("".join(json.dumps(one) + "\n" for one in part).encode())
            for name, part in (("output_file_id", answered), ("error_file_id", refused))
            if part
        }
        return {"status": "completed", "request_counts": counts, **files}

    async def retrieve(self, request: Request) -> Response:
        """One batch."""
        batch = self.batches.get(request.path_params["id"])
        if batch is None:
            return _missing()
        if self.pending:
            files = ("output_file_id", "error_file_id")
            batch = {name: value for name, value in batch.items() if name not in files} | {"status": "in_progress"}
        return JSONResponse(batch)

    async def list(self, _: Request) -> Response:
        """All batches, newest first."""
        data = list(self.batches.values())[::-1]
        return JSONResponse({"object": "list", "data": data, "has_more": False})

    def _keep(self, data: bytes) -> str:
        name = f"file-{next(self._numbers)}"
        self.files[name] = data
        return name


def _missing() -> Response:
    return JSONResponse({"error": {"message": "there is no such thing", "code": 404}}, 404)
