"""The `label` stage: asks the teacher about each collected state, and writes its answers as soft instructions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.files import write_bytes
from pipeline.label_sets.exchange import task_folder
from pipeline.params import Params
from pipeline.student.make import check_learnable
from pipeline.tables import LABELS, PROMPTS, RESPONSES, write_table
from pipeline.tasks.check import require_sound
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.metrics import LabelMetrics
from pipeline.teacher.asking.estimate import Estimate, estimate
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.labelling import Labelling
from pipeline.teacher.states import read_states
from pipeline.teacher.teacher import ask, probe_teacher


def label(
    task_name: str,
    params: Params,
    root: Path = Path(),
    dry_run: bool = False,
    probe: bool = False,
    max_requests: int | None = None,
    max_cost: float | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Read data/states/<task>.parquet, write data/labels/<task>/{labels,responses,prompts}.parquet and metrics.json.

    A table without rows is not written: where nobody was asked anything, there are no responses and no prompts.

    dry_run       only say what would be asked; nothing is asked or written
    probe         only try by a few calls what the server can; nothing is written
    max_requests, max_cost   bounds for this run, in place of those in the params
    command       how a shell calls this, for the message of a run that has ended too soon

    Returns the metrics, or the estimate of a dry run. Raises TableError, TeacherError, ParamsError, TaskFault or
    Unknown for what a user can mend, and LabellingStopped (`exit_code` 1, or 130 after Ctrl-C) if the table could not
    be completed; then nothing is written but the ledger.
    """
    task = get_task(task_name)
    require_sound(task, task_name)
    check_learnable(task, params.train)
    bounds = {"max_requests": max_requests, "max_cost": max_cost}
    settings = params.label.replaced({name: value for name, value in bounds.items() if value is not None})
    if settings.from_ is not None:
        settings = settings.replaced({"from": str(task_folder(settings.from_, task_name, root))})
    states = read_states(root / "data/states" / f"{task_name}.parquet", task_name)
    if probe:
        findings = probe_teacher(task, states, settings, root)
        print("\n".join(f"{finding.what:30} {finding.result}" for finding in findings))
        return {finding.what: finding.result for finding in findings}
    if dry_run:
        expected = estimate(Labelling(task, states, settings, root))
        print(forecast(task_name, settings.provider, expected))
        return vars(expected)
    try:
        tables = ask(task, states, settings, root)
    except LabellingStopped as stop:
        raise (stop.naming(command) if command else stop) from None

    folder = root / "data/labels" / task_name
    metrics = LabelMetrics({state.description.state_id: state.visits for state in states})
    provenance = params.label.model_dump()
    write_table(folder / "labels.parquet", metrics.rows_seen(tables.labels), LABELS, provenance)
    _write_any(folder / "responses.parquet", metrics.responses_seen(tables.responses), RESPONSES, provenance)
    _write_any(folder / "prompts.parquet", tables.prompts, PROMPTS, provenance)
    result = metrics.result()
    write_bytes(folder / "metrics.json", (json.dumps(result, indent=1) + "\n").encode())
    print(summary(task_name, tables.source, result))
    return result


def _write_any(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema, provenance: dict[str, Any]) -> None:
    """Write a table that has rows. One without, which `datasets` can't read, is not there, nor is that of before."""
    stream = iter(rows)
    first = list(islice(stream, 1))
    if first:
        write_table(path, chain(first, stream), schema, provenance)
    else:
        path.unlink(missing_ok=True)


def summary(task_name: str, source: str, metrics: dict[str, Any]) -> str:
    """What was done, in one line."""
    text = f"{task_name}: {metrics['labelled']} of {metrics['states']} states labelled by {source}"
    if metrics["coverage_visits"] is not None:
        text += f" ({metrics['coverage_visits']:.1%} of visits)"
    if metrics["residual_mass_visits"] is not None:
        text += f", invalid mass {metrics['residual_mass_visits']:.1%}, entropy {metrics['entropy_visits']:.3f} nats"
    return text


def forecast(task_name: str, provider: str, expected: Estimate) -> str:
    """What would be asked, in one line."""
    cost = "unknown (set label.price_in and price_out)" if expected.cost is None else f"about {expected.cost:.4f}"
    return (
        f"{task_name}: {provider} would be asked about {expected.states} states: {expected.requests} requests for"
        f" {expected.samples} answers, about {expected.tokens_in} tokens in and {expected.tokens_out} out, cost {cost}"
    )
