"""Playing held-out layouts with a student or with the teacher alone, one row per episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.instructions import SoftInstruction
from pipeline.params import ParamsError
from pipeline.student.student import Student
from pipeline.tasks.base import Batch, Task
from pipeline.tasks.splits import Split

Choose = Callable[[Batch, np.ndarray | None], np.ndarray]
"""Actions int64[rows] for a batch's present states: sampled by uniforms float32[rows], or the most probable if None."""


def play(
    task: Task, batch: Batch, layout_seeds: np.ndarray, choose: Choose, acting: str, seed: int
) -> list[dict[str, Any]]:
    """One episode per layout; returns the columns of `tables.EPISODES` that come from playing.

    layout_seeds  uint32[episodes], as many as the batch has rows
    acting        `sampled` or `argmax`
    seed          of the sampled actions
    """
    batch.reset(layout_seeds)
    rng = np.random.default_rng(seed)
    running = np.ones(batch.rows, np.bool_)
    idle = np.zeros(batch.rows, np.int64)
    rows: list[dict[str, Any]] = [{} for _ in range(batch.rows)]
    for _ in range(task.horizon):
        uniforms = rng.random(batch.rows, dtype=np.float32)
        actions = choose(batch, uniforms if acting == "sampled" else None)
        idle += actions == task.idle
        finished = batch.step(actions)
        for row in np.flatnonzero(running & finished.done):
            success = bool(finished.success[row])
            rows[row] = {
                "acting": acting,
                "layout_seed": int(layout_seeds[row]),
                "success": success,
                "end": "success" if success else "death" if finished.terminated[row] else "timeout",
                "episode_return": float(finished.episode_return[row]),
                "episode_length": int(finished.episode_length[row]),
                "idle_steps": int(idle[row]),
            }
        running &= ~finished.done
        if not running.any():
            break
    return rows


def evaluate_student(
    task: Task, student: Student, layout_seeds: np.ndarray, acting: str, seed: int
) -> list[dict[str, Any]]:
    """Episodes of a student; see `play`."""
    batch = task.make_batch(len(layout_seeds), 0, None, None)
    return play(task, batch, layout_seeds, student_choice(student, batch.rows), acting, seed)


def evaluate_teacher(
    task: Task, instructions: Mapping[str, SoftInstruction], layout_seeds: np.ndarray, acting: str, seed: int
) -> list[dict[str, Any]]:
    """Episodes of the teacher acting alone by Eq. 1 (the method `llm`); where it has no answer it idles."""
    batch = task.make_batch(len(layout_seeds), 0, instructions, None)
    return play(task, batch, layout_seeds, teacher_choice(task), acting, seed)


def student_choice(student: Student, rows: int) -> Choose:
    """How a student chooses in a batch of so many rows, from the start of their first episodes to its end."""
    features, memory = student.features(rows), student.memory(rows)
    actions, log_probs, values = np.zeros(rows, np.int64), np.zeros(rows, np.float32), np.zeros(rows, np.float32)

    def choose(batch: Batch, uniforms: np.ndarray | None) -> np.ndarray:
        student.encode(batch.observation, features, memory)
        student.act(features, uniforms, actions, log_probs, values, memory)
        return actions

    return choose


def teacher_choice(task: Task) -> Choose:
    """How the teacher's own policy chooses."""

    def choose(batch: Batch, uniforms: np.ndarray | None) -> np.ndarray:
        actions = inverse_sample(batch.teacher, uniforms) if uniforms is not None else batch.teacher.argmax(-1)
        return np.where(batch.labelled, actions, task.idle)

    return choose


def inverse_sample(probs: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """An index per row of probs ([rows, actions]): where the cumulated probabilities pass the uniforms [rows]."""
    below = probs.cumsum(-1) <= uniforms[:, None]
    return np.minimum(below.sum(-1), probs.shape[1] - 1)


def evaluation_layouts(task: Task, episodes: int, split: Split = "test") -> np.ndarray:
    """The layout seeds that evaluations use: all different, none of them in another split; uint32[episodes].

    Raises ParamsError if the task has too few such layouts.
    """
    try:
        return task.layout_seeds(split, episodes)
    except ValueError as error:
        raise ParamsError(f"evaluate.episodes: {task.name}: {error}") from None


def student_actor(task: Task, student_dir: Path, seed: int) -> Callable[[Mapping[str, Any]], int]:
    """A saved student as a function of one reference environment's observation, in one episode; acts by sampling.

    Raises FileNotFoundError if there is no student there.
    """
    from pipeline.student.runs.saved import load_student

    student = load_student(task, student_dir)
    features, memory = student.features(1), student.memory(1)
    rng = np.random.default_rng(seed)
    actions, log_probs, values = np.zeros(1, np.int64), np.zeros(1, np.float32), np.zeros(1, np.float32)

    def act(observation: Mapping[str, Any]) -> int:
        student.encode({name: np.asarray(value)[None] for name, value in observation.items()}, features, memory)
        student.act(features, rng.random(1, dtype=np.float32), actions, log_probs, values, memory)
        return int(actions[0])

    return act


def teacher_actor(
    task: Task, instructions: Mapping[str, SoftInstruction], seed: int
) -> Callable[[Mapping[str, Any]], int]:
    """The teacher alone as a function of one reference environment's observation; acts by sampling."""
    rng = np.random.default_rng(seed)

    def act(observation: Mapping[str, Any]) -> int:
        instruction = instructions.get(task.describe(observation).state_id)
        if instruction is None:
            return int(task.idle)
        return int(rng.choice(task.space.size, p=task.teacher_policy(instruction, observation)))

    return act
