"""`llm4teach labels pack | verify | …`: label sets, the folders in which labels are shared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

SetFolder = Annotated[Path, typer.Argument(help="A label set: a folder.")]


def pack(
    folder: SetFolder,
    task: Annotated[list[str] | None, typer.Option(help="Copy this task's tables from data/ into the set.")] = None,
    licence: Annotated[str | None, typer.Option("--license", help="An SPDX name, such as cc-by-4.0.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call the set.")] = None,
) -> None:
    """Make a folder of tables a label set: write its card, croissant.json and SHA256SUMS; your own words stay."""
    from pipeline.label_sets.pack import gather
    from pipeline.label_sets.pack import pack as describe

    labels = Path("data/labels")
    gather(
        folder,
        {
            one: {
                **{table: labels / one / f"{table}.parquet" for table in ("labels", "responses", "prompts")},
                "states": Path("data/states") / f"{one}.parquet",
            }
            for one in task or ()
        },
    )
    facts = describe(folder, licence, name)
    print(f"{folder}: {facts.total('labels')} labels of {len(facts.tasks)} tasks, {facts.total('responses')} responses")


def verify(folder: SetFolder) -> None:
    """Check a stranger's set: checksums, sums, ids, and that labels follow from their own responses."""
    from pipeline.label_sets.verify import verify as check

    found = check(folder)
    rows = ", ".join(f"{count} {table}" for table, count in found.rows.items())
    print(f"{folder}: fine; {len(found.tasks)} tasks ({', '.join(found.tasks)}): {rows}")
    for note in found.notes:
        print(f"  note: {note}")


def merge(
    sets: Annotated[list[Path], typer.Argument(help="Label sets: folders.")],
    into: Annotated[Path, typer.Option("--into", help="A folder that is not there yet.")],
    licence: Annotated[str | None, typer.Option("--license", help="An SPDX name, such as cc-by-4.0.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="List at most so many states that they disagree about.")] = 10,
) -> None:
    """Make one set of several people's, models' or rounds': answers are pooled, and none is counted twice."""
    from pipeline.label_sets.merge import merge as together
    from pipeline.label_sets.pack import pack as describe
    from pipeline.label_sets.verify import verify as check
    from pipeline.terminal import printable

    for folder in sets:
        check(folder)
    merged = together(sets, into)
    describe(into, licence)
    check(into)
    print(f"{into}: {merged.labels} labels, {merged.pooled} of them pooled; {merged.twice} answers were there twice")
    if merged.kept:
        print(f"  {merged.kept} labels have no answers to pool; those of the first set were kept")
    for distance, task, text in merged.disagreed[:limit]:
        print(f"  they disagree by {distance:.3f} (total variation): {task}: {printable(text)}")
    if len(merged.disagreed) > limit:
        print(f"  … and about {len(merged.disagreed) - limit} more")


def push(
    folder: SetFolder,
    to: Annotated[str, typer.Argument(help="OWNER/NAME on the Hugging Face Hub, or a folder (./there).")],
    private: Annotated[bool, typer.Option(help="If the dataset is new: nobody else sees it.")] = False,
    tag: Annotated[str | None, typer.Option(help="Name the new revision so.")] = None,
) -> None:
    """Check a set and give it to others; prints where it lies, pinned to the commit."""
    from pipeline.label_sets import exchange

    print(exchange.push(folder, exchange.source(to), private, tag))


def pull(
    wanted: Annotated[
        str, typer.Argument(metavar="FROM", help="OWNER/NAME@REVISION on the Hugging Face Hub, or a folder.")
    ],
    folder: Annotated[Path, typer.Argument(help="Where to put it: a folder that is not there yet.")],
) -> None:
    """Fetch a set, check it, and put it into a folder; prints where it came from, pinned to the commit."""
    from pipeline.label_sets import exchange

    pinned, found = exchange.pull(exchange.source(wanted), folder)
    print(f"{folder}: {found.rows['labels']} labels of {', '.join(found.tasks)}, from {pinned}")


def rate(
    sets: Annotated[list[Path], typer.Argument(help="Label sets: folders.")],
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may be repeated.")] = None,
    episodes: Annotated[int, typer.Option(min=0, help="Layouts that the teacher plays alone; 0: none.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how good a set's teacher is, without training: agreement, coverage, and how it acts alone."""
    from stages.rate import in_words
    from stages.rate import rate as stage

    rows = [row for folder in sets for row in stage(folder, task or [], episodes)]
    print(json.dumps(rows, indent=1) if as_json else in_words(rows))


COMMANDS = (pack, verify, merge, push, pull, rate)
