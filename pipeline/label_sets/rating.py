"""How good is this teacher? What a set says of it by its tables alone, before anyone trains from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.label_sets.facts import TaskFacts


@dataclass(frozen=True)
class Round:
    """One behaviour of collecting (`random`, `options`, `students 1`, …), and how its states were and are covered.

    visits    states that it met, repeats counted
    known     share of them that an earlier behaviour had met
    labelled  share of them that have a label now
    """

    behaviour: str
    visits: int
    known: float
    labelled: float


def rounds(states: Iterable[Mapping[str, Any]], labelled: Collection[str]) -> list[Round]:
    """Coverage behaviour by behaviour, from rows of the states table and the state_ids that have a label.

    Those of the first collecting come first, by name; then the rounds of students in their order.
    """
    met: dict[str, dict[str, int]] = {}
    for row in states:
        for one in row["counts"] or ():
            visits = met.setdefault(one["behaviour"], {})
            visits[row["state_id"]] = visits.get(row["state_id"], 0) + one["count"]
    found: list[Round] = []
    seen: set[str] = set()
    for behaviour in sorted(met, key=_order):
        visits = met[behaviour]
        total = sum(visits.values())
        known, covered = (
            sum(count for state_id, count in visits.items() if state_id in among) / max(1, total)
            for among in (seen, labelled)
        )
        found.append(Round(behaviour, total, known, covered))
        seen |= visits.keys()
    return found


def _order(behaviour: str) -> tuple[int, str]:
    name, _, number = behaviour.rpartition(" ")
    return (int(number), name) if name and number.isdigit() else (0, behaviour)


def rated(facts: TaskFacts) -> dict[str, Any]:
    """The figures that follow from the tables alone, as plain data.

    Shares are in [0, 1], entropy is in nats; all are means over labels but `coverage_visits`, which is None where
    nobody counted visits.
    """
    return {
        "task": facts.task,
        "labels": facts.labels,
        "unusable": facts.residual / facts.labels,
        "entropy": facts.entropy / facts.labels,
        "agreement": facts.agreement / facts.labels,
        "coverage_visits": facts.met_labelled / facts.met if facts.met else None,
    }
