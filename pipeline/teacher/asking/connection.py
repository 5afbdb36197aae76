"""Why a server can't be reached, out of what the SDKs raise: they call a refused connection a timeout, or nothing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from pipeline.teacher.asking.calls import CallFailed

CONNECT_S = 10.0
"""Seconds that a connection may take to come about, however long an answer may."""


def connection_failure(error: BaseException, url: str) -> CallFailed:
    """The failure that a call to `url` ended in without a response.

    `unreachable` where nothing but another address, or a server that is started, would help.
    """
    causes = list(_causes(error))
    for cause in reversed(causes):  # the innermost knows best
        if isinstance(cause, ConnectionRefusedError):
            return _unreachable(f"nothing listens at {url} (connection refused)")
        if isinstance(cause, socket.gaierror):
            return _unreachable(f"the host of {url} can't be found ({cause.strerror})")
        if isinstance(cause, ssl.SSLError):
            return _unreachable(f"no secure connection to {url} ({cause.reason})")
    if any(type(cause).__name__ == "ConnectTimeout" for cause in causes):
        return CallFailed(f"label.base_url: no connection to {url} came about in time")
    cause = error.__cause__ or error
    return CallFailed(f"{type(cause).__name__}: {cause}")


def _unreachable(why: str) -> CallFailed:
    return CallFailed(f"label.base_url: {why}", unreachable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
