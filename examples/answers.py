"""Answers by rule, where there is no model to ask: `python -m answers Corridor` after `llm4teach collect`.

Each example says in `answer` how likely which plan is for a description. That becomes a table in data/published/, which
`llm4teach label` takes as it takes the paper's (`label: {provider: published}`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.tables import LABELS, write_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.providers.published import PUBLISHED, publish
from pipeline.teacher.states import read_states


def write_answers(name: str, root: Path = Path()) -> Path:
    """Write data/published/examples/<task>/labels.parquet for the collected states of an example; returns its path."""
    task = get_task(name)
    rule = sys.modules[type(task).__module__].answer  # type: ignore[attr-defined]
    met = [state.description for state in read_states(root / "data/states" / f"{name}.parquet", name)]
    entries = [{"sees": one.sees, "holds": one.holds, "plans": rule(one)} for one in met]
    path = root / PUBLISHED / "examples" / name / "labels.parquet"
    write_table(path, publish(task, None, entries), LABELS)
    return path


if __name__ == "__main__":
    print(write_answers(sys.argv[1]))
