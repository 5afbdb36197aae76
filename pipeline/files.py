"""Writing files so that a killed process never leaves half of one."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa


def write_bytes(path: Path, content: bytes | pa.Buffer) -> None:
    """Write a file in one piece or not at all: beside its place first, then renamed into it. Makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
