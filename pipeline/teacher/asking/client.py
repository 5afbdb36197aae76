"""What the engine needs of a client."""

from __future__ import annotations

from typing import Any, Protocol

from pipeline.teacher.asking.calls import Reply


class Client(Protocol):
    """Makes single calls to a server, with no retries of its own.

    sdk       name and version of the SDK that speaks to the server
    base_url  address of the server, as the responses table names it
    many      whether one call may ask for several answers (`n`)
    """

    sdk: str
    base_url: str
    many: bool

    async def call(self, path: str, body: dict[str, Any]) -> Reply:
        """One call; raises CallFailed."""

    async def close(self) -> None: ...
