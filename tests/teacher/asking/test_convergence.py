"""Labels drawn from a served table converge to it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import settings

from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task
from pipeline.teacher.states import State
from pipeline.teacher.teacher import ask

PUBLISHED = Path(__file__).resolve().parents[3] / "data/published/doorkey"
DRAWS = 500
SIGMAS = 4.0


@pytest.mark.parametrize("name", ["SimpleDoorKey", "ColoredDoorKey", "DivergedDoorKey"])
def test_a_sampled_table_converges_to_the_served_one(serve: Any, tmp_path: Path, name: str) -> None:
    truth = read_instructions(PUBLISHED / name / "labels.parquet", name)
    server = serve(PUBLISHED / name / "labels.parquet", seed=11)
    states = [State(one.description, 1) for one in truth.values()]
    asked = settings(server.url, model=name, samples=DRAWS, answers_per_call=100)
    rows = list(ask(get_task(name), states, asked, tmp_path).labels)
    assert len(rows) == len(truth)
    for row in rows:
        wanted = {str(share.plan): share.prob for share in truth[row["state_id"]].shares}
        wanted["residual"] = truth[row["state_id"]].residual
        found = {", ".join(_option(o) for o in plan["options"]): plan["prob"] for plan in row["plans"]}
        found["residual"] = row["residual_mass"]
        assert set(found) <= set(wanted)
        distance = sum(abs(found.get(plan, 0.0) - prob) for plan, prob in wanted.items()) / 2
        bound = SIGMAS * sum(math.sqrt(p * (1 - p) / DRAWS) for p in wanted.values()) / 2
        assert distance <= bound + 1e-9, row["state_text"]


def _option(option: dict[str, Any]) -> str:
    return " ".join([option["name"], *(f"<{arg}>" for arg in option["args"])])
