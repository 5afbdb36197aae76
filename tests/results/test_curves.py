"""Training logs: reading, binning, and several seeds together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import write_student

from pipeline.results.curves import Curve, band, binned, find_curves
from pipeline.tables import TableError

HEADER = "env_steps,seconds,episodes,success,teacher_weight,label_miss_rate\n"


def curve(success: list[float], weight: list[float] | None = None, seed: int = 0) -> Curve:
    n = len(success)
    weights = np.array(weight or [0.0] * n)
    episodes = np.full(n, 10.0)
    steps, seconds = np.arange(1, n + 1) * 100.0, np.arange(1, n + 1) * 0.5
    return Curve(seed, steps, seconds, episodes, np.array(success), weights, np.zeros(n))


def test_reads_what_students_log(tmp_path: Path) -> None:
    for seed in (10, 2):
        write_student(tmp_path, "T", "llm4teach", seed, iterations=50, leaves=20)
    found = find_curves(tmp_path / "students" / "T" / "llm4teach")
    assert [c.seed for c in found] == [2, 10]
    assert np.isnan(found[0].success[0])
    assert found[0].env_steps[:2].tolist() == [4096, 8192]
    assert found[0].teacher_leaves == 20
    assert find_curves(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env_steps,seconds\n1,2\n", "column missing: episodes"),
        (HEADER, "no rows"),
        (HEADER + "\udcff", "not a CSV file"),
        (HEADER + "1,1,3,often,0,0\n", "line 2: success is 'often'"),
        (HEADER + "2,1,3,1,0,0\n1,2,3,1,0,0\n", "never fall"),
        (HEADER + ",1,3,1,0,0\n", "in every line"),
    ],
)
def test_broken_logs_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(TableError, match=r"curve\.csv") as error:
        Curve.read(path, 0)
    assert said in str(error.value)


def test_teacher_leaves_after_its_last_lesson() -> None:
    assert curve([0] * 5, [2, 1, 0, 0, 0]).teacher_leaves == 2
    assert curve([0] * 5, [2, 0, 1, 0, 0]).teacher_leaves == 3
    assert curve([0] * 3, [1, 1, 1]).teacher_leaves is None
    assert curve([0] * 3).teacher_leaves is None


def test_binned_means_and_interpolates_empty_bins() -> None:
    x = np.array([1.0, 2.0, 3.0, 9.0])
    y = np.array([0.0, 0.4, np.nan, 1.0])
    edges = np.array([0.0, 2.5, 5.0, 7.5, 10.0])
    assert binned(x, y, edges, np.ones(4)) == pytest.approx([0.2, 0.2 + 0.8 / 3, 0.2 + 1.6 / 3, 1.0])
    assert np.isnan(binned(x, np.full(4, np.nan), np.array([0.0, 5.0, 10.0]), np.ones(4))).all()
    y[:2] = np.nan  # what comes before the first value is not known
    assert binned(x, y, edges, np.ones(4)) == pytest.approx([np.nan, np.nan, np.nan, 1.0], nan_ok=True)


def test_iterations_count_by_their_episodes() -> None:
    """99 failures in one iteration and one lucky episode in the next are 1% success, not 50%."""
    x, y = np.array([1.0, 2.0, 6.0]), np.array([0.0, 1.0, 0.5])
    assert binned(x, y, np.array([0.0, 5.0, 10.0]), np.array([99.0, 1.0, 7.0])) == pytest.approx([0.01, 0.5])
    lucky = replace(curve([0.0, 1.0]), episodes=np.array([99.0, 1.0]))
    found = band([lucky], "env_steps", bins=1)
    assert found
    assert found.mean == pytest.approx([0.01])
    weights = band([replace(lucky, teacher_weight=np.array([2.0, 0.0]))], "env_steps", "teacher_weight", bins=1)
    assert weights
    assert weights.mean == pytest.approx([1.0])


def test_a_value_on_an_edge_belongs_to_the_bin_that_it_ends() -> None:
    x, y = np.array([0.0, 5.0, 10.0, 11.0]), np.array([1.0, 3.0, 7.0, 99.0])
    assert binned(x, y, np.array([0.0, 5.0, 10.0]), np.ones(4)) == pytest.approx([2.0, 7.0])


def test_band_ends_with_the_shortest_seed_and_holds_its_mean() -> None:
    seeds = [curve(list(np.linspace(0, 1, 20) ** (k + 1)), seed=k) for k in range(4)]
    seeds.append(curve([0.5] * 10, seed=4))
    found = band(seeds, "env_steps", bins=5)
    assert found
    assert found.end == 1000
    assert found.each.shape == (5, 5)
    assert (found.low <= found.mean + 1e-12).all()
    assert (found.mean <= found.high + 1e-12).all()


def test_a_band_begins_where_all_students_have_values() -> None:
    unknown = [float("nan")]
    late, early = curve(unknown * 4 + [1.0] * 6), curve(unknown * 2 + [0.5] * 8, seed=1)
    found = band([late, early], "env_steps", bins=5)
    assert found
    assert found.x.tolist() == [500, 700, 900]
    assert found.mean.tolist() == [0.75] * 3
    alone = band([late, curve(unknown * 10)], "env_steps", bins=5)
    assert alone
    assert alone.each.tolist() == [[1.0] * 3]


def test_the_end_is_the_same_against_steps_and_against_seconds() -> None:
    """Bins differ between the axes, and so do their last means; the end is of the last iterations."""
    slow = curve(list(np.linspace(0, 1, 20)))
    fast = replace(slow, seconds=slow.seconds / 2)
    ends = [found.final for axis in ("env_steps", "seconds") if (found := band([slow, fast], axis, bins=4))]
    assert ends == pytest.approx([np.linspace(0, 1, 20)[-5:].mean()] * 2)
    few = replace(curve([0.0] * 5 + [1.0]), episodes=np.array([9.0, 9, 9, 9, 9, 1]))
    assert few.final_success == pytest.approx(1 / 37)
    assert np.isnan(curve([float("nan")]).final_success)


def test_band_of_nothing() -> None:
    assert band([], "env_steps") is None
    assert band([curve([float("nan")] * 3)], "seconds") is None


def test_reaches_wants_five_bins_in_a_row_or_the_end() -> None:
    found = band([curve([1.0, 1.0, 1.0, 1.0, 0.5, 0.92, 0.97, 0.95, 0.96, 0.9, 0.1, 0.98, 0.98])], "env_steps", bins=13)
    assert found
    assert found.reaches(0.9) == pytest.approx(550)  # not the four lucky ones at the start
    assert found.reaches(0.95) == pytest.approx(1150)  # to the end
    assert found.reaches(0.99) is None
