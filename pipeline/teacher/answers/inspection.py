"""Looking into label tables: single states, coverage, differences between two teachers, figures of a whole table.

Every function returns plain data that JSON can hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.tables import LABELS, RESPONSES, plan_of, read_instructions, read_table
from pipeline.teacher.answers.metrics import LabelMetrics
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.providers.published import published_folders
from pipeline.teacher.states import State

RESIDUAL = "(no usable plan)"


def find_table(name: str, root: Path) -> Path:
    """The label table that a person means: a file, a folder with one, or a task's own or published one.

    Raises TeacherError if there is none, or several published ones.
    """
    path = root / name
    candidates = [path, path / "labels.parquet", root / "data/labels" / name / "labels.parquet"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    published = [folder / "labels.parquet" for folder in published_folders(name, root).values()]
    if not published:
        raise TeacherError(
            f"{name!r} is no label table: there is no such file, no {path / 'labels.parquet'}, no {candidates[2]},"
            " and no published table of that name"
        )
    if len(published) > 1:
        raise TeacherError(f"{name!r} is ambiguous; give one of these paths: {', '.join(map(str, published))}")
    return published[0]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a label table, checked, most often met first. Raises TableError."""
    rows = read_table(path, LABELS).to_pylist()
    if rows:
        read_instructions(path, rows[0]["task"])
    return sorted(rows, key=lambda row: (-row["state_count"], row["state_text"]))


def distribution(row: Mapping[str, Any]) -> dict[str, float]:
    """Probabilities of a row's plans as texts, unusable answers as one more outcome."""
    plans = {str(plan_of(plan)): plan["prob"] for plan in row["plans"]}
    return {**plans, RESIDUAL: row["residual_mass"]} if row["residual_mass"] > 0 else plans


def total_variation(one: Mapping[str, float], two: Mapping[str, float]) -> float:
    """Total variation in [0, 1] between two distributions over plans: half the sum of the differences."""
    return sum(abs(one.get(plan, 0.0) - two.get(plan, 0.0)) for plan in one.keys() | two.keys()) / 2


def show(rows: Sequence[Mapping[str, Any]], wanted: str | None, limit: int | None) -> list[dict[str, Any]]:
    """States with their distributions; `wanted` is the beginning of a state_id or a part of the sentence.

    Raises TeacherError if no state is meant.
    """
    chosen = [r for r in rows if not wanted or r["state_id"].startswith(wanted) or wanted in r["state_text"]]
    if wanted and not chosen:
        raise TeacherError(f"no labelled state has {wanted!r} in its sentence, or an id that begins so")
    return [
        {
            "state_id": row["state_id"],
            "state_text": row["state_text"],
            "state_count": row["state_count"],
            "plans": distribution(row),
            "verdicts": [
                {name: entry[name] for name in ("verdict", "prob", "count", "example")} for entry in row["verdicts"]
            ],
            "entropy": row["entropy"],
            "provider": row["provider"],
            "model": row["model_returned"] or row["model_requested"],
            "method": row["method"],
            "label_id": row["label_id"],
        }
        for row in chosen[:limit]
    ]


def coverage(rows: Sequence[Mapping[str, Any]], states: Sequence[State]) -> dict[str, Any]:
    """How many of the given states are labelled, and which are not, most often met first."""
    labelled = {row["state_id"] for row in rows}
    missing = [state for state in states if state.description.state_id not in labelled]
    visits = sum(state.visits for state in states)
    missed = sum(state.visits for state in missing)
    return {
        "states": len(states),
        "labelled": len(states) - len(missing),
        "coverage_states": 1 - len(missing) / len(states) if states else None,
        "coverage_visits": 1 - missed / visits if visits else None,
        "missing": [
            {"state_id": s.description.state_id, "state_text": s.description.sentence, "state_count": s.visits}
            for s in missing
        ],
    }


def diff(one: Sequence[Mapping[str, Any]], two: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where two teachers disagree: total variation in [0, 1] per state, largest first, and its means.

    `by_visits` weighs states by how often the first table says they were met, or else the second; null if neither does.
    """
    first, second = ({row["state_id"]: row for row in rows} for rows in (one, two))
    both = [key for key in first if key in second]
    states = []
    for key in both:
        a, b = distribution(first[key]), distribution(second[key])
        distance = total_variation(a, b)
        visits = first[key]["state_count"] or second[key]["state_count"]
        text = first[key]["state_text"]
        states.append({"state_id": key, "state_text": text, "state_count": visits, "tv": distance, "one": a, "two": b})
    visits = sum(state["state_count"] for state in states)
    return {
        "common": len(both),
        "only_in_first": [first[key]["state_text"] for key in first if key not in second],
        "only_in_second": [second[key]["state_text"] for key in second if key not in first],
        "mean": sum(s["tv"] for s in states) / len(states) if states else None,
        "by_visits": sum(s["tv"] * s["state_count"] for s in states) / visits if visits else None,
        "largest": max((s["tv"] for s in states), default=None),
        "states": sorted(states, key=lambda s: (-s["tv"], -s["state_count"], s["state_text"])),
    }


def stats(rows: Sequence[dict[str, Any]], responses: Path | None) -> dict[str, Any]:
    """Figures of a table: states, entropy, invalid mass, verdicts, and tokens and cost from its responses."""
    metrics = LabelMetrics({row["state_id"]: row["state_count"] for row in rows})
    for _ in metrics.rows_seen(rows):
        pass
    if responses is not None and responses.is_file():
        for _ in metrics.responses_seen(read_table(responses, RESPONSES).to_pylist()):
            pass
    found = metrics.result()
    dropped = ("labelled", "unlabelled", "unmet", "coverage_states", "coverage_visits")
    setup = {
        name: sorted({row[name] for row in rows if row[name]}) for name in ("provider", "method", "model_returned")
    }
    return {**{name: value for name, value in found.items() if name not in dropped}, **setup}
