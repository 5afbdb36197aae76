"""Several people's sets, models or rounds as one: answers are pooled, none is counted twice, disagreement is told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.instructions import Description, Grammar
from pipeline.label_sets.folder import TABLES, Limits, SetError, files_of, folder_of, tables_of
from pipeline.label_sets.replayed import answer_columns, joined, prompt_of
from pipeline.plan_reader import PARSER_VERSION
from pipeline.tables import label_id, read_table, write_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.inspection import distribution, total_variation
from pipeline.teacher.answers.rows import canonical_json

Row = dict[str, Any]
_JOINED = ("provider", "model_requested", "prompt_sha256")


@dataclass
class Merged:
    """What a merge came to, over all tasks.

    labels       labels of the new set
    pooled       of them, those whose answers are of several sets
    twice        answers that several sets have, counted once
    kept         labels of several sets that can't be pooled (no drawn answers); the first set's was kept
    disagreed    the largest total variation in [0, 1] between two sets' labels by description, largest first
    """

    labels: int = 0
    pooled: int = 0
    twice: int = 0
    kept: int = 0
    disagreed: list[tuple[float, str, str]] = field(default_factory=list)


def merge(folders: Sequence[Path], target: Path) -> Merged:
    """Write the tables of a merged set into a folder that is not there yet; the caller verifies and packs.

    Raises SetError for fewer than two sets, or a target that is there; UnknownTask for a task that is not installed.
    """
    if len(folders) < 2:
        raise SetError("wanted at least two sets to merge")
    if target.exists():
        raise SetError(f"{target}: is there already")
    places: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for place in tables_of(files_of(folder, Limits())):
            places[place].append(folder / place)
    result = Merged()
    for own in places.values():
        _merge_task([_read(place) for place in own], target, result)
    result.disagreed.sort(key=lambda one: (-one[0], *one[1:]))
    return result


@dataclass(frozen=True)
class _Tables:
    """One set's tables of a task: labels by state, samples by state, prompts by id, states by id."""

    task: str
    labels: dict[str, Row]
    samples: dict[str, dict[Hashable, list[list[Row]]]]
    prompts: dict[str, Row]
    states: dict[str, Row]
    params: Any


def _read(place: Path) -> _Tables:
    rows = {
        name: read_table(place / f"{name}.parquet", schema).to_pylist() if (place / f"{name}.parquet").is_file() else []
        for name, schema in TABLES.items()
    }
    groups: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in sorted(rows["responses"], key=lambda row: row["attempt"]):
        groups[row["state_id"], row["request_key"], row["sample_index"]].append(row)
    samples: dict[str, dict[Hashable, list[list[Row]]]] = defaultdict(lambda: defaultdict(list))
    for (state_id, key, _), attempts in groups.items():
        samples[state_id][key, _content(attempts)].append(attempts)
    metadata = pq.read_schema(place / "labels.parquet").metadata or {}
    return _Tables(
        rows["labels"][0]["task"],
        {row["state_id"]: row for row in rows["labels"]},
        samples,
        {row["prompt_sha256"]: row for row in rows["prompts"]},
        {row["state_id"]: row for row in rows["states"]},
        json.loads(metadata.get(b"params", b"null")),
    )


def _content(attempts: Sequence[Row]) -> Hashable:
    """What a sample is known by, whatever its number: its answer, or how all attempts at it failed."""
    answer = next((row for row in attempts if row["error"] is None), None)
    if answer is None:
        return tuple((row["at"], row["error"]) for row in attempts)
    return answer["response_id"], answer["text"], answer["at"]


def _merge_task(sets: Sequence[_Tables], target: Path, result: Merged) -> None:
    """One task of all sets that have it."""
    task = sets[0].task
    grammar = get_task(task).grammar
    prompts = {sha: row for one in sets for sha, row in one.prompts.items()}
    states = _states([one.states for one in sets])
    labels, responses = [], []
    for state_id in dict.fromkeys(state_id for one in sets for state_id in one.labels):
        owners = [one for one in sets if state_id in one.labels]
        label, own = _merge_state(state_id, owners, grammar, prompts, result)
        visits = (
            states[state_id]["state_count"]
            if state_id in states
            else max(o.labels[state_id]["state_count"] for o in owners)
        )
        label = {**label, "state_count": visits}
        labels.append({**label, "label_id": label_id(label)})
        responses += own
    result.labels += len(labels)
    params = {"merged": [one.params for one in sets]}
    for name, rows in (
        ("labels", labels),
        ("responses", responses),
        ("prompts", prompts.values()),
        ("states", states.values()),
    ):
        if rows:
            write_table(target / folder_of(task) / f"{name}.parquet", rows, TABLES[name], params)


