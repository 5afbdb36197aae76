"""Writing files so that a killed process never leaves half of one, and so that what goes wrong names the file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears in one piece or not at all: beside its place first, then renamed into it.

    Makes its folder, and removes what killed processes left unfinished there. An OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with naming(path, part):
        try:
            with _locked(part) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one piece or not at all; see `whole_file`."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def naming(path: Path, instead_of: Path | None = None) -> Iterator[None]:
    """Errors of the system name this file: they do so themselves for opening one, but not for writing to it.

    instead_of  a file whose name means nothing to a user
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(error.filename) == str(instead_of)):
            error.filename = str(path)
        raise


def _locked(part: Path) -> BinaryIO:
    """A new file that is locked as long as its writer lives."""
    while True:
        file = part.open("wb")
        with suppress(OSError):  # on a file system without locks, nobody can take it for abandoned either
            fcntl.flock(file, fcntl.LOCK_EX)
        if part.exists():  # it was not taken for abandoned before it was locked
            return file
        file.close()


def _remove_abandoned(folder: Path) -> None:
    """Remove unfinished files that nobody writes any more: their writers' locks ended with them."""
    for part in folder.glob(".*.[0-9]*.part"):
        with suppress(OSError), part.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), part.stat()):  # it has not been renamed into its place
                part.unlink()
