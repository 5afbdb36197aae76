"""Running the replay server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from pipeline.teacher.server.answers import LabelIndex
from pipeline.teacher.server.app import ServerBehaviour, make_app
from pipeline.teacher.server.faults import Fault


def serve(
    labels: Sequence[Path],
    behaviour: ServerBehaviour,
    faults: list[Fault],
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve label tables until interrupted; port 0 takes a free one, and `ready` is told the base URL.

    Raises TableError or TeacherError for a table that can't be used, OSError for an address that can't.
    """
    app = make_app(LabelIndex(labels), behaviour, faults)
    with socket.create_server((host, port), backlog=2048) as listener:
        ready(f"http://{host}:{listener.getsockname()[1]}/v1")
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[listener])
