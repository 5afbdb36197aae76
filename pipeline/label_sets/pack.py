"""Making a folder of tables a label set: its card, its description for machines, its checksums."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.files import whole_file, write_bytes
from pipeline.label_sets import croissant, front_matter
from pipeline.label_sets.card import write_card
from pipeline.label_sets.checksums import sha256, write_sums
from pipeline.label_sets.contents import read_contents
from pipeline.label_sets.facts import SetFacts
from pipeline.label_sets.folder import CARD, METADATA, SUMS, TABLES, Limits, SetError, files_of, folder_of


def gather(folder: Path, tasks: Mapping[str, Mapping[str, Path]]) -> None:
    """Copy tables (task -> table -> file) into a set's folder. Raises SetError for labels that are not there."""
    for task, tables in tasks.items():
        if not tables["labels"].is_file():
            raise SetError(f"{tables['labels']}: there is no such file; `llm4teach label --task {task}` writes it")
        for name in TABLES:
            place = folder / folder_of(task) / f"{name}.parquet"
            if name in tables and tables[name].is_file():
                with tables[name].open("rb") as source, whole_file(place) as target:
                    shutil.copyfileobj(source, target)
            else:
                place.unlink(missing_ok=True)


def pack(folder: Path, licence: str | None = None, name: str | None = None, limits: Limits | None = None) -> SetFacts:
    """Check a folder's tables, and write its card, croissant.json and SHA256SUMS anew; what a person wrote stays.

    licence  an SPDX name such as `cc-by-4.0`; None leaves what the card says
    name     what to call the set; None leaves what the card says, or takes the folder's name

    Raises SetError.
    """
    limits = limits or Limits()
    files = files_of(folder, limits)
    facts = read_contents(folder, files, limits)
    path = folder / CARD
    card = write_card(path.read_text() if path.is_file() else "", facts, name or folder.resolve().name, licence)
    head, _ = front_matter.split(card)
    sums = {table: sha256(folder / table) for table in files if table.endswith(".parquet")}
    write_bytes(path, card.encode())
    write_bytes(folder / METADATA, croissant.describe(facts, head, sums).encode())
    write_sums(folder, {*files, CARD, METADATA} - {SUMS})
    return facts
