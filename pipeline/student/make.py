"""Which student a run gets: the network and the update that params ask for, on tasks that they fit."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from pipeline.instructions import options_of
from pipeline.params import ParamsError, Train
from pipeline.student import egocentric
from pipeline.student.student import Student
from pipeline.tasks.base import Task
from pipeline.tasks.spaces import CellMap

if TYPE_CHECKING:
    from pipeline.student.hierarchical import PolicyOverTeachers


MAP = (egocentric.GRID, egocentric.GRID, 4)
"""Shape of the observation that both networks are made for."""


def check_learnable(task: Task) -> None:
    """Raises ParamsError, naming what is wrong, for a task that no student of this version can learn.

    Asked before states are collected and labels paid for. It makes a batch of one environment to see what it shows.
    """
    _cell_kinds(task)
    shown = task.make_batch(1, 0).observation
    if "map" not in shown or shown["map"].shape[1:] != MAP or shown["map"].dtype != np.uint8:
        found = ", ".join(f"{name} {value.dtype}{list(value.shape[1:])}" for name, value in shown.items())
        raise ParamsError(f"{task.name}: students see an observation `map` uint8{list(MAP)}; this task shows {found}")


def _cell_kinds(task: Task) -> np.ndarray:
    """The task's kinds of cells, uint8[11, 6]. Raises ParamsError if they or its actions don't fit the networks."""
    if task.space.kind != "discrete":
        raise ParamsError(f"{task.name}: students for continuous actions are not part of this version")
    if task.space.size != egocentric.ACTIONS:
        raise ParamsError(
            f"{task.name}: has {task.space.size} actions; the networks of this version have {egocentric.ACTIONS}"
        )
    if not isinstance(task.idle, int | np.integer) or not 0 <= task.idle < task.space.size:
        raise ParamsError(
            f"{task.name}: Task.idle is {task.idle!r}; wanted the number of the action that stands for doing nothing, "
            f"0 to {task.space.size - 1}"
        )
    cells = task.observation_space.spaces.get("map")
    if not isinstance(cells, CellMap) or cells.kinds.max() > egocentric.KINDS:
        raise ParamsError(
            f"{task.name}: the observation `map` must be a CellMap whose kinds are 0 to {egocentric.KINDS}; students "
            "of this version see nothing else"
        )
    return cells.kinds


def make_student(task: Task, train: Train, rng: np.random.Generator) -> Student:
    """A student with fresh weights. Raises ParamsError where network, update, device and task don't go together."""
    cell_kinds = _cell_kinds(task)
    if train.device == "cpu" and train.memory == "none" and train.update in ("auto", "fused"):
        from pipeline.student.fused_student import FusedEgocentricStudent, FusedMapStudent

        return FusedEgocentricStudent(cell_kinds, rng) if train.network == "egocentric" else FusedMapStudent(rng)
    if train.update == "fused":
        raise ParamsError("train.update: 'fused' is for students on 'cpu' without memory; allowed here: auto, torch")
    if importlib.util.find_spec("torch") is None:
        raise ParamsError("train: this memory, update or device needs torch, which is not installed")
    device = _ready(train.device)
    if train.memory == "lstm":
        from pipeline.student.recurrent_student import RecurrentStudent

        return RecurrentStudent(train.network, cell_kinds, device, rng)
    if train.memory == "stack":
        from pipeline.student.stacking_student import StackingStudent

        return StackingStudent(train.network, cell_kinds, device, rng, train.frames)
    from pipeline.student.torch_student import TorchStudent

    return TorchStudent(train.network, cell_kinds, device, rng)


def make_over_teachers(task: Task, train: Train, rng: np.random.Generator) -> PolicyOverTeachers:
    """The policy over the task's options for the method `hierarchical`. Raises ParamsError as `make_student` does."""
    if importlib.util.find_spec("torch") is None:
        raise ParamsError("methods: 'hierarchical' needs torch, which is not installed")
    from pipeline.student.hierarchical import PolicyOverTeachers

    frames = train.frames if train.memory == "stack" else 1
    return PolicyOverTeachers(options_of(task.grammar), train.network, frames, _ready(train.device), rng)


def _ready(device: str) -> str:
    """The device, if this machine has it, made ready for these networks.

    On the CPU that is one thread per process: the layers are small, runs share the cores among themselves (a second
    thread then waits for the first more than it helps), and sums come out alike on machines with more or fewer cores.
    """
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    if device.startswith("cuda"):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        index = int(device.partition(":")[2] or 0)
        if index >= count:
            raise ParamsError(f"train.device: {device!r} is not there; this machine has {count} CUDA devices")
    return device
