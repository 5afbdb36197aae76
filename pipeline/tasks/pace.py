"""How long a step of a task's reference environment takes, and how many processes that is worth."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from pipeline.fan_out.processes import cores
from pipeline.instructions import SoftInstruction
from pipeline.tasks.base import Task
from pipeline.tasks.environment_group import Arrays, EnvironmentGroup, Streams
from pipeline.tasks.group_processes import can_fork

SLOW_S = 0.5e-3
"""Seconds per step of one environment from which processes of their own are worth it."""
LOOKS, LOOK_S = 6, 0.1
"""A step is measured so many times, or for so many seconds if that is less, but twice at least."""


def seconds_per_step(task: Task, instructions: Mapping[str, SoftInstruction] | None = None) -> float:
    """What one step of one reference environment costs, description and teacher included: the quickest of a few."""
    arrays = Arrays.zeros(task, task.agents)
    group = EnvironmentGroup(Streams(task, 1, 0, None), instructions or {}, arrays, 0)
    group.reset(None)
    rng = np.random.default_rng(0)
    took: list[float] = []
    while len(took) < 2 or (len(took) < LOOKS and sum(took) < LOOK_S):
        arrays.actions[:] = task.space.any_actions(rng, task.agents)
        began = time.perf_counter()
        group.step()
        took.append(time.perf_counter() - began)
    return min(took)


def processes_for(task: Task, instructions: Mapping[str, SoftInstruction] | None = None) -> int:
    """How many processes are to step a batch's environments: one per core if a step takes more than SLOW_S, or one."""
    many = cores() if can_fork() else 1
    return many if many > 1 and seconds_per_step(task, instructions) > SLOW_S else 1
