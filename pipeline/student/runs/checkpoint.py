"""Checkpoints of a running learner: one safetensors file, replaced whole, outside DVC's outputs.

They live in `.checkpoints/` (or where LLM4TEACH_CHECKPOINTS says), because DVC deletes a stage's outputs before it
runs again. A checkpoint belongs to exactly one run: its `key` is a hash of everything that decides the run's numbers,
and one with another key is ignored, so changed params never continue an old run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pipeline.files import write_bytes
from pipeline.student.learner import CURVE_COLUMNS

CURVE = "curve"


def checkpoint_path(root: Path, task: str, method: str, phase: str, seed: int, rank: int = 0) -> Path:
    """Where the checkpoint of one student in one phase lives; each process that learns it with others has its own.

    Elsewhere, each root has a folder of its own: several checkouts, and the trials of experiments, may share the place.
    """
    elsewhere, own = os.environ.get("LLM4TEACH_CHECKPOINTS"), root.resolve()
    home = Path(elsewhere) / own.relative_to(own.anchor) if elsewhere else root / ".checkpoints"
    name = f"{seed}.rank{rank}" if rank else str(seed)
    return home / task / method / phase / f"{name}.safetensors"


def run_key(settings: Mapping[str, Any], *arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 over a run's settings (JSON-able) and the arrays it starts from."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for named in arrays:
        for name in sorted(named):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(named[name]).tobytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, key: str, state: Mapping[str, np.ndarray], curve: list[dict[str, float]]) -> None:
    """Write a learner's state and its curve so far (one row per iteration)."""
    columns = CURVE_COLUMNS[1:]  # the phase is in the path
    rows = np.array([[row[name] for name in columns] for row in curve], np.float64).reshape(-1, len(columns))
    contiguous = {name: np.ascontiguousarray(value) for name, value in state.items()}
    write_bytes(path, save({**contiguous, CURVE: rows}, metadata={"key": key}))


def load_checkpoint(path: Path, key: str) -> tuple[dict[str, np.ndarray], list[dict[str, float]]] | None:
    """State and curve of the run with this key; None if there is no whole checkpoint of it."""
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (FileNotFoundError, SafetensorError, OSError):
        return None
    columns = CURVE_COLUMNS[1:]
    rows = arrays.pop(CURVE)
    curve = [dict(zip(columns, row, strict=True)) for row in rows.tolist()]
    for row in curve:
        for name in ("iteration", "env_steps", "episodes"):
            row[name] = int(row[name])
    return arrays, curve
