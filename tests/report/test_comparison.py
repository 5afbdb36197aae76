"""The paper's figures beside ours: marks at their edges, and what stands beside a figure."""

from __future__ import annotations

import pyarrow as pa
import pytest
from synthetic import episode_rows

from pipeline.report.comparison import MARKS, by_student, compare, in_a_sentence, interval, metrics, table_rows
from pipeline.results.episodes import Summary, summaries
from pipeline.results.published_results import published_results
from pipeline.statistics import Estimate
from pipeline.tables import EPISODES


def summary(task: str, method: str, successes: int, n: int = 1000, acting: str = "sampled") -> Summary:
    rows = episode_rows(task, method, 0, [True] * successes + [False] * (n - successes), acting)
    return summaries(pa.Table.from_pylist(rows, schema=EPISODES))[0]


def test_a_mark_tells_the_side_of_the_whole_interval() -> None:
    """A perfect score beside a perfect score is level, and no success of 99% is."""
    for successes, word in ((1000, "level"), (990, "lower")):
        (row,) = [
            row
            for row in compare(["SimpleDoorKey"], [summary("SimpleDoorKey", "llm", successes)], published_results())
            if row.main
        ]
        assert row.mark == word
    assert list(MARKS.values()) == ["higher", "level", "lower"]


def test_an_interval_and_a_range_of_students() -> None:
    assert interval(Estimate(0.5, 0.25, 1.0)) == "25.0–100%"
    assert by_student(summary("T", "rl", 3, 4)) == ""


def test_published_figures_are_the_papers() -> None:
    published = published_results()
    assert list(published.figures) == ["SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey"]
    assert all(list(methods) == ["llm", "hierarchical", "rl", "llm4teach"] for methods in published.figures.values())
    lava = published.figure("LavaDoorKey", "llm4teach")
    assert lava
    assert (lava.length, lava.episode_return, lava.success) == (36.84, 0.75, 0.909)
    assert published.figure("LavaDoorKey", "nothing") is None
    assert published.best("Nowhere") is None
    # With the paper's own horizons, returns follow from lengths where nearly all succeed (design, section 6).
    simple = published.figures["SimpleDoorKey"]["llm"]
    assert simple.episode_return == pytest.approx(1 - 0.9 * simple.length / 150, abs=0.005)


def test_compare_lists_the_papers_methods_and_says_what_was_not_run() -> None:
    rows = compare(["LavaDoorKey", "Mine"], [summary("LavaDoorKey", "llm4teach", 999)], published_results())
    assert [(row.task, row.method, row.mark) for row in rows] == [
        ("LavaDoorKey", "llm", ""),
        ("LavaDoorKey", "hierarchical", ""),
        ("LavaDoorKey", "rl", ""),
        ("LavaDoorKey", "llm4teach", "higher"),
    ]
    assert in_a_sentence(rows[0], published_results()) == "Not evaluated."


def test_the_mark_rests_on_sampled_acting() -> None:
    both = [summary("LavaDoorKey", "llm4teach", 500, acting="argmax"), summary("LavaDoorKey", "llm4teach", 999)]
    row = compare(["LavaDoorKey"], both, published_results())[-1]
    assert row.main is both[1]
    assert row.mark == "higher"
    assert compare(["LavaDoorKey"], both[:1], published_results())[-1].mark == "lower"


def test_what_stands_beside_our_success() -> None:
    def words(task: str, method: str, successes: int) -> str:
        rows = compare([task], [summary(task, method, successes)], published_results())
        return in_a_sentence(next(row for row in rows if row.method == method), published_results())

    assert words("DivergedDoorKey", "llm4teach", 1000) == (
        "LLM4Teach, in 22.0 steps per episode. The paper has 93.1% in 30.6; its best is Hierarchical RL with 98.0%."
    )
    assert words("LavaDoorKey", "llm4teach", 1000) == (
        "LLM4Teach, in 22.0 steps per episode. The paper has 90.9% in 36.8."
    )
    assert words("Mine", "llm4teach", 1000) == "LLM4Teach, in 22.0 steps per episode."


def test_baselines_are_marked_by_the_same_words() -> None:
    for successes, word in ((500, "higher"), (0, "lower")):
        rows = compare(["DivergedDoorKey"], [summary("DivergedDoorKey", "rl", successes)], published_results())
        assert [row["mark"] for row in table_rows(rows) if row["method"] == "rl"] == [word]


def test_a_task_of_ones_own_has_no_mark() -> None:
    (row,) = compare(["Mine"], [summary("Mine", "llm4teach", 900)], published_results())
    assert row.mark == ""
    assert metrics([row])["success"]["llm4teach"]["Mine"] == 0.9
    assert table_rows([row])[0]["paper_success"] == ""


def test_table_rows_and_metrics_say_the_same() -> None:
    summaries = [summary("SimpleDoorKey", "llm", 998), summary("SimpleDoorKey", "llm4teach", 999)]
    rows = compare(["SimpleDoorKey"], summaries, published_results())
    flat = {row["method"]: row for row in table_rows(rows)}
    found = [
        (measure, method, {"SimpleDoorKey": flat[method][measure]})
        for measure in ("success", "length")
        for method in ("llm4teach", "llm")
    ]
    assert [(measure, *each) for measure, means in metrics(rows).items() for each in means.items()] == found
    for name, mine in zip(("llm", "llm4teach"), summaries, strict=True):
        expected = (mine.episode_return.value, mine.episode_return.low, mine.episode_return.high)
        assert (flat[name]["return"], flat[name]["return_low"], flat[name]["return_high"]) == expected
    assert flat["rl"]["success"] == ""
    assert flat["rl"]["paper_success"] == 0.101
