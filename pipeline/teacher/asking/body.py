"""The body of a response, as it is let in: unpacked piece by piece and never beyond a bound, and no redirect followed.

What an SDK would do by itself turns half a megabyte of gzip into gigabytes, and carries prompts to another server.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from pipeline.teacher.asking.calls import RETRIED, CallFailed, retry_after

PACKED = {"gzip", "x-gzip", "deflate"}
"""Content encodings that are unpacked; a client says that it takes no others."""


class Body:
    """Unpacks one response's body. Every CallFailed that it raises or makes has the response's status."""

    def __init__(self, status: int, headers: Mapping[str, str], most_mb: float) -> None:
        """Raises CallFailed for a redirect, and for an encoding that wasn't asked for."""
        self.status, self._headers, self._most_mb = status, headers, most_mb
        self._left = int(most_mb * 1e6)
        encoding = headers.get("content-encoding", "identity").strip().lower()
        self._unpack = zlib.decompressobj(47) if encoding in PACKED else None
        if 300 <= status < 400:
            target = headers.get("location", "nowhere")
            raise self._failure(f"redirects to {target}, which isn't followed; is it the address for label.base_url?")
        if self._unpack is None and encoding not in ("identity", ""):
            raise self._failure(f"the answer is packed by {encoding!r}, which wasn't asked for")

    def read(self, chunk: bytes) -> bytes:
        """The next part of the body. Raises CallFailed beyond the bound, and for what can't be unpacked."""
        if self._unpack is not None:
            try:
                chunk = self._unpack.decompress(chunk, self._left + 1)
            except zlib.error as error:
                raise self._failure(f"the answer can't be unpacked: {error}") from None
        self._left -= len(chunk)
        if self._left < 0:
            raise self._failure(f"an answer of more than {self._most_mb:g} MB (label.max_body_mb)")
        return chunk

    def read_all(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The body, unpacked. Raises CallFailed, also for one that breaks off."""
        try:
            for chunk in chunks:
                yield self.read(chunk)
        except CallFailed:
            raise
        except Exception as error:
            raise self.cut_off(error) from error

    def cut_off(self, error: Exception) -> CallFailed:
        """The failure of a body that breaks off. A server that has begun to answer has worked, and charges for it."""
        return self._failure(f"the answer broke off ({type(error).__name__}: {error})")

    def _failure(self, why: str) -> CallFailed:
        retry = self.status < 300 or self.status >= 500 or self.status in RETRIED
        wait = retry_after(self._headers) if self.status >= 400 else None
        return CallFailed(f"{self.status}: {why}", self.status, retry, wait, paid=self.status < 300)
