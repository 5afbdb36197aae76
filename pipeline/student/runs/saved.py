"""A student on disk: `student.safetensors` with its weights and `config.json` with what a reader wants to know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pipeline.files import write_bytes
from pipeline.params import Train
from pipeline.student.make import make_student
from pipeline.student.student import Student
from pipeline.tasks.base import Task

WEIGHTS, OPTIMISER, CONFIG, CURVE = "student.safetensors", "optimiser.safetensors", "config.json", "curve.csv"
ENVIRONMENTS = "environments.safetensors"


class StudentError(ValueError):
    """A saved student that can't be used; the message names the file and what is wrong."""


def save_student(folder: Path, student: Student, config: Mapping[str, Any]) -> None:
    """Write a student's weights, optimiser and config into a folder."""
    write_bytes(folder / WEIGHTS, save(student.weights()))
    write_bytes(folder / OPTIMISER, save(student.optimiser()))
    write_bytes(folder / CONFIG, (json.dumps(dict(config), indent=2) + "\n").encode())


def save_environments(folder: Path, environments: Mapping[str, np.ndarray]) -> None:
    """Write the running episodes (`Learner.environments`) beside the student, for the phase that goes on with them."""
    write_bytes(folder / ENVIRONMENTS, save({k: np.ascontiguousarray(v) for k, v in environments.items()}))


def load_environments(folder: Path) -> dict[str, np.ndarray] | None:
    """The running episodes beside a student; None for one that was saved without. Raises StudentError if broken."""
    return _arrays(folder / ENVIRONMENTS) if (folder / ENVIRONMENTS).is_file() else None


def load_student(task: Task, folder: Path, train: Train | None = None) -> Student:
    """A saved student, ready to act or to go on learning; `train` replaces the settings it was saved with.

    Raises FileNotFoundError if there is none, StudentError if its files are broken, of another network or not finite.
    """
    config = read_config(folder)
    try:
        shape = {name: config[name] for name in ("network", "memory", "frames") if name in config}
        settings = train or Train(schedule=config["schedule"], **shape)
    except ValueError:
        named = ", ".join(f"{name}: {value!r}" for name, value in shape.items())
        raise StudentError(f"{folder / CONFIG}: no such {named}") from None
    student = make_student(task, settings, np.random.default_rng(0))
    arrays = [_arrays(folder / name) for name in (WEIGHTS, OPTIMISER) if name == WEIGHTS or (folder / name).is_file()]
    try:
        student.load_weights(arrays[0])
        for optimiser in arrays[1:]:
            student.load_optimiser(optimiser)
    except (ValueError, KeyError) as error:
        first = str(error).splitlines()[0].rstrip(":")
        raise StudentError(f"{folder}: not a student with network {settings.network!r} ({first})") from None
    return student


def read_config(folder: Path) -> dict[str, Any]:
    """A saved student's config. Raises FileNotFoundError or StudentError."""
    path = folder / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; the stage that writes it has not run")
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise StudentError(f"{path}: not JSON ({error})") from None
    if not isinstance(config, dict) or not {"schedule", "network"} <= set(config):
        raise StudentError(f"{path}: wanted at least the keys schedule and network")
    return config


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; run the stage that writes it again")
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError) as error:
        raise StudentError(f"{path}: not whole safetensors ({error})") from None
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise StudentError(f"{path}: tensor {name!r} has values that are not finite; its training has diverged")
    return arrays
