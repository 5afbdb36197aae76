"""A stand-in for the Hugging Face Hub: the calls that its client makes to push and pull a dataset, in memory."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "hf_a_token_for_tests"


@dataclass
class Repo:
    """One dataset: its commits (path -> content), and names of commits."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], name: str = "main") -> str:
        digest = hashlib.sha1(repr((sorted(files.items()), len(self.commits))).encode()).hexdigest()
        self.commits[digest] = files
        self.names[name] = digest
        return digest


@dataclass
class Hub:
    """All datasets; `spoiled` is what is served in place of a file's content, `lie` the commit named in its place."""

    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    spoiled: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        one = "/{owner}/{name}"
        return Starlette(
            routes=[
                Route("/api/whoami-v2", self.whoami),
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/validate-yaml", lambda _: JSONResponse({"errors": [], "warnings": []}), methods=["POST"]),
                Route(f"/api/datasets{one}", self.info),
                Route(f"/api/datasets{one}/revision/{{revision}}", self.info),
                Route(f"/api/datasets{one}/tree/{{revision}}", self.tree),
                Route(f"/api/datasets{one}/preupload/{{revision}}", self.preupload, methods=["POST"]),
                Route(f"/api/datasets{one}/commit/{{revision}}", self.commit, methods=["POST"]),
                Route(f"/api/datasets{one}/tag/{{revision}}", self.tag, methods=["POST"]),
                Route(f"/datasets{one}.git/info/lfs/objects/batch", self.lfs, methods=["POST"]),
                Route("/blobs/{oid}", self.put, methods=["PUT"]),
                Route(f"/datasets{one}/resolve/{{revision}}/{{path:path}}", self.resolve, methods=["GET", "HEAD"]),
            ]
        )

    def repo(self, request: Request) -> tuple[Repo | None, str | None]:
        """The repository that a request is about, and its commit."""
        self.calls.append(f"{request.method} {request.url.path}")
        repo = self.repos.get(f"{request.path_params['owner']}/{request.path_params['name']}")
        revision = request.path_params.get("revision", "main")
        if repo is None:
            return None, None
        return repo, repo.names.get(revision, revision if revision in repo.commits else None)

    def allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {TOKEN}"

    async def whoami(self, request: Request) -> Response:
        return JSONResponse({"name": "me", "type": "user", "orgs": []}) if self.allowed(request) else denied()

    async def create(self, request: Request) -> Response:
        if not self.allowed(request):
            return denied()
        asked = await request.json()
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = f"{request.base_url}datasets/{name}"
        if name in self.repos:
            return JSONResponse({"error": "exists", "url": url}, 409)
        self.repos[name] = Repo()
        self.repos[name].commit({".gitattributes": b"*.parquet filter=lfs\n"})
        return JSONResponse({"url": url, "name": name})

    async def info(self, request: Request) -> Response:
        repo, sha = self.repo(request)
        if repo is None or sha is None:
            return missing("RepoNotFound" if repo is None else "RevisionNotFound")
        files = repo.commits[sha]
        siblings = [
            {"rfilename": path, "size": self.sizes.get(path, len(content)), "blobId": git_id(content)}
            for path, content in files.items()
        ]
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        return JSONResponse({"id": name, "sha": sha, "private": False, "tags": [], "siblings": siblings})

    async def tree(self, request: Request) -> Response:
        repo, sha = self.repo(request)
        if repo is None or sha is None:
            return missing("RepoNotFound" if repo is None else "RevisionNotFound")
        return JSONResponse(
            [{"type": "file", "path": path, "size": len(content), "oid": git_id(content), **lfs_of(path, content)}
             for path, content in repo.commits[sha].items()]
        )  # fmt: skip

    async def preupload(self, request: Request) -> Response:
        if not self.allowed(request):
            return denied()
        files = [
            {"path": one["path"], "uploadMode": "lfs" if one["path"].endswith(".parquet") else "regular",
             "shouldIgnore": False}
            for one in (await request.json())["files"]
        ]  # fmt: skip
        return JSONResponse({"files": files})

    async def lfs(self, request: Request) -> Response:
        objects = [
            {"oid": one["oid"], "size": one["size"],
             "actions": {"upload": {"href": f"{request.base_url}blobs/{one['oid']}"}}}
            for one in (await request.json())["objects"]
        ]  # fmt: skip
        return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")

    async def put(self, request: Request) -> Response:
        self.blobs[request.path_params["oid"]] = await request.body()
        return Response()

    async def commit(self, request: Request) -> Response:
        repo, sha = self.repo(request)
        if repo is None or sha is None or not self.allowed(request):
            return denied()
        files = dict(repo.commits[sha])
        for line in (await request.body()).splitlines():
            entry: dict[str, Any] = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.blobs[value["oid"]]
            elif entry["key"] == "deletedFile":
                files.pop(value["path"], None)
        new = repo.commit(files, request.path_params["revision"])
        url = f"{request.base_url}datasets/{request.path_params['owner']}/{request.path_params['name']}/commit/{new}"
        return JSONResponse({"success": True, "commitOid": new, "commitUrl": url, "hookOutput": ""})

    async def tag(self, request: Request) -> Response:
        repo, sha = self.repo(request)
        if repo is None or sha is None or not self.allowed(request):
            return denied()
        repo.names[(await request.json())["tag"]] = sha
        return Response()

    async def resolve(self, request: Request) -> Response:
        repo, sha = self.repo(request)
        path = request.path_params["path"]
        if repo is None or sha is None:
            return missing("RepoNotFound" if repo is None else "RevisionNotFound")
        if path not in repo.commits[sha]:
            return missing("EntryNotFound")
        content = repo.commits[sha][path]
        etag = hashlib.sha256(content).hexdigest() if path.endswith(".parquet") else git_id(content)
        served = self.spoiled.get(path, content)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{etag}"', "Content-Length": str(len(served))}
        return Response(b"" if request.method == "HEAD" else served, headers=headers)


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lfs_of(path: str, content: bytes) -> dict[str, Any]:
    if not path.endswith(".parquet"):
        return {}
    return {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}}


def denied() -> Response:
    return JSONResponse({"error": "Invalid credentials"}, 401, {"X-Error-Message": "Invalid credentials"})


def missing(code: str) -> Response:
    return JSONResponse({"error": code}, 404, {"X-Error-Code": code, "X-Error-Message": code})
