"""`llm4teach labels …`: look into label tables, as a person or as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.terminal import printable
from stages.label_sets import COMMANDS
from stages.plain import PlainGroup

app = typer.Typer(cls=PlainGroup, no_args_is_help=True, help="Look into label tables, and share them as label sets.")
for command in COMMANDS:
    app.command()(command)

Table = Annotated[str, typer.Argument(help="A label table: a file, its folder, or the name of a task.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def show(
    table: Table,
    state: Annotated[str | None, typer.Option(help="Beginning of a state_id, or a part of the sentence.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show only so many, most often met first.")] = None,
    as_json: AsJson = False,
) -> None:
    """States and what the teacher said about them."""
    from pipeline.teacher.answers import inspection

    found = inspection.show(_rows(table), state, limit)
    if as_json:
        _print_json(found)
        return
    for one in found:
        _say(f"{one['state_text']}  [{one['state_id'][:12]}, met {one['state_count']} times]")
        for plan, prob in one["plans"].items():
            _say(f"  {prob:6.1%}  {plan}")
        for entry in one["verdicts"]:
            if entry["verdict"] != "valid":
                _say(f"          {entry['verdict']} {entry['prob']:.1%}: {entry['example']!r}")
        _say(f"          entropy {one['entropy']:.3f} nats; {one['method']} from {one['model'] or one['provider']}")


@app.command()
def coverage(
    table: Table,
    states: Annotated[list[Path] | None, typer.Option(help="Tables of states; else the task's collected ones.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many missing states.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Which states, collected or met by students, have no label."""
    from dataclasses import asdict

    from pipeline.label_sets.rating import rounds
    from pipeline.tables import STATES, read_table
    from pipeline.teacher.answers import inspection
    from pipeline.teacher.states import merged, read_states

    rows = _rows(table)
    task = rows[0]["task"]
    paths = states or [Path("data/states") / f"{task}.parquet"]
    found = inspection.coverage(rows, merged(read_states(path, task) for path in paths))
    met = [row for path in paths for row in read_table(path, STATES).select(["state_id", "counts"]).to_pylist()]
    found["rounds"] = [asdict(one) for one in rounds(met, {row["state_id"] for row in rows})]
    if as_json:
        _print_json(found)
        return
    by_visits = "" if found["coverage_visits"] is None else f", {found['coverage_visits']:.2%} of visits"
    print(f"{task}: {found['labelled']} of {found['states']} states are labelled{by_visits}")
    for one in found["rounds"]:
        shares = f"{one['known']:.2%} of them in states known before, {one['labelled']:.2%} in labelled ones"
        _say(f"  {one['behaviour']}: {one['visits']} visits, {shares}")
    for one in found["missing"][:limit]:
        _say(f"  missing, met {one['state_count']} times: {one['state_text']}")
    if len(found["missing"]) > limit:
        print(f"  … and {len(found['missing']) - limit} more")


@app.command()
def diff(
    first: Table,
    second: Table,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many states.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Where two teachers disagree: total variation by state, and weighted by visits."""
    from pipeline.teacher.answers import inspection

    found = inspection.diff(_rows(first), _rows(second))
    if as_json:
        _print_json(found)
        return
    print(f"{found['common']} states in both; only in the first {len(found['only_in_first'])}, "
          f"only in the second {len(found['only_in_second'])}")  # fmt: skip
    if found["common"]:
        weighted = "" if found["by_visits"] is None else f", {found['by_visits']:.4f} by visits"
        print(f"total variation: {found['mean']:.4f} on average{weighted}, at most {found['largest']:.4f}")
    for one in [one for one in found["states"] if one["tv"] > 0][:limit]:
        _say(f"  {one['tv']:.3f}  {one['state_text']}  [met {one['state_count']} times]")
        for plan in sorted(one["one"].keys() | one["two"].keys()):
            _say(f"         {one['one'].get(plan, 0):6.1%} {one['two'].get(plan, 0):6.1%}  {plan}")


@app.command()
def stats(table: Table, as_json: AsJson = False) -> None:
    """Entropy, invalid mass, verdicts, tokens and cost of a table."""
    from pipeline.teacher.answers import inspection

    path = inspection.find_table(table, Path())
    found = inspection.stats(inspection.read_rows(path), path.with_name("responses.parquet"))
    if as_json:
        _print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{kind} {share}" for kind, share in value.items() if share) or "none"
        elif isinstance(value, list):
            value = ", ".join(value) or "unknown"
        _say(f"{name.replace('_', ' '):22} {'unknown' if value is None else value}")


def _say(line: str) -> None:
    """Print what a table says, so that a terminal shows it and does not obey it."""
    print(printable(line, 10_000))


def _rows(table: str) -> list[dict[str, Any]]:
    from pipeline.tables import TableError
    from pipeline.teacher.answers import inspection

    path = inspection.find_table(table, Path())
    rows = inspection.read_rows(path)
    if not rows:
        raise TableError(f"{path}: the label table is empty")
    return rows


def _print_json(found: Any) -> None:
    print(json.dumps(found, indent=1, ensure_ascii=False))
