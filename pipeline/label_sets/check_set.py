"""Everything that is checked of a set, in the order in which it is safe: names, checksums, tables, then the texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipeline.label_sets import croissant, front_matter
from pipeline.label_sets.card import check_card
from pipeline.label_sets.checksums import check_sums
from pipeline.label_sets.contents import read_contents
from pipeline.label_sets.facts import SetFacts
from pipeline.label_sets.folder import CARD, METADATA, Limits, files_of, read_text


def check_set(folder: Path, limits: Limits) -> SetFacts:
    """The figures of a set, and notes of what could not be checked. Raises SetError for anything that is not right."""
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what it took, and reserves nothing
    files = files_of(folder, limits)
    sums = check_sums(folder, files, limits)
    card = read_text(folder, CARD, limits)
    metadata = read_text(folder, METADATA, limits)
    facts = read_contents(folder, files, limits)
    notes = check_card(card, facts)
    croissant.check(metadata, facts, front_matter.split(card)[0], sums)
    return replace(facts, notes=[*facts.notes, *notes])
