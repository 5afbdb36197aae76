"""A made-up `data/` folder with the shape of the real one, for tests of the report."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.params import Params
from pipeline.tables import EPISODES, LABELS, STATES, instruction_columns, write_table

HOSTILE = "<script>alert('teacher')</script><img src=http://evil.example/x onerror=alert(1)>"


def params(tasks: Sequence[str] = ("SimpleDoorKey",), **changes: Any) -> Params:
    """Small, valid parameters."""
    import yaml

    content = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
    return Params.model_validate({**content, "tasks": list(tasks), **changes})


def episode_rows(
    task: str, method: str, seed: int | None, success: Sequence[bool], acting: str = "sampled", length: int = 20
) -> list[dict[str, Any]]:
    """One row per entry of `success`, on layouts 1000, 1001, ...; failures are timeouts after 150 steps."""
    return [
        {
            "task": task,
            "method": method,
            "seed": seed,
            "acting": acting,
            "split": "test",
            "layout_seed": 1000 + number,
            "success": bool(reached),
            "end": "success" if reached else "timeout",
            "episode_return": 1 - 0.9 * (length + number % 5) / 150 if reached else 0.0,
            "episode_length": length + number % 5 if reached else 150,
            "idle_steps": 0,
        }
        for number, reached in enumerate(success)
    ]


def write_evaluation(
    data: Path, task: str, method: str, seeds: Sequence[int | None], share: float, n: int = 200
) -> None:
    rng = np.random.default_rng(len(task) + len(method))
    rows = []
    for seed in seeds:
        for acting in ("sampled", "argmax") if seed is not None else ("sampled",):
            rows += episode_rows(task, method, seed, list(rng.random(n) < share), acting)
    write_table(data / "evaluations" / task / f"{method}.parquet", rows, EPISODES)


COLUMNS = [
    *("phase", "iteration", "env_steps", "seconds", "episodes", "success", "episode_return", "episode_length"),
    *("teacher_weight", "learning_rate", "policy_loss", "value_loss", "teacher_loss", "entropy", "label_miss_rate"),
]


def write_student(
    data: Path, task: str, method: str, seed: int, iterations: int = 120, leaves: int = 40, rate: float = 0.06
) -> None:
    """`curve.csv` and `config.json` of one final student whose success rises to near one."""
    rng = np.random.default_rng(seed)
    folder = data / "students" / task / method / "final" / str(seed)
    folder.mkdir(parents=True)
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for i in range(iterations):
            success = 1 - np.exp(-rate * (1 + 0.15 * seed) * i) + rng.normal(0, 0.02)
            writer.writerow(
                {
                    "phase": "train" if i < leaves else "finetune",
                    "iteration": i,
                    "env_steps": (i + 1) * 4096,
                    "seconds": round((i + 1) * (0.04 + 0.002 * seed), 4),
                    "episodes": 0 if i == 0 else 50,
                    "success": "" if i == 0 else round(float(np.clip(success, 0, 1)), 4),
                    "teacher_weight": max(0.0, 2 - 2 * i / leaves) if method == "llm4teach" else 0,
                    "label_miss_rate": 0.002 if method == "llm4teach" else "",
                }
            )
    config = {"parameters": 22913, "network": "egocentric", "schedule": "fast", "seed": seed}
    (folder / "config.json").write_text(json.dumps(config))


def plan(*options: tuple[str, ...]) -> Plan:
    return Plan(tuple(Option(name, args) for name, *rest in options for args in [tuple(rest)]))


def label_row(
    task: str, instruction: SoftInstruction, verdicts: list[dict[str, Any]], count: int = 100
) -> dict[str, Any]:
    return {
        "label_id": instruction.description.state_id,
        "task": task,
        "state_count": count,
        "method": "sample",
        **instruction_columns(instruction),
        "verdicts": verdicts,
        "provider": "published",
        "model_requested": "a model",
        "parser_version": 1,
    }


def write_labels(data: Path, task: str, unlabelled: int = 0) -> None:
    """Two labels, the second with a hostile text and a hostile plan; and the collected states, some without label."""
    go = plan(("go to", "key"), ("pick up", "key"))
    nothing = SoftInstruction(Description(), (PlanShare(plan(("explore",)), 1.0, "explore", 50),))
    hostile = SoftInstruction(
        Description(("key", HOSTILE)),
        (PlanShare(go, 0.7, "go", 35), PlanShare(plan(("go to", HOSTILE)), 0.2, HOSTILE, 10)),
        0.1,
    )
    bad = {"verdict": "unknown option", "prob": 0.1, "count": 5, "example": f"use {HOSTILE}"}
    good = {"verdict": "valid", "prob": 0.9, "count": 45, "example": "go to <key>"}
    rows = [label_row(task, nothing, [], 300), label_row(task, hostile, [good, bad], 100)]
    write_table(data / "labels" / task / "labels.parquet", rows, LABELS)
    met = [(nothing.description, 300), (hostile.description, 100)]
    met += [(Description((f"box {i}",)), 100) for i in range(unlabelled)]
    states = [
        {"task": task, "state_id": d.state_id, "state_text": d.sentence, "sees": list(d.sees), "state_count": n}
        for d, n in met
    ]
    write_table(data / "states" / f"{task}.parquet", states, STATES)


def write_trial(
    data: Path,
    experiment: str,
    variant: str,
    task: str,
    seed: int,
    *,
    method: str = "llm4teach",
    network: str = "egocentric",
    success: Sequence[float] = (),
    evaluated: float = 1.0,
) -> Path:
    """One finished trial whose success in training is `success`, by iteration (NaN: none counted); returns its folder.

    `evaluated` is its success on 100 held-out layouts, acting by sampling.
    """
    folder = data / "paper" / experiment / variant.replace(" ", "-") / task / str(seed)
    folder.mkdir(parents=True)
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for i, share in enumerate(success):
            weight = 1.0 if method == "llm4teach" and i < 3 else 0
            row = {"phase": "train", "iteration": i, "env_steps": (i + 1) * 1000, "seconds": (i + 1) * 0.5}
            known = {"episodes": 20, "success": share} if share == share else {"episodes": 0}
            writer.writerow({**row, **known, "teacher_weight": weight})
    config = {"parameters": 22024, "network": network, "schedule": "fast"}
    (folder / "config.json").write_text(json.dumps(config))
    rows = episode_rows(task, method, seed, [i < 100 * evaluated for i in range(100)])
    write_table(folder / "episodes.parquet", rows, EPISODES)
    about = {"experiment": experiment, "variant": variant, "task": task, "seed": seed, "method": method}
    (folder / "trial.json").write_text(json.dumps(about))
    return folder


def ramp(reaches: int, iterations: int = 40, top: float = 1.0) -> list[float]:
    """Success that is zero before an iteration and `top` from it on."""
    return [top if i >= reaches else 0.0 for i in range(iterations)]
