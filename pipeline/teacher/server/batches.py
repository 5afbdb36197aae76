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

from pipeline.json_file import JsonError, parse_json


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
            Route("/v1/files", self.list_files),
            Route("/v1/files/{id}", self.retrieve_file),
            Route("/v1/files/{id}/content", self.content),
            Route("/v1/batches", self.create, methods=["POST"]),
            Route("/v1/batches", self.list),
            Route("/v1/batches/{id}", self.retrieve),
            Route("/v1/batches/{id}/cancel", self.cancel, methods=["POST"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Keep a file."""
        form = await request.form()
        upload = form.get("file")
        if upload is None:
            return _refused("file: missing")
        data = upload.encode() if isinstance(upload, str) else await upload.read()
        name = self._keep(data)
        return JSONResponse(self._about(name))

    def _about(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "file",
            "bytes": len(self.files[name]),
            "created_at": 0,
            "filename": "requests.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    async def list_files(self, _: Request) -> Response:
        """All files, newest first."""
        return JSONResponse({"object": "list", "data": [self._about(n) for n in self.files][::-1], "has_more": False})

    async def retrieve_file(self, request: Request) -> Response:
        """What is known of a file."""
        name = request.path_params["id"]
        return JSONResponse(self._about(name)) if name in self.files else _missing()

    async def content(self, request: Request) -> Response:
        """A file's bytes."""
        data = self.files.get(request.path_params["id"])
        return _missing() if data is None else Response(data, media_type="application/jsonl")

    async def create(self, request: Request) -> Response:
        """Answer all lines of a file; doubled custom_ids make the batch fail, as in the real API."""
        try:
            body = parse_json(await request.body())
            data = self.files.get(body["input_file_id"])
            if data is None:
                return _missing()
            lines = [parse_json(line) for line in data.splitlines()]
            asked = [(str(line["custom_id"]), str(line["url"]), line["body"]) for line in lines]
            endpoint = str(body["endpoint"])
        except (JsonError, KeyError, TypeError, AttributeError) as error:
            return _refused(f"{type(error).__name__}: {error}")
        batch: dict[str, Any] = {
            "id": f"batch_{next(self._numbers)}",
            "object": "batch",
            "endpoint": endpoint,
            "completion_window": "24h",
            "created_at": int(time.time()),
            "input_file_id": body["input_file_id"],
            "metadata": body.get("metadata"),
        }
        if len({name for name, _, _ in asked}) < len(asked):
            fault = {"code": "duplicate_custom_id", "message": "a custom_id is there twice"}
            batch |= {"status": "failed", "errors": {"object": "list", "data": [fault]}}
        else:
            batch |= self._run(asked)
        self.batches[batch["id"]] = batch
        return JSONResponse(batch)

    def _run(self, lines: list[tuple[str, str, Any]]) -> dict[str, Any]:
        answered, refused = [], []
        for number, (name, url, content) in enumerate(lines, 1):
            result: dict[str, Any] = {"id": f"line_{number}", "custom_id": name, "error": None}
            if self.drop_every and number % self.drop_every == 0:
                expired = {"code": "batch_expired", "message": "this request could not be answered in time"}
                refused.append({**result, "response": None, "error": expired})
                continue
            try:
                body = self._complete(url, content)
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
        if self.pending and batch["status"] != "cancelled":
            files = ("output_file_id", "error_file_id")
            batch = {name: value for name, value in batch.items() if name not in files} | {"status": "in_progress"}
        return JSONResponse(batch)

    async def cancel(self, request: Request) -> Response:
        """End a batch that is said to be under way; one that is over stays as it is."""
        batch = self.batches.get(request.path_params["id"])
        if batch is None:
            return _missing()
        if self.pending:
            batch |= {"status": "cancelled", "output_file_id": None, "error_file_id": None}
        return JSONResponse(batch)

    async def list(self, _: Request) -> Response:
        """All batches, newest first."""
        data = list(self.batches.values())[::-1]
        return JSONResponse({"object": "list", "data": data, "has_more": False})

    def _keep(self, data: bytes) -> str:
        name = f"file-{next(self._numbers)}"
        self.files[name] = data
        return name


def _refused(why: str) -> Response:
    return JSONResponse({"error": {"message": why, "code": 400}}, 400)


def _missing() -> Response:
    return JSONResponse({"error": {"message": "there is no such thing", "code": 404}}, 404)
