"""Why a server can't be reached, out of what the SDKs raise: they call a refused connection a timeout, or nothing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from pipeline.teacher.asking.calls import CallFailed

CONNECT_S = 10.0
"""Seconds that a connection may take to come about, however long an answer may."""
_CLOSED = ("ServerDisconnectedError", "RemoteProtocolError")
"""What aiohttp and httpx call a connection that ends before there is a response."""


def connection_failure(error: BaseException, url: str) -> CallFailed:
    """The failure that a call to `url` ended in without a response.

    `unreachable` where nothing but another address, or a server that is started, would help.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, CallFailed):
            return cause
    for cause in reversed(causes):  # the innermost knows best
        if isinstance(cause, ConnectionRefusedError):
            return _unreachable(f"nothing listens at {url} (connection refused)")
        if isinstance(cause, socket.gaierror):
            return _unreachable(f"the host of {url} can't be found ({cause.strerror})")
        if isinstance(cause, ssl.SSLError):
            return _unreachable(f"no secure connection to {url} ({cause.reason})")
        if isinstance(cause, ConnectionResetError | BrokenPipeError) or type(cause).__name__ in _CLOSED:
            return CallFailed(f"label.base_url: {url} closed the connection without an answer ({cause or 'reset'})")
    if any(type(cause).__name__ == "ConnectTimeout" for cause in causes):
        return CallFailed(f"label.base_url: no connection to {url} came about in time")
    cause = error.__cause__ or error
    late = any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes)
    return CallFailed(f"{type(cause).__name__}: {cause}", paid=late, timed_out=late)


def _unreachable(why: str) -> CallFailed:
    return CallFailed(f"label.base_url: {why}", unreachable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
