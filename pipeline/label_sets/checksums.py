"""SHA256SUMS: one line per file, as `sha256sum` writes and `sha256sum -c` checks them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.files import write_bytes
from pipeline.label_sets.folder import SUMS, Limits, SetError, read_text
from pipeline.terminal import printable

_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+)")


def sha256(path: Path) -> str:
    """sha256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def write_sums(folder: Path, files: Iterable[str]) -> None:
    """Write SHA256SUMS over these files of a folder."""
    lines = [f"{sha256(folder / name)}  {name}\n" for name in sorted(files) if name != SUMS]
    write_bytes(folder / SUMS, "".join(lines).encode())


def read_sums(folder: Path, limits: Limits) -> dict[str, str]:
    """The checksums in SHA256SUMS by file. Raises SetError for a line that is none, or a file listed twice."""
    sums: dict[str, str] = {}
    for number, line in enumerate(read_text(folder, SUMS, limits).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise SetError(f"{SUMS}, line {number}: wanted a sha256, two blanks and a file: {printable(line, 80)!r}")
        if match.group(2) in sums:
            raise SetError(f"{SUMS}, line {number}: {printable(match.group(2))} is listed twice")
        sums[match.group(2)] = match.group(1)
    return sums


def check_sums(folder: Path, files: dict[str, int], limits: Limits) -> dict[str, str]:
    """The sha256 of every file, once it is seen that SHA256SUMS lists exactly these files, and with these sums.

    `files` are those that lie in the folder (`files_of`), so that no line can lead anywhere else. Raises SetError.
    """
    sums = read_sums(folder, limits)
    for name in files:
        if name not in sums and name != SUMS:
            raise SetError(f"{name}: not in {SUMS}; if you put it there, run `llm4teach labels pack` again")
    for name, wanted in sums.items():
        if name not in files:
            raise SetError(f"{SUMS}: {printable(name)}: there is no such file in the folder")
        if sha256(folder / name) != wanted:
            raise SetError(f"{name}: its sha256 is not the one in {SUMS}; it was changed or damaged")
    return sums
