"""What the analyse stage found, read for the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.tables import TableError

FILES = ("shortest", "errors", "departures", "transfer", "cost", "failures", "assumptions")
ERROR_WORDS = {
    "inconsistent": "changes nothing: the answer was unusable, its plan could not go on, or the action does not fit",
    "incorrect": "changes the world for the worse: death, or taking up or putting down the wrong thing",
    "inefficient": "comes no nearer although key and door are known",
    "searching": "comes no nearer while something is still unseen: no error",
    "sound": "comes one step nearer to an open door",
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

    def transfer_rows(self) -> tuple[list[str], list[tuple[str, list[dict[str, Any] | None]]]]:
        """The tasks that were played, and for each task of students its results in the same order."""
        pairs = {(row["source"], row["target"]): row for row in self.found["transfer"]}
        targets = list(dict.fromkeys(row["target"] for row in self.found["transfer"]))
        sources = list(dict.fromkeys(row["source"] for row in self.found["transfer"]))
        return targets, [(source, [pairs.get((source, target)) for target in targets]) for source in sources]


def read_analysis(folder: Path) -> Analysis:
    """Read data/paper/analysis as far as it is there. Raises TableError for a broken file."""
    found: dict[str, Any] = {}
    for name in FILES:
        path = folder / f"{name}.json"
        if not path.is_file():
            found[name] = {}
            continue
        try:
            found[name] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise TableError(f"{path}: not JSON ({error})") from None
    return Analysis(found)


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


def departures_in_words(total: dict[str, Any]) -> str:
    """One sentence on where the students of a task leave the teacher, and whether they are right to."""
    if not total["departures"]:
        return "The students never leave their teacher."
    better, worse = total["better"], total["worse"]
    judged = "as often right as wrong"
    if better != worse:
        judged = "more often right than wrong" if better > worse else "more often wrong than right"
    spared = f" In {total['spared']:.1%} of them the teacher’s action would have been death." if total["spared"] else ""
    return (
        f"In {total['departed']:.1%} of their steps the students prefer an action that the teacher gives less than 5%, "
        f"and are {judged}: {better:.0%} of these come nearer to the door where the teacher’s choice does not, "
        f"{worse:.0%} the other way round.{spared}"
    )
