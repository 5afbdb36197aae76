"""What a probe says of servers that can this and that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from teacher_fakes import LampTask, lamp_states, settings

from pipeline.teacher.errors import TeacherError
from pipeline.teacher.teacher import probe_teacher

STATES = lamp_states(12)
GOOD = "Decision: {explore}"


def server(can: set[str], asked: list[dict[str, Any]]) -> Starlette:
    """A server that can some of `n`, `logprobs` and `echo`, and refuses or passes over the rest."""

    async def chat(request: Request) -> Response:
        body = await request.json()
        asked.append(body)
        scores = {"content": [{"token": "1", "logprob": -0.1, "top_logprobs": []}]}
        choice = {"message": {"content": GOOD}, "logprobs": scores if "logprobs" in can else None}
        return JSONResponse({"choices": [choice] * (body.get("n", 1) if "n" in can else 1)})

    async def text(request: Request) -> Response:
        asked.append(await request.json())
        if "echo" not in can:
            return JSONResponse({"error": {"message": "echo is not supported"}}, 400)
        scores = {"tokens": ["One", ", two", ", three"], "token_logprobs": [None, -1.0, -1.0]}
        return JSONResponse({"choices": [{"text": "One, two, three", "logprobs": scores}]})

    routes = [("/v1/chat/completions", chat), ("/v1/completions", text)]
    return Starlette(routes=[Route(path, answer, methods=["POST"]) for path, answer in routes])


@pytest.mark.parametrize("can", [set(), {"n"}, {"logprobs"}, {"echo"}, {"n", "logprobs", "echo"}])
def test_what_a_server_can_is_told(serve_app: Any, tmp_path: Path, can: set[str]) -> None:
    asked: list[dict[str, Any]] = []
    url = serve_app(server(can, asked))
    found = dict(probe_teacher(LampTask(), STATES, settings(url, price_in=1.0, price_out=2.0), tmp_path))
    names = {
        "n": "several answers at once (n)",
        "logprobs": "scores of letters (logprobs)",
        "echo": "scores of plans (echo)",
    }
    for name, what in names.items():
        assert found[what].startswith("yes") == (name in can)
    if "echo" not in can:
        assert "echo is not supported" in found["scores of plans (echo)"]
    assert found["an answer"] == "'explore': valid"
    assert found["the whole table"].startswith("12 requests for 120 answers of 120; one at a time")
    assert len(asked) == 4
    assert not (tmp_path / ".teacher_cache").exists()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    ((what, result),) = probe_teacher(LampTask(), STATES, settings("http://127.0.0.1:9/v1"), tmp_path)
    assert what == "an answer"
    assert "label.base_url: nothing listens at http://127.0.0.1:9/v1" in result


def test_a_teacher_without_a_server_is_not_probed(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="--probe: provider published"):
        probe_teacher(LampTask(), STATES, settings("http://x/v1", provider="published"), tmp_path)
