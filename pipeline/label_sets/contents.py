"""Going through all tables of a set: everything is checked, and added up on the way.

What needs a task (which options and objects there are, how an answer reads) is checked where the task is installed;
a note says where it is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.instructions import Description, Grammar
from pipeline.label_sets.facts import SetFacts, TaskFacts
from pipeline.label_sets.folder import TABLES, Limits, SetError, folder_of, tables_of
from pipeline.label_sets.label_rows import checked_label, checked_prompt, checked_state, task_name
from pipeline.label_sets.replayed import check_replayed, prompt_of
from pipeline.label_sets.responses import read_answers
from pipeline.label_sets.stranger_parquet import StrangerTable
from pipeline.plan_reader import PARSER_VERSION
from pipeline.registry import Broken, Unknown
from pipeline.tasks.registry import get_task
from pipeline.terminal import printable


def read_contents(folder: Path, files: dict[str, int], limits: Limits) -> SetFacts:
    """The figures of a set whose files are `files` (see `files_of`), once every row has been checked.

    Raises SetError, naming the file and the row.
    """
    tasks, notes = [], []
    for place, names in tables_of(files).items():
        tables = {
            name: StrangerTable(folder / place / f"{name}.parquet", f"{place}/{name}.parquet", TABLES[name], limits)
            for name in names
        }
        try:
            facts, found = _read_task(place, tables, limits)
        except (TypeError, KeyError, AttributeError) as error:
            raise SetError(f"{place}: a value is missing in a nested column ({printable(error, 80)})") from None
        tasks.append(facts)
        notes += found
    return SetFacts(tasks, notes)


def _read_task(place: str, tables: dict[str, StrangerTable], limits: Limits) -> tuple[TaskFacts, list[str]]:
    """One task's tables."""
    name = _task_of(tables["labels"], place)
    facts = TaskFacts(name, place, {table: opened.rows for table, opened in tables.items()})
    grammar, notes = _grammar(name)
    prompts = _read_prompts(tables.get("prompts"), facts)
    descriptions = _read_labels(tables["labels"], facts, grammar, "prompts" in tables)
    if "responses" in tables:
        for batch in tables["responses"].batches():
            facts.add_responses(batch)
        notes += _replay(tables, facts, descriptions, prompts, grammar, limits)
    else:
        notes.append(f"{name}: no responses, so nobody can see how its labels follow from answers")
    _read_states(tables.get("states"), facts)
    return facts, notes


def _task_of(labels: StrangerTable, place: str) -> str:
    if not labels.rows:
        raise SetError(f"{labels.name}: the label table is empty")
    name = task_name(next(labels.batches(["task"]))["task"][0].as_py(), f"{labels.name}, row 0")
    if folder_of(name) != place:
        raise SetError(f"{labels.name}: labels of {name!r} in the folder {place!r}; wanted {folder_of(name)!r}")
    return name


def _grammar(task: str) -> tuple[Grammar | None, list[str]]:
    """What a plan of the task may say, or a note that it is not known."""
    try:
        return get_task(task).grammar, []
    except Unknown:
        why = "is not installed"
    except Broken as error:
        why = f"can't be used ({printable(error, 120)})"
    return None, [f"{task} {why}: its options, objects and replay were not checked"]


def _read_prompts(table: StrangerTable | None, facts: TaskFacts) -> dict[str, tuple[tuple[str, str], ...]]:
    """The worked examples of each prompt by its sha256."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for number, row in _rows(table):
        where = f"{table.name if table else ''}, row {number}"
        found[row["prompt_sha256"]] = checked_prompt(row, where)
        if row["prompt_sha256"] in facts.prompts:
            raise SetError(f"{where}: the same prompt is there twice")
        facts.prompts[row["prompt_sha256"]] = row
    return found


def _read_labels(
    table: StrangerTable, facts: TaskFacts, grammar: Grammar | None, with_prompts: bool
) -> dict[str, Description]:
    """The descriptions of all labels by state_id, in the table's order."""
    descriptions: dict[str, Description] = {}
    for number, row in _rows(table):
        where = f"{table.name}, row {number}"
        instruction = checked_label(row, facts.task, where)
        if row["state_id"] in descriptions:
            raise SetError(f"{where}: a second label for the same description ({printable(row['state_text'])})")
        descriptions[row["state_id"]] = instruction.description
        for share in instruction.shares:
            if grammar is not None and not grammar.allows(share.plan):
                raise SetError(f"{where}: the task knows no such plan: {printable(share.plan)}")
        for prompt in (row["prompt_sha256"] or "").split(", ") if with_prompts else ():
            if prompt and prompt not in facts.prompts:
                raise SetError(f"{where}: its prompt is not in the prompts table")
        facts.add_label(row, instruction)
    return descriptions


def _replay(
    tables: dict[str, StrangerTable],
    facts: TaskFacts,
    descriptions: dict[str, Description],
    prompts: dict[str, tuple[tuple[str, str], ...]],
    grammar: Grammar | None,
    limits: Limits,
) -> list[str]:
    """Check that every label follows from the responses; notes say which could not be."""
    numbers = {state_id: number for number, state_id in enumerate(descriptions)}
    answers = read_answers(tables["responses"], facts.task, numbers, limits)
    if grammar is None:
        return []
    skipped = first = 0
    for batch in tables["labels"].batches():
        rows = batch.to_pylist()
        for number, (row, (own, failures)) in enumerate(
            zip(rows, answers.of(first, first + len(rows)), strict=True), first
        ):
            prompt = (row["prompt_sha256"] or "").split(", ")[0]
            if row["method"] == "logprob" or row["parser_version"] != PARSER_VERSION or prompt not in prompts:
                skipped += 1
                continue
            asked = facts.prompts[prompt]
            check_replayed(
                row, own, failures, descriptions[row["state_id"]],
                prompt_of(asked["system"], asked["template"], prompts[prompt], grammar), grammar,
                f"{tables['labels'].name}, row {number}",
            )  # fmt: skip
        first += len(rows)
    if skipped:
        return [
            f"{facts.task}: {skipped} labels of scores, of another plan reader or without a prompt were not replayed"
        ]
    return []


def _read_states(table: StrangerTable | None, facts: TaskFacts) -> None:
    seen: set[str] = set()
    for number, row in _rows(table):
        where = f"{table.name if table else ''}, row {number}"
        checked_state(row, facts.task, where)
        if row["state_id"] in seen:
            raise SetError(f"{where}: the same description is there twice")
        seen.add(row["state_id"])
        facts.add_state(row)


def _rows(table: StrangerTable | None) -> Any:
    """Rows with their numbers; none of a table that is not there."""
    number = 0
    for batch in table.batches() if table is not None else ():
        for row in batch.to_pylist():
            yield number, row
            number += 1