def _merge_state(
    state_id: str, owners: Sequence[_Tables], grammar: Grammar, prompts: Mapping[str, Row], result: Merged
) -> tuple[Row, list[Row]]:
    """The label of one description, and the responses that it follows from."""
    rows = [one.labels[state_id] for one in owners]
    first = rows[0]
    apart = max((total_variation(distribution(a), distribution(b)) for a in rows for b in rows), default=0.0)
    if apart > 0:
        result.disagreed.append((apart, first["task"], first["state_text"]))
    drawn = [
        one for one, row in zip(owners, rows, strict=True) if row["method"] == "sample" and one.samples.get(state_id)
    ]
    if len(drawn) < len(owners) or len(owners) == 1:
        result.kept += len(owners) > 1
        return first, [row for same in owners[0].samples.get(state_id, {}).values() for group in same for row in group]
    samples, twice = _pooled([one.samples[state_id] for one in drawn])
    result.twice += twice
    result.pooled += 1
    attempts = [row for sample in samples for row in sample]
    answers = [answer for sample in samples if (answer := next((row for row in sample if row["error"] is None), None))]
    prompt = prompts.get(first["prompt_sha256"])
    if prompt is None or not answers:
        return first, attempts
    asked = prompt_of(prompt["system"], prompt["template"], (), grammar)
    description = Description(tuple(first["sees"]), first["holds"])
    label = {
        **first,
        **answer_columns(answers, description, asked, grammar),
        **{name: joined(part for row in rows for part in (row[name] or "").split(", ")) for name in _JOINED},
        **{name: _same([row[name] for row in rows]) for name in ("params_requested", "params_effective")},
        "n_error": sum(row["error"] is not None for row in attempts),
        "parser_version": PARSER_VERSION,
    }
    return label, attempts


def _pooled(sets: Sequence[Mapping[Hashable, list[list[Row]]]]) -> tuple[list[list[Row]], int]:
    """The samples of several sets, each answer once, numbered anew where numbers meet; and how many were there twice.

    A set may well have the same words several times, as draws of their own: of equal samples, as many count as the set
    with the most of them has.
    """
    chosen: dict[Hashable, list[list[Row]]] = {}
    total = 0
    for samples in sets:
        for content, same in samples.items():
            total += len(same)
            if len(same) > len(chosen.get(content, ())):
                chosen[content] = [*chosen.get(content, ()), *same[len(chosen.get(content, ())) :]]
    taken: Counter[str] = Counter()
    numbered = []
    for same in chosen.values():
        for attempts in same:
            key = attempts[0]["request_key"]
            numbered.append([{**row, "sample_index": taken[key]} for row in attempts])
            taken[key] += 1
    return numbered, total - len(numbered)


def _same(settings: Sequence[str]) -> str:
    """Settings that all sets share, or all of them."""
    distinct = list(dict.fromkeys(settings))
    return distinct[0] if len(distinct) == 1 else canonical_json({"merged": [json.loads(one) for one in distinct]})


def _states(sets: Iterable[Mapping[str, Row]]) -> dict[str, Row]:
    """Collected states of several sets: visits add up, unless two sets have the very same row."""
    merged: dict[str, list[Row]] = {}
    for states in sets:
        for state_id, row in states.items():
            if row not in merged.setdefault(state_id, []):
                merged[state_id].append(row)
    return {state_id: _state(rows) for state_id, rows in merged.items()}


def _state(rows: Sequence[Row]) -> Row:
    counts: Counter[str] = Counter()
    for row in rows:
        for one in row["counts"]:
            counts[one["behaviour"]] += one["count"]
    return {
        **rows[0],
        "state_count": sum(row["state_count"] for row in rows),
        "counts": [{"behaviour": name, "count": count} for name, count in counts.items()],
    }
