"""The `label` stage: asks the teacher about each collected state, and writes its answers as soft instructions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.params import Params
from pipeline.tables import LABELS, PROMPTS, RESPONSES, write_table
from pipeline.tasks.base import get_task
from pipeline.teacher.metrics import LabelMetrics
from pipeline.teacher.states import read_states
from pipeline.teacher.teacher import ask


def label(task_name: str, params: Params, root: Path = Path()) -> dict[str, Any]:
    """Read data/states/<task>.parquet, write data/labels/<task>/{labels,responses,prompts}.parquet and metrics.json.

    Returns the metrics. Raises TableError, TeacherError or UnknownTask for what a user can mend, and LabellingStopped
    (exit code 1, or 130 after Ctrl-C) if the table could not be completed; then nothing is written but the ledger.
    """
    task = get_task(task_name)
    settings = params.label
    states = read_states(root / "data/states" / f"{task_name}.parquet", task_name)
    labelling = ask(task, states, settings, root)

    folder = root / "data/labels" / task_name
    metrics = LabelMetrics({state.description.state_id: state.visits for state in states})
    provenance = settings.model_dump()
    write_table(folder / "labels.parquet", metrics.rows_seen(labelling.labels), LABELS, provenance)
    write_table(folder / "responses.parquet", metrics.responses_seen(labelling.responses), RESPONSES, provenance)
    write_table(folder / "prompts.parquet", labelling.prompts, PROMPTS, provenance)
    result = metrics.result()
    (folder / "metrics.json").write_text(json.dumps(result, indent=1) + "\n")
    print(summary(task_name, settings.provider, result))
    return result


def summary(task_name: str, provider: str, metrics: dict[str, Any]) -> str:
    """What was done, in one line."""
    text = f"{task_name}: {metrics['labelled']} of {metrics['states']} states labelled by {provider}"
    if metrics["coverage_visits"] is not None:
        text += f" ({metrics['coverage_visits']:.1%} of visits)"
    if metrics["residual_mass_visits"] is not None:
        text += f", invalid mass {metrics['residual_mass_visits']:.1%}, entropy {metrics['entropy_visits']:.3f} nats"
    return text
