"""A replay server in a thread of its own, over real HTTP on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pipeline.teacher.server.answers import LabelIndex
from pipeline.teacher.server.app import ReplayServer, ServerBehaviour, make_app
from pipeline.teacher.server.faults import parse_faults


@dataclass
class Served:
    """A running server: its base URL, and what counts its requests."""

    url: str
    replay: ReplayServer
    app: Any


Serve = Callable[..., Served]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM4TEACH_CACHE", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ZHIPUAI_API_KEY", "ZHIPUAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start replay servers: `serve(labels, faults="429:1:3", latency_s=0.1)`; all stop with the test."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(labels: Path, faults: str = "", **behaviour: Any) -> Served:
        app = make_app(LabelIndex([labels]), ServerBehaviour(**behaviour), parse_faults(faults))
        return Served(start_app(app, running), app.state.replay, app)

    yield start
    stop_all(running)


@pytest.fixture
def serve_app() -> Iterator[Callable[[Any], str]]:
    """Start any ASGI application; returns its base URL."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []
    yield lambda app: start_app(app, running)
    stop_all(running)


def start_app(app: Any, running: list[tuple[uvicorn.Server, threading.Thread]]) -> str:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    running.append((server, thread))
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def stop_all(running: list[tuple[uvicorn.Server, threading.Thread]]) -> None:
    for server, _ in running:
        server.should_exit = server.force_exit = True
    for _, thread in running:
        thread.join(timeout=5)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoffs of a hundredth of a second."""
    monkeypatch.setattr("pipeline.teacher.asking.engine.backoff", lambda *_: 0.01)
