"""How good a teacher is without any student: it acts alone, beside one who knows the shortest ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.analysis.rollouts import by_teacher, rollouts
from pipeline.evaluation import evaluate_teacher
from pipeline.instructions import SoftInstruction
from pipeline.tasks.base import Task


@dataclass(frozen=True)
class Acting:
    """A teacher acting alone by Eq. 1, sampled, where it idles in states that it has no answer for.

    episodes, success, length   played; share that reached the goal, and mean length in steps
    best      share of steps in which the first action of its most likely plans begins a shortest way to success
    detour    steps that this action loses on average against the shortest way, where success stays in reach
    ruin      share of steps in which this action puts success out of reach
    unlabelled   share of steps in states without a label

    The last four are None where the task doesn't know shortest ways; the three before the last are of labelled steps.
    """

    episodes: int
    success: float
    length: float
    best: float | None = None
    detour: float | None = None
    ruin: float | None = None
    unlabelled: float | None = None


def teacher_alone(task: Task, instructions: Mapping[str, SoftInstruction], layouts: np.ndarray, seed: int) -> Acting:
    """Play layouts (uint32[episodes]) with the teacher alone."""
    episodes = evaluate_teacher(task, instructions, layouts, "sampled", seed)
    success = float(np.mean([episode["success"] for episode in episodes]))
    length = float(np.mean([episode["episode_length"] for episode in episodes]))
    try:
        steps, best, lost, kept, ruined, unlabelled = 0, 0, 0, 0, 0, 0
        for _, step in rollouts(task, instructions, layouts, by_teacher(task), seed):
            known = step.labelled & (step.outlook.steps > 0)  # success is still in reach
            row = np.flatnonzero(known)
            after = step.outlook.after[row, step.likeliest[row]]
            steps += len(known)
            unlabelled += int((~step.labelled).sum())
            best += int(step.outlook.shortens[row, step.likeliest[row]].sum())
            ruined += int((after < 0).sum())
            kept += int((after >= 0).sum())
            lost += int((after + 1 - step.outlook.steps[row])[after >= 0].sum())
    except NotImplementedError:
        return Acting(len(episodes), success, length)
    judged = max(1, kept + ruined)
    return Acting(
        len(episodes), success, length, best / judged, lost / max(1, kept), ruined / judged, unlabelled / max(1, steps)
    )
