"""The figures that the paper printed (Table 3), kept as data in `published_results.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.json_file import read_json


@dataclass(frozen=True)
class PublishedFigure:
    """One method on one task, as the paper gives it: means over its test runs, without intervals.

    length   steps per episode
    episode_return  undiscounted return per episode
    success  share of episodes, in [0, 1]
    """

    length: float
    episode_return: float
    success: float


@dataclass(frozen=True)
class PublishedResults:
    """The paper's table, by task and method, and where it stands."""

    title: str
    authors: str
    place: str
    url: str
    episodes: int
    figures: dict[str, dict[str, PublishedFigure]]

    def figure(self, task: str, method: str) -> PublishedFigure | None:
        """None for a task or method that the paper does not have."""
        return self.figures.get(task, {}).get(method)

    def best(self, task: str) -> tuple[str, PublishedFigure] | None:
        """The method with the paper's highest success on a task; None for a task that the paper does not have."""
        return max(self.figures.get(task, {}).items(), key=lambda item: item[1].success, default=None)


@cache
def published_results() -> PublishedResults:
    """The committed figures."""
    content = read_json(Path(__file__).with_name("published_results.json"))
    figures = {
        task: {method: PublishedFigure(*numbers) for method, numbers in methods.items()}
        for task, methods in content["tasks"].items()
    }
    return PublishedResults(
        content["title"], content["authors"], content["place"], content["url"], content["episodes"], figures
    )
