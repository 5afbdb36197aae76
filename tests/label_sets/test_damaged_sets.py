"""Damaged and lying sets are refused, each in one line that a terminal can show; nothing crashes or hangs."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import damage as damaging
import pyarrow.parquet as pq
import pytest

from pipeline.label_sets.folder import SetError
from pipeline.label_sets.verify import verify


def refusal(folder: Path) -> str | None:
    """Why a set is refused; None if it is not."""
    try:
        verify(folder)
    except SetError as error:
        return str(error)
    return None


def same_tables(one: Path, two: Path) -> bool:
    return all(
        pq.read_table(path).equals(pq.read_table(two / path.relative_to(one))) for path in one.rglob("*.parquet")
    )


@pytest.mark.parametrize("kind", [*damaging.ON_THE_WAY, *damaging.SEALED], ids=lambda kind: kind.__name__)
def test_every_kind_of_damage_is_refused_in_one_line(kind: damaging.Damage, packed_set: Path, tmp_path: Path) -> None:
    rounds = 1 if kind in (damaging.many, damaging.bomb, damaging.linked_folder, damaging.deep) else 3
    chosen = (rng for one, rng in damaging.damages(seed=1) if one is kind)
    for number, rng in enumerate(islice(chosen, rounds)):
        folder = Path(shutil.copytree(packed_set, tmp_path / str(number)))
        what = damaging.damage(folder, kind, rng)
        why = refusal(folder)
        if why is None:  # bytes that mean nothing: the tables are what they were
            assert kind in (damaging.bits_of_a_table, damaging.footer), what
            assert same_tables(folder, packed_set), what
            continue
        assert why.isprintable(), what
        assert len(why) < 1000, what
        assert "<script" not in why
