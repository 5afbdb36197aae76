"""No server at the address, by each SDK: said at once, with the setting to mend."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import label_all, lamp_states, settings, write_lamp_labels

from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.providers.openai import OpenAIClient

PROVIDERS = ["openai", "openai-batch", "zhipuai"]
STATES = lamp_states(3)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIPUAI_API_KEY", "0f1e2d3c4b5a69788796a5b4c3d2e1f0.Abcdefghijklmnop")


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second attempt, and what is waited for before it, would be too late."""

    async def no_sleep(*_: Any) -> None:
        raise AssertionError("waited")

    monkeypatch.setattr("pipeline.teacher.asking.pace.Pace.sleep", no_sleep)
    monkeypatch.setattr("openai._base_client.SyncAPIClient._sleep_for_retry", no_sleep)


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def stop_of(provider: str, url: str, root: Path, **changes: Any) -> str:
    """What ends the labelling."""
    with pytest.raises(LabellingStopped, match=r"(every finished answer is|answers of this run are) kept") as stop:
        label_all(STATES, settings(url, provider=provider, **changes), root)
    return str(stop.value)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refused_connection_ends_the_run_at_once(provider: str, closed_port: int, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:{closed_port}/v1"
        why = f"label.base_url: nothing listens at {url} (connection refused)"
        assert why in stop_of(provider, url, tmp_path)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_unknown_host_ends_the_run_at_once(provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    said = stop_of(provider, "http://gpu-server/v1", tmp_path)
    assert "label.base_url: the host of http://gpu-server/v1 can't be found (Name or service not known)" in said


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_https_where_http_is_spoken_ends_the_run_at_once(provider: str, serve: Any, tmp_path: Path) -> None:
    server = serve(write_lamp_labels(tmp_path / "served.parquet", STATES))
    url = server.url.replace("http:", "https:")
    assert f"label.base_url: no secure connection to {url} (" in stop_of(provider, url, tmp_path)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that no further one comes about."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield int(server.getsockname()[1])
        for one in waiting:
            one.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("provider", ["openai", "zhipuai"])
def test_a_connection_that_does_not_come_about_is_tried_again_and_then_named(
    provider: str, deaf_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("openai", "zhipuai"):
        monkeypatch.setattr(f"pipeline.teacher.providers.{module}.CONNECT_S", 0.2)
    url = f"http://127.0.0.1:{deaf_port}/v1"
    said = stop_of(provider, url, tmp_path, attempts=2, concurrency=1)
    assert re.search(r"2 failures in a row .* label\.base_url: no connection to \S+ came about in time", said)
    assert url in said


@pytest.mark.usefixtures("quick")
def test_a_server_that_has_answered_may_come_back(
    serve: Any, closed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second and third connection are refused, as while it starts anew."""
    server = serve(write_lamp_labels(tmp_path / "served.parquet", STATES))
    call, calls = OpenAIClient.call, 0

    async def restarting(self: OpenAIClient, path: str, body: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            return await call(OpenAIClient(settings(f"http://127.0.0.1:{closed_port}/v1")), path, body)
        return await call(self, path, body)

    monkeypatch.setattr(OpenAIClient, "call", restarting)
    rows, responses = label_all(STATES, settings(server.url, concurrency=1), tmp_path)
    assert [row["n_error"] for row in rows] == [0, 2, 0]
    assert sum("connection refused" in (r["error"] or "") for r in responses) == 2
