"""Marks at their edges, the paper's figures, and how a verdict is worded."""

from __future__ import annotations

import pyarrow as pa
import pytest
from synthetic import episode_rows

from pipeline.report.comparison import Mark, compare, interval, mark, metrics, percent, said, span, table_rows, verdict
from pipeline.report.episodes import Estimate, Summary, summaries
from pipeline.report.published_results import published_results
from pipeline.tables import EPISODES


def summary(task: str, method: str, successes: int, n: int = 1000, acting: str = "sampled") -> Summary:
    rows = episode_rows(task, method, 0, [True] * successes + [False] * (n - successes), acting)
    return summaries(pa.Table.from_pylist(rows, schema=EPISODES))[0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.9001, 0.95, Mark.BEAT),
        (0.9, 0.95, Mark.MATCH),
        (0.85, 0.9, Mark.MATCH),
        (0.85, 0.8999, Mark.MISS),
        (0.9, 0.9, Mark.MATCH),
    ],
)
def test_mark_at_its_edges(low: float, high: float, expected: Mark) -> None:
    assert mark(Estimate(0.9, low, high), 0.9) is expected


def test_a_perfect_score_matches_a_perfect_score() -> None:
    assert mark(summary("SimpleDoorKey", "llm", 1000).success, 1.0) is Mark.MATCH
    assert mark(summary("SimpleDoorKey", "llm", 990).success, 1.0) is Mark.MISS


def test_percent_has_two_decimals_near_the_ends_and_never_rounds_up_to_all_or_nothing() -> None:
    shares = {1.0: "100%", 0.99996: "99.99%", 0.9996: "99.96%", 0.995: "99.5%", 0.5: "50.0%"}
    shares |= {0.0051: "0.5%", 0.0004: "0.04%", 0.00001: "0.01%", 0.0: "0%"}
    assert [percent(share) for share in shares] == list(shares.values())
    assert interval(Estimate(0.5, 0.25, 1.0)) == "25.0–100%"
    assert span(0.7, 0.70001) == "70.0%"


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
        ("LavaDoorKey", "llm", None),
        ("LavaDoorKey", "hierarchical", None),
        ("LavaDoorKey", "rl", None),
        ("LavaDoorKey", "llm4teach", Mark.BEAT),
    ]
    assert verdict(rows[0], published_results()) == "LLM alone was not evaluated on LavaDoorKey."


def test_the_verdict_rests_on_sampled_acting() -> None:
    both = [summary("LavaDoorKey", "llm4teach", 500, acting="argmax"), summary("LavaDoorKey", "llm4teach", 999)]
    row = compare(["LavaDoorKey"], both, published_results())[-1]
    assert row.main is both[1]
    assert row.mark is Mark.BEAT
    assert compare(["LavaDoorKey"], both[:1], published_results())[-1].mark is Mark.MISS


@pytest.mark.parametrize(
    ("successes", "words"),
    [
        (1000, "LLM4Teach beats the paper’s 93.1%, in 22.0 steps per episode against 30.6. It is above the paper’s"),
        (975, "LLM4Teach beats the paper’s 93.1%, in 25.2 steps per episode against 30.6. It is level with the"),
        (930, "LLM4Teach matches the paper’s 93.1%"),
        (800, "LLM4Teach misses the paper’s 93.1%"),
    ],
)
def test_verdict_words(successes: int, words: str) -> None:
    row = compare(["DivergedDoorKey"], [summary("DivergedDoorKey", "llm4teach", successes)], published_results())[-1]
    assert verdict(row, published_results()).startswith(words)


def test_only_llm4teach_beats_or_misses() -> None:
    words = [said("llm4teach", found) for found in Mark]
    assert words == ["beat", "match", "miss"]
    for method in ("rl", "hierarchical", "llm", "mine"):
        assert [said(method, found) for found in Mark] == ["higher", "level", "lower"]
    assert said("llm4teach", None) == said("rl", None) == ""


@pytest.mark.parametrize(("successes", "word", "words"), [(500, "higher", "is higher than"), (0, "lower", "is lower")])
def test_a_baseline_is_higher_or_lower_everywhere(successes: int, word: str, words: str) -> None:
    rows = compare(["DivergedDoorKey"], [summary("DivergedDoorKey", "rl", successes)], published_results())
    assert [row["mark"] for row in table_rows(rows) if row["method"] == "rl"] == [word]
    assert verdict(rows[2], published_results()).startswith(f"RL, no teacher {words}")


def test_a_task_of_ones_own_has_no_mark() -> None:
    (row,) = compare(["Mine"], [summary("Mine", "llm4teach", 900)], published_results())
    assert row.mark is None
    assert "the paper has no such task" in verdict(row, published_results())
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
        expected = (mine.episode_return.mean, mine.episode_return.low, mine.episode_return.high)
        assert (flat[name]["return"], flat[name]["return_low"], flat[name]["return_high"]) == expected
    assert flat["rl"]["success"] == ""
    assert flat["rl"]["paper_success"] == 0.101
