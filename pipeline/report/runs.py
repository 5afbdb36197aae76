"""What was run: the students' settings and their cost, and the versions of the software."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.json_file import read_json
from pipeline.results.curves import Curve
from pipeline.student.methods.method import get_method
from pipeline.student.runs.saved import CONFIG

LIBRARIES = ("llm4teach", "torch", "numpy", "numba", "minigrid", "gymnasium")


@dataclass(frozen=True)
class Students:
    """The final students of one task and method.

    seeds      each one's seed
    settings   readable settings that all of them share
    env_steps, seconds  means over students of what training took, teacher-free phase included
    """

    method: str
    seeds: tuple[int, ...]
    settings: dict[str, Any]
    env_steps: float
    seconds: float

    @property
    def title(self) -> str:
        return get_method(self.method).title

    @property
    def parameters(self) -> int | None:
        return self.settings.get("parameters")


def find_students(method: str, curves: Sequence[Curve], folders: Sequence[Path]) -> Students | None:
    """The students behind some curves (each one's folder), with the settings that their `config.json` files agree on.

    None if there are none. Raises JsonError for a `config.json` that is not a JSON object.
    """
    if not curves:
        return None
    paths = [folder / CONFIG for folder in folders]
    configs = [read_json(path) if path.is_file() else {} for path in paths]
    shared = {key: value for key, value in configs[0].items() if all(c.get(key) == value for c in configs)}
    return Students(
        method,
        tuple(curve.seed for curve in curves),
        shared,
        float(np.mean([curve.env_steps[-1] for curve in curves])),
        float(np.mean([curve.seconds[-1] for curve in curves])),
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result, without importing them."""
    found = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
