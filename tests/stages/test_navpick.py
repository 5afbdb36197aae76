"""Every stage on the robot's task, with a budget of seconds: from states to the report's page."""

from __future__ import annotations

import pyarrow.parquet as pq
import tiny

from pipeline.params import load_params
from pipeline.tasks.registry import get_task
from stages.collect import collect
from stages.evaluate import evaluate
from stages.finetune import finetune
from stages.label import label
from stages.report import report
from stages.train import train

TASK = "NavPick"


def test_all_stages(tmp_path, monkeypatch):
    monkeypatch.setattr(type(get_task(TASK)), "horizon", 20)
    changes = {
        "tasks": [TASK], "collect.steps": 400, "collect.envs": 4, "train.network": "dict", "train.memory": "lstm",
        "evaluate.episodes": 4, "schedules.tiny.envs": 4, "schedules.tiny.distance": "wasserstein",
    }  # fmt: skip
    params = tiny.params(changes)
    path = collect(TASK, params, tmp_path)
    states = pq.read_table(path).num_rows
    assert states > 3
    assert label(TASK, params, tmp_path)["labelled"] == states
    train(TASK, "llm4teach", params, tmp_path)
    finetune(TASK, "llm4teach", params, tmp_path)
    for method in ("llm4teach", "llm"):
        found = evaluate(TASK, method, params, tmp_path)
        assert 1 <= found["sampled"]["length"] <= 20
    report(params, tmp_path, quiet=True)
    page = (tmp_path / "data/report/index.html").read_text()
    assert TASK in page


def test_the_shipped_params_are_fine():
    assert load_params(tiny.ROOT / "navpick.yaml").tasks == [TASK]
