"""A server that sends what it is told to, byte by byte, whatever HTTP says about it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

RESET = b"\x00reset\x00"
"""A piece in place of which the connection is reset."""


def response(body: bytes, status: str = "200 OK", headers: Sequence[str] = (), length: int | None = None) -> bytes:
    """A response whose Content-Length is that of its body unless another is given."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@dataclass
class Hostile:
    """A running server.

    url       its base URL
    requests  what was asked, whole
    answers   what the n-th request is sent, piece by piece, the last one for ever
    """

    url: str
    answers: Sequence[Sequence[bytes]]
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def hostile(*answers: Sequence[bytes]) -> Iterator[Hostile]:
    """Serve these on loopback, one per request, each on a connection of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = Hostile(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", answers)
        over = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                if over.is_set():
                    connection.close()
                    return
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    server.requests.append(_request(connection))
                    pieces = answers[min(len(server.requests), len(answers)) - 1]
                    for piece in pieces:
                        if piece == RESET:
                            linger = struct.pack("ii", 1, 0)
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                            break
                        connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        over.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join(15)


def _request(connection: socket.socket) -> bytes:
    """A whole request, by its Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body
