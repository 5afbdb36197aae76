"""What a label set consists of: a folder per task with its tables, a card, a description for machines, checksums.

    README.md  croissant.json  SHA256SUMS
    <task>/labels.parquet  responses.parquet  prompts.parquet  states.parquet

Whoever looks at a stranger's folder does so through `files_of`, which opens nothing and follows no link.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.tables.parquet import TableError
from pipeline.tables.schemas import LABELS, PROMPTS, RESPONSES, STATES
from pipeline.terminal import printable

TABLES: dict[str, pa.Schema] = {"labels": LABELS, "responses": RESPONSES, "prompts": PROMPTS, "states": STATES}
"""The tables that a task may have in a set; only `labels` must be there."""
CARD, METADATA, SUMS = "README.md", "croissant.json", "SHA256SUMS"
LEFT_BY_HOSTS = (".gitattributes",)
"""Files that a host puts into a folder; they are no part of a set."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_PLAIN_FILES = (".parquet", ".json", ".md", ".txt", ".bib", ".cff", ".png", ".gif")
_NAMELESS = ("LICENSE", SUMS)


class SetError(TableError):
    """A label set that can't be trusted or used; the message is one line, safe for a terminal."""


@dataclass(frozen=True)
class Limits:
    """How much of a stranger's set is looked at.

    files         most files in the folder
    file_bytes    most bytes of one file, as it lies there
    table_bytes   most bytes of one table once it is unpacked, as its own footer declares
    rows          most rows of one table
    text_bytes    most bytes of a card, a description for machines, or checksums
    answer_chars  most characters of one answer of a model
    memory        bytes that the checking process may take
    seconds       of a processor that the checking may take; each MiB of the set adds one
    """

    files: int = 1000
    file_bytes: int = 4 * 2**30
    table_bytes: int = 16 * 2**30
    rows: int = 50_000_000
    text_bytes: int = 2**20
    answer_chars: int = 200_000
    memory: int = 900 * 2**20
    seconds: int = 10


def folder_of(task: str) -> str:
    """A task's folder: its name, with `-` for what file systems may not take (`minigrid:X` -> `minigrid-X`)."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", task)


def files_of(folder: Path, limits: Limits) -> dict[str, int]:
    """Every file of a set by its path in it (`Task/labels.parquet`), with its size in bytes; sorted.

    Raises SetError for what has no place in a set: links, devices, odd names, folders in folders, kinds of files that
    a browser or an interpreter would run, more or larger files than the limits allow.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise SetError(f"{printable(folder)}: there is no such folder")
    found: dict[str, int] = {}
    _add(found, "", _entries(folder, limits), folder, limits)
    return dict(sorted(found.items()))


def _entries(folder: Path, limits: Limits) -> list[os.DirEntry[str]]:
    entries: list[os.DirEntry[str]] = []
    with os.scandir(folder) as scan:
        for entry in scan:
            entries.append(entry)
            if len(entries) > limits.files:
                raise SetError(f"{printable(folder)}: more than {limits.files} files")
    return sorted(entries, key=lambda entry: entry.name)


def _add(found: dict[str, int], prefix: str, entries: list[os.DirEntry[str]], folder: Path, limits: Limits) -> None:
    """Add a folder's files, and those of the folders in it."""
    for entry in entries:
        where = f"{printable(folder)}: {printable(prefix + entry.name)}"
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise SetError(f"{where} is a link, which may lead out of the folder")
        if entry.name in LEFT_BY_HOSTS and not prefix and stat.S_ISREG(status.st_mode):
            continue
        if not _NAME.fullmatch(entry.name):
            raise SetError(
                f"{where}: names consist of letters, digits, _, ., + and -, and begin with none of the last three"
            )
        if stat.S_ISDIR(status.st_mode) and not prefix:
            _add(found, f"{entry.name}/", _entries(Path(entry.path), limits), folder, limits)
            continue
        if not stat.S_ISREG(status.st_mode):
            raise SetError(f"{where} is not a plain file; a set is a folder with one folder per task")
        if not plain_file(entry.name):
            raise SetError(
                f"{where}: no kind of file that a set has; allowed: {', '.join((*_NAMELESS, *_PLAIN_FILES))}"
            )
        if status.st_size > limits.file_bytes:
            raise SetError(f"{where} has {status.st_size} bytes, more than {limits.file_bytes}")
        found[prefix + entry.name] = status.st_size
        if len(found) > limits.files:
            raise SetError(f"{printable(folder)}: more than {limits.files} files")


def plain_file(path: str) -> bool:
    """Whether a file by its path in a set (`Task/labels.parquet`) is of a kind that a set may have."""
    place, _, name = path.rpartition("/")
    fine = all(_NAME.fullmatch(part) for part in (place, name) if part)
    return fine and bool(name) and (name.endswith(_PLAIN_FILES) or name in _NAMELESS)


def tables_of(files: dict[str, int]) -> dict[str, list[str]]:
    """The tables of each task's folder, in the order of `TABLES`. Raises SetError for Parquet of other names."""
    found: dict[str, list[str]] = {}
    for path in files:
        place, _, name = path.rpartition("/")
        if name.endswith(".parquet"):
            table = name.removesuffix(".parquet")
            if not place or table not in TABLES:
                raise SetError(f"{path}: a set's tables are <task>/{{{','.join(TABLES)}}}.parquet")
            found.setdefault(place, []).append(table)
    for place, names in found.items():
        if "labels" not in names:
            raise SetError(f"{place}: there is no labels.parquet")
    if not found:
        raise SetError("there is no <task>/labels.parquet")
    return {place: [name for name in TABLES if name in names] for place, names in found.items()}


def read_text(folder: Path, name: str, limits: Limits) -> str:
    """A small text file of a set. Raises SetError if it is missing, too long or not UTF-8."""
    path = folder / name
    if not path.is_file():
        raise SetError(f"{name}: missing; `llm4teach labels pack` writes it")
    with path.open("rb") as file:
        content = file.read(limits.text_bytes + 1)
    if len(content) > limits.text_bytes:
        raise SetError(f"{name}: longer than {limits.text_bytes} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SetError(f"{name}: not UTF-8 at byte {error.start}") from None
