"""What the analyse stage found, read for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.json_file import read_json

FILES = ("shortest", "errors", "departures", "transfer", "cost", "failures", "assumptions")
ERROR_WORDS = {
    "inconsistent": "changes nothing: the answer was unusable, its plan could not go on, or the action does not fit",
    "incorrect": "changes the world for the worse: death, or taking up or putting down the wrong thing",
    "inefficient": "comes no nearer although all that success takes has been seen",
    "searching": "comes no nearer while something is still unseen: no error",
    "sound": "comes one step nearer to success",
}


@dataclass(frozen=True)
class Failure:
    """A failed episode of the gallery: the layout, how many students fail there, and the film of one of them.

    student  that one's folder, as it is typed in the folder that holds `data`
    """

    task: str
    layout: int
    acting: str
    failed: int
    students: int
    seed: int
    student: Path
    path: Path
    outcome: dict[str, Any]


@dataclass(frozen=True)
class Analysis:
    """The analyses' results by FILES, as the stage wrote them ({} where it did not), and the gallery."""

    found: dict[str, Any]
    gallery: list[Failure] = field(default_factory=list)

    @property
    def there(self) -> bool:
        return any(self.found[name] for name in FILES if name != "assumptions")


def read_analysis(folder: Path) -> Analysis:
    """Read data/paper/analysis as far as it is there. Raises JsonError for a broken file."""
    paths = {name: folder / f"{name}.json" for name in FILES}
    return Analysis({name: read_json(path) if path.is_file() else {} for name, path in paths.items()})


def chosen_failures(failures: dict[str, Any], shown: int = 3) -> Sequence[tuple[str, dict[str, Any], int]]:
    """Which failed episodes of one task are filmed: way of acting, layout and students, at most `shown`.

    The two worst layouts of sampled acting first, then those of argmax, then the rest.
    """
    sampled, argmax = (
        [(acting, layout, failures[acting]["students"]) for layout in failures.get(acting, {}).get("layouts", [])]
        for acting in ("sampled", "argmax")
    )
    ordered = [*sampled[:2], *argmax, *sampled[2:]]
    chosen: dict[int, tuple[str, dict[str, Any], int]] = {}
    for entry in ordered:
        chosen.setdefault(entry[1]["layout_seed"], entry)
    return list(chosen.values())[:shown]
