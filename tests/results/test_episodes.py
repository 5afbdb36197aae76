"""Evaluation tables: what they come to, and how a broken one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from synthetic import episode_rows

from pipeline.results.episodes import read_episodes, summaries, typical_episode
from pipeline.statistics import wilson_interval
from pipeline.tables import EPISODES, TableError, write_table


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=EPISODES)


def test_one_student_gets_intervals_over_layouts() -> None:
    (found,) = summaries(table(episode_rows("T", "llm4teach", 0, [True] * 8 + [False] * 2)))
    assert found.success.value == 0.8
    expected = wilson_interval(8, 10, freedom=9)
    assert (found.success.low, found.success.high) == pytest.approx((expected.low, expected.high))
    lengths = np.array([20, 21, 22, 23, 24, 20, 21, 22, 150, 150])
    assert found.length.value == pytest.approx(lengths.mean())
    # t with 9 degrees of freedom
    assert found.length.high - found.length.value == pytest.approx(2.262157 * lengths.std(ddof=1) / 10**0.5, rel=1e-6)
    assert found.ends == {"success": 0.8, "death": 0.0, "timeout": 0.2}
    assert (found.episodes, found.layouts, found.seeds, found.seed_success) == (10, 10, (0,), (0.8,))
    assert found.metrics()["success_low"] == found.success.low


def test_students_are_few_and_play_the_same_layouts() -> None:
    def failing(start: int) -> list[bool]:
        return [not start <= number < start + 10 for number in range(100)]

    of_their_own = [row for seed in range(3) for row in episode_rows("T", "llm4teach", seed, failing(10 * seed))]
    alike = [row for seed in range(3) for row in episode_rows("T", "llm4teach", seed, failing(0))]
    (apart,), (same,) = summaries(table(of_their_own)), summaries(table(alike))
    assert apart.success.value == same.success.value == 0.9
    expected = wilson_interval(270, 300, freedom=2)
    assert (apart.success.low, apart.success.high) == pytest.approx((expected.low, expected.high))
    expected = wilson_interval(90, 100, freedom=2)
    assert (same.success.low, same.success.high) == pytest.approx((expected.low, expected.high), abs=2e-3)
    assert apart.length.high - apart.length.low < same.length.high - same.length.low


def test_students_that_differ_widen_the_interval_and_their_range_is_told() -> None:
    apart = [
        row for s, k in enumerate((90, 100, 80)) for row in episode_rows("T", "m", s, [True] * k + [False] * (100 - k))
    ]
    (wide,) = summaries(table(apart))
    assert wide.success.value == pytest.approx(0.9)
    assert wide.success.low < wilson_interval(270, 300, freedom=2).low
    assert wide.seed_success == pytest.approx((0.9, 1.0, 0.8))
    assert wide.worst_and_best == pytest.approx((0.8, 1.0))
    assert summaries(table(apart[:100]))[0].worst_and_best is None


def test_students_on_other_layouts_are_refused_and_a_layout_may_come_twice() -> None:
    rows = episode_rows("T", "m", 0, [True] * 4) + episode_rows("T", "m", 1, [True] * 3)
    with pytest.raises(TableError, match="T, m, sampled: seed 1 did not play all the 4 layouts"):
        summaries(table(rows))
    (twice,) = summaries(table(2 * episode_rows("T", "m", 0, [True, False])))
    assert (twice.success.value, twice.episodes, twice.layouts) == (0.5, 4, 2)


def test_groups_by_task_method_and_acting() -> None:
    rows = episode_rows("T", "llm4teach", 0, [True] * 3) + episode_rows("T", "llm4teach", 0, [False] * 3, "argmax")
    rows += episode_rows("T", "llm", None, [True] * 3)
    found = summaries(table(rows))
    assert [(s.method, s.acting, s.success.value, s.seeds) for s in found] == [
        ("llm4teach", "sampled", 1.0, (0,)),
        ("llm4teach", "argmax", 0.0, (0,)),
        ("llm", "sampled", 1.0, ()),
    ]


def test_typical_episode_is_the_first_students_median() -> None:
    rows = episode_rows("T", "m", 1, [True] * 5, length=90) + episode_rows("T", "m", 0, [True] * 5)
    assert typical_episode(table(rows)) == (1002, 0)
    assert typical_episode(table(episode_rows("T", "llm", None, [True, False, False]))) == (1001, None)


def broken(path: Path, **change: Any) -> Path:
    rows = episode_rows("T", "llm4teach", 0, [True] * 3)
    rows[1].update(change)
    write_table(path, rows, EPISODES)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": "Other"}, "row 1: task is 'Other'; wanted 'T'"),
        ({"method": "llm"}, "row 1: method is 'llm'"),
        ({"acting": "greedy"}, "allowed: sampled, argmax"),
        ({"end": "bored"}, "allowed: success, death, timeout"),
        ({"success": None}, "row 1: success is None"),
        ({"success": False}, "contradicts"),
        ({"episode_return": float("nan")}, "row 1: episode_return is nan"),
        ({"episode_length": 0}, "row 1: episode_length is 0"),
    ],
)
def test_impossible_rows_are_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TableError, match=r"t\.parquet") as error:
        read_episodes(broken(tmp_path / "t.parquet", **change), "T", "llm4teach")
    assert said in str(error.value)


def test_missing_empty_and_truncated_tables(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(TableError, match="no such file"):
        read_episodes(path, "T", "llm")
    write_table(path, [], EPISODES)
    with pytest.raises(TableError, match="empty"):
        read_episodes(path, "T", "llm")
    whole = broken(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match="not a whole Parquet file"):
        read_episodes(path, "T", "llm4teach")
