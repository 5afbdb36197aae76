"""A label table as it is read: what is met more often weighs more."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import write_labels

from pipeline.report.labels import LabelReport, read_labels

TASK = "SimpleDoorKey"


def read(data: Path) -> LabelReport:
    return read_labels(TASK, data / "labels" / TASK / "labels.parquet", data / "states" / f"{TASK}.parquet")


def test_unusable_answers_and_coverage_are_weighed_by_visits(tmp_path: Path) -> None:
    """Of 600 visits 300 are to a state without unusable answers, 100 to one with 10%, and 200 to unlabelled ones."""
    write_labels(tmp_path, TASK, unlabelled=2)
    found = read(tmp_path)
    assert found.residual == pytest.approx(0.1 * 100 / 400)
    assert found.covered_visits == pytest.approx(400 / 600)
    assert found.covered_states == pytest.approx(2 / 4)
    assert [state.count for state in found.states] == [300, 100]
    assert len(found.unlabelled) == 2


def test_without_collected_states_the_labels_own_counts_weigh(tmp_path: Path) -> None:
    write_labels(tmp_path, TASK)
    (tmp_path / "states" / f"{TASK}.parquet").unlink()
    found = read(tmp_path)
    assert found.residual == pytest.approx(0.1 * 100 / 400)
    assert (found.covered_states, found.covered_visits, found.unlabelled) == (None, None, ())
