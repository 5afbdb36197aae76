"""What tests of the stages and the command line share: tiny params, and the installed `llm4teach` as a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from pipeline.params import Params

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
TASK = "SimpleDoorKey"
DOORKEY = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")
"""The paper's four tasks on MiniGrid."""

CONTENT: dict[str, Any] = {
    "tasks": [TASK],
    "methods": ["llm4teach"],
    "seeds": 1,
    "collect": {"behaviours": ["random", "options"], "steps": 800, "envs": 16, "seed": 0},
    "label": {"provider": "published"},
    "train": {
        "schedule": "tiny", "network": "egocentric", "memory": "none", "frames": 4, "update": "auto", "device": "cpu",
        "warm_start": 0, "checkpoint_s": 0.05,
    },
    "schedules": {
        "tiny": {
            "envs": 8, "horizon": 16, "epochs": 2, "minibatch": 32, "lr": 4e-3, "lr_end": 2e-4, "entropy": 0.01,
            "entropy_end": 0.001, "value": 0.5, "gamma": 0.99, "gae": 0.97, "clip": 0.2, "grad_norm": 0.5,
            "lambda_0": 2.0, "lambda_c": 0.1, "i1": 4, "i2": 6, "finetune": 4,
        }
    },
    "evaluate": {"episodes": 20, "acting": ["sampled", "argmax"], "seed": 0},
}  # fmt: skip
"""Seconds of work in all; a student that learns nothing worth having."""


def content(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """CONTENT with changes by dotted key: `{"schedules.tiny.i2": 9}`; None takes a key away."""
    changed = deepcopy(CONTENT)
    for dotted, value in (changes or {}).items():
        *path, last = dotted.split(".")
        section = changed
        for key in path:
            section = section[key]
        if value is None:
            del section[last]
        else:
            section[last] = value
    return changed


def params(changes: dict[str, Any] | None = None) -> Params:
    """The same, checked."""
    return Params.model_validate(content(changes))


def write_params(path: Path, changes: dict[str, Any] | None = None) -> Path:
    """The same as a params file; returns its path."""
    path.write_text(yaml.safe_dump(content(changes), sort_keys=False))
    return path


def publish(root: Path, task: str = TASK) -> Path:
    """Put the task's published label table where `label` would write one; returns its path."""
    path = root / "data/labels" / task / "labels.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/published/doorkey" / task / "labels.parquet", path)
    return path


def llm4teach(folder: Path, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder, to its end."""
    command = [str(BIN / "llm4teach"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, **settings)
