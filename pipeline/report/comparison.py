"""The paper's figures beside ours: for each method on each task, whether our success is higher, level or lower."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.printing import percent, span
from pipeline.results.episodes import Summary
from pipeline.results.published_results import PublishedFigure, PublishedResults
from pipeline.statistics import Estimate
from pipeline.student.methods.method import UNTRAINED, get_method, method_names

MARKS = {1: "higher", 0: "level", -1: "lower"}
"""Our whole interval lies above the published figure, holds it, or lies below."""


@dataclass(frozen=True)
class Comparison:
    """One method on one task: the paper's figure, and our summaries by way of acting (empty if it was not run)."""

    task: str
    method: str
    published: PublishedFigure | None
    ours: dict[str, Summary] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return get_method(self.method).title

    @property
    def main(self) -> Summary | None:
        """The summary that is compared: acting by sampling, the paper's way, where there is one."""
        return self.ours.get("sampled") or next(iter(self.ours.values()), None)

    @property
    def mark(self) -> str:
        """One of MARKS; empty if either side has no figure."""
        return beside(self.main, self.published)


def beside(ours: Summary | None, published: PublishedFigure | None) -> str:
    """How our success compares with a published one, as one of MARKS; empty if there are not both."""
    return MARKS[ours.success.side(published.success)] if ours and published else ""


def compare(tasks: Sequence[str], summaries: Iterable[Summary], published: PublishedResults) -> list[Comparison]:
    """All methods on the given tasks that the paper or we have a figure for, in the paper's order."""
    ours: dict[tuple[str, str], dict[str, Summary]] = {}
    for summary in summaries:
        ours.setdefault((summary.task, summary.method), {})[summary.acting] = summary
    return [
        Comparison(task, method, published.figure(task, method), ours.get((task, method), {}))
        for task in tasks
        for method in method_names()
        if (task, method) in ours or published.figure(task, method)
    ]


def interval(estimate: Estimate) -> str:
    """A share's 95% interval."""
    return span(estimate.low, estimate.high)


def by_student(summary: Summary) -> str:
    """The range of the students' success; empty if there are not several."""
    return span(*summary.worst_and_best) if summary.worst_and_best else ""


def in_a_sentence(row: Comparison, published: PublishedResults) -> str:
    """What stands beside the success of one method on one task: its steps, and the paper's figures."""
    if row.main is None:
        return "Not evaluated."
    text = f"{row.title}, in {row.main.length.value:.1f} steps per episode."
    best = published.best(row.task)
    if row.published is None or best is None:
        return text
    text += f" The paper has {percent(row.published.success)} in {row.published.length:.1f}"
    return (
        f"{text}."
        if best[0] == row.method
        else f"{text}; its best is {get_method(best[0]).title} with {percent(best[1].success)}."
    )


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
                    "mark": beside(ours, paper),
                }
            )
    return rows


def _columns(name: str, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {name: "", f"{name}_low": "", f"{name}_high": ""}
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def metrics(comparisons: Iterable[Comparison]) -> dict[str, dict[str, dict[str, float]]]:
    """The figures by which runs are compared (`dvc metrics`): measure -> method -> task -> mean.

    Success first, students before the teacher alone. Of each method that was run, acting as in `main`; `table_rows`
    has all there is.
    """
    means: dict[str, dict[str, dict[str, float]]] = {"success": {}, "length": {}}
    for row in sorted(comparisons, key=lambda row: row.method == UNTRAINED):
        if row.main:
            means["success"].setdefault(row.method, {})[row.task] = row.main.success.value
            means["length"].setdefault(row.method, {})[row.task] = row.main.length.value
    return means
