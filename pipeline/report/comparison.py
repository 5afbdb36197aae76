"""The paper's figures beside ours: for each method on each task, whether ours beats, matches or misses the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pipeline.report.episodes import Estimate, Summary
from pipeline.report.published_results import METHOD_TITLES, PublishedFigure, PublishedResults


class Mark(str, Enum):
    """How our success compares with a published one."""

    BEAT = "beat"
    MATCH = "match"
    MISS = "miss"


def mark(ours: Estimate, published: float) -> Mark:
    """`beat` if our interval lies above the published figure, `miss` if it lies below, `match` if it holds it."""
    if ours.low > published:
        return Mark.BEAT
    return Mark.MISS if ours.high < published else Mark.MATCH


BESIDE = {Mark.BEAT: "higher", Mark.MATCH: "level", Mark.MISS: "lower"}
"""What is said instead of a mark where nothing is won or lost by being higher."""


def said(method: str, found: Mark | None) -> str:
    """A mark in a word: `beat`, `match` or `miss` for LLM4Teach; others are only `higher`, `level` or `lower`.

    A baseline that does better than the paper's is no achievement of the method. Empty if there is no mark.
    """
    if found is None:
        return ""
    return found.value if method == "llm4teach" else BESIDE[found]


@dataclass(frozen=True)
class Comparison:
    """One method on one task: the paper's figure, and our summaries by way of acting (empty if it was not run)."""

    task: str
    method: str
    published: PublishedFigure | None
    ours: dict[str, Summary] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return METHOD_TITLES.get(self.method, self.method)

    @property
    def main(self) -> Summary | None:
        """The summary that is compared: acting by sampling, the paper's way, where there is one."""
        return self.ours.get("sampled") or next(iter(self.ours.values()), None)

    @property
    def mark(self) -> Mark | None:
        """None if either side has no figure."""
        return mark(self.main.success, self.published.success) if self.main and self.published else None


def compare(tasks: Sequence[str], summaries: Iterable[Summary], published: PublishedResults) -> list[Comparison]:
    """All methods on the given tasks that the paper or we have a figure for, in the paper's order."""
    ours: dict[tuple[str, str], dict[str, Summary]] = {}
    for summary in summaries:
        ours.setdefault((summary.task, summary.method), {})[summary.acting] = summary
    return [
        Comparison(task, method, published.figure(task, method), ours.get((task, method), {}))
        for task in tasks
        for method in METHOD_TITLES
        if (task, method) in ours or published.figure(task, method)
    ]


def percent(share: float) -> str:
    """A share in percent, the one way that it is printed: one decimal, and two within half a point of 0 and 100%.

    Only what is exactly all or nothing is `100%` or `0%`.
    """
    points = round(100 * share, 9)
    if points in (0, 100):
        return f"{points:.0f}%"
    return f"{points:.1f}%" if 0.5 <= points <= 99.5 else f"{min(max(points, 0.01), 99.99):.2f}%"


def span(low: float, high: float) -> str:
    """Two shares, the ends of an interval or of a range: `97.3–98.8%`, or one where they print the same."""
    ends = percent(low), percent(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0].rstrip('%')}–{ends[1]}"


def interval(estimate: Estimate) -> str:
    """A share's 95% interval."""
    return span(estimate.low, estimate.high)


def by_student(summary: Summary) -> str:
    """The range of the students' success; empty if there are not several."""
    return span(*summary.worst_and_best) if summary.worst_and_best else ""


def verdict(row: Comparison, published: PublishedResults) -> str:
    """What came out for one method on one task, in one or two plain sentences that stand beside our success."""
    if row.main is None:
        return f"{row.title} was not evaluated on {row.task}."
    ours, paper = row.main, row.published
    if paper is None:
        return f"{row.title} takes {ours.length.mean:.1f} steps per episode; the paper has no such task."
    if row.method == "llm4teach":
        words = {Mark.BEAT: "beats", Mark.MATCH: "matches", Mark.MISS: "misses"}
    else:
        words = {Mark.BEAT: "is higher than", Mark.MATCH: "is level with", Mark.MISS: "is lower than"}
    assert row.mark is not None  # both sides are there
    text = (
        f"{row.title} {words[row.mark]} the paper’s {percent(paper.success)}, in {ours.length.mean:.1f} steps per "
        f"episode against {paper.length:.1f}."
    )
    best = published.best(row.task)
    if best is None or best[0] == row.method:
        return text
    beside = {Mark.BEAT: "above", Mark.MATCH: "level with", Mark.MISS: "below"}[mark(ours.success, best[1].success)]
    return f"{text} It is {beside} the paper’s best, {METHOD_TITLES[best[0]]} ({percent(best[1].success)})."


def table_rows(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    """One flat row per method, task and way of acting, as `table.csv` holds them; empty where there is no figure."""
    rows = []
    for row in comparisons:
        paper = row.published
        evaluated: list[tuple[str, Summary | None]] = [*row.ours.items()] or [("", None)]
        for acting, ours in evaluated:
            rows.append(
                {
                    "task": row.task,
                    "method": row.method,
                    "acting": acting,
                    "students": len(ours.seeds) if ours else "",
                    "episodes": ours.episodes if ours else "",
                    **_columns("success", ours.success if ours else None),
                    "success_worst": ours.worst_and_best[0] if ours and ours.worst_and_best else "",
                    "success_best": ours.worst_and_best[1] if ours and ours.worst_and_best else "",
                    **_columns("return", ours.episode_return if ours else None),
                    **_columns("length", ours.length if ours else None),
                    "death": ours.ends["death"] if ours else "",
                    "timeout": ours.ends["timeout"] if ours else "",
                    "paper_success": paper.success if paper else "",
                    "paper_return": paper.episode_return if paper else "",
                    "paper_length": paper.length if paper else "",
                    "mark": said(row.method, mark(ours.success, paper.success)) if ours and paper else "",
                }
            )
    return rows


def _columns(name: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {name: "", f"{name}_low": "", f"{name}_high": ""}
    return {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def metrics(comparisons: Iterable[Comparison]) -> dict[str, dict[str, dict[str, float]]]:
    """The figures by which runs are compared (`dvc metrics`): measure -> method -> task -> mean.

    Success first, students before the teacher alone. Of each method that was run, acting as in `main`; `table_rows`
    has all there is.
    """
    means: dict[str, dict[str, dict[str, float]]] = {"success": {}, "length": {}}
    for row in sorted(comparisons, key=lambda row: row.method == "llm"):
        if row.main:
            means["success"].setdefault(row.method, {})[row.task] = row.main.success.mean
            means["length"].setdefault(row.method, {})[row.task] = row.main.length.mean
    return means
