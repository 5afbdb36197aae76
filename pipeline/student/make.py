"""Which student a run gets: the network, the memory and the update that params ask for, where they fit the task."""

from __future__ import annotations

import importlib.util

import numpy as np
from gymnasium import spaces

from pipeline.params import ParamsError, Train
from pipeline.params.train import AUTO
from pipeline.registry import NETWORKS
from pipeline.student.networks.network import STATE, Network
from pipeline.student.policies import Policy, policy_of
from pipeline.student.student import Student
from pipeline.tasks.base import Task


def seen_space(task: Task) -> spaces.Dict:
    """What the task's agents see, without what is for the critic alone."""
    return spaces.Dict({name: part for name, part in task.observation_space.items() if name != STATE})


def network_for(task: Task, train: Train) -> Network:
    """The network that params ask for. Raises ParamsError if it doesn't fit the task, naming those that do."""
    kind: type[Network] = NETWORKS.get(network_name(task, train))
    return kind(seen_space(task))


def network_name(task: Task, train: Train) -> str:
    """The name of that network, also where params say `auto`. Raises ParamsError likewise."""
    seen = seen_space(task)
    misfit = None if train.network == AUTO else NETWORKS.get(train.network).misfit(seen)
    if train.network != AUTO and misfit is None:
        return train.network  # the others, which packages may have brought, are not even loaded
    fitting = (name for name in NETWORKS.names() if NETWORKS.get(name).misfit(seen) is None)
    first = next(fitting, None)
    if train.network == AUTO and first is not None:
        return first
    shows = ", ".join(f"{key} {part.dtype}{list(part.shape or ())}" for key, part in seen.items())
    why = "" if train.network == AUTO else f"{train.network!r} is not for {misfit}; "
    which = f"those that fit: {', '.join([first, *fitting])}" if first is not None else "no network fits it"
    raise ParamsError(f"train.network: {task.name} shows {shows}; {why}{which}")


def check_learnable(task: Task, train: Train) -> None:
    """Raises ParamsError, naming what is wrong, if no such student can learn the task.

    Asked before states are collected and labels paid for.
    """
    make_student(task, train, np.random.default_rng(0))


def make_student(task: Task, train: Train, rng: np.random.Generator) -> Student:
    """A student with fresh weights. Raises ParamsError where network, update, device and task don't go together."""
    network, policy = network_for(task, train), policy_of(task.space)
    state = task.observation_space.spaces.get(STATE)
    if is_fused(task, train, network, policy):
        from pipeline.student.fused.student import FusedStudent

        return FusedStudent(network, policy, rng)
    if importlib.util.find_spec("torch") is None:
        raise ParamsError("train: this network, memory, update or device needs torch, which is not installed")
    device = on_this_machine(train.device)
    if train.memory == "lstm":
        from pipeline.student.autograd.recurrent import RecurrentStudent

        return RecurrentStudent(network, policy, state, device, rng)
    if train.memory == "stack":
        from pipeline.student.autograd.stacking import StackingStudent

        return StackingStudent(network, policy, state, device, rng, train.frames)
    from pipeline.student.autograd.student import TorchStudent

    return TorchStudent(network, policy, state, device, rng)


def is_fused(task: Task, train: Train, network: Network, policy: Policy) -> bool:
    """Whether such a student is a compiled one. Raises ParamsError if it should be and can't, saying why."""
    from pipeline.student.fused.student import misfit

    why_not = misfit(network, policy, train.memory, train.device, STATE in task.observation_space.spaces)
    if train.update == "fused" and why_not is not None:
        raise ParamsError(f"train.update: {why_not}; allowed for {task.name} with these settings: auto, torch")
    return train.update != "torch" and why_not is None


def on_this_machine(device: str) -> str:
    """The device, if this machine has it, made ready for these networks.

    On the CPU that is one thread per process: the layers are small, runs share the cores among themselves (a second
    thread then waits for the first more than it helps), and sums come out alike on machines with more or fewer cores.
    Raises ParamsError for a device that is not there.
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
