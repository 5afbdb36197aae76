"""Playing held-out layouts with a student or with the teacher alone, one row per episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.instructions import SoftInstruction
from pipeline.params import ParamsError
from pipeline.student.policies import policy_of
from pipeline.student.student import Student
from pipeline.tasks.base import Batch, Task
from pipeline.tasks.spaces import Space, by_key
from pipeline.tasks.splits import Split

Choose = Callable[[Batch, np.ndarray | None], np.ndarray]
"""Actions [rows, ...] for a batch's present states: sampled by noise (`Policy.noise`), or the most probable if None."""


def play(
    task: Task, batch: Batch, layout_seeds: np.ndarray, choose: Choose, acting: str, seed: int
) -> list[dict[str, Any]]:
    """One episode per layout; returns the columns of `tables.EPISODES` that come from playing.

    An environment's agents play one episode together: its return is the sum of theirs, and so are its idle steps.

    layout_seeds  uint32[episodes], as many as the batch has environments
    acting        `sampled` or `argmax`
    seed          of the sampled actions
    """
    batch.reset(layout_seeds)
    rng, policy = np.random.default_rng(seed), policy_of(task.space)
    running = np.ones(batch.environments, np.bool_)
    idle = np.zeros(batch.rows, np.int64)
    episodes: list[dict[str, Any]] = [{} for _ in range(batch.environments)]
    for _ in range(task.horizon):
        noise = policy.noise(rng, batch.rows)
        actions = choose(batch, noise if acting == "sampled" else None)
        idle += (actions == task.idle).reshape(batch.rows, -1).all(-1)
        finished = batch.step(actions)
        done = finished.done[:: batch.agents]  # agents of one environment end together
        for number in np.flatnonzero(running & done):
            rows = np.flatnonzero(batch.environment == number)
            success = bool(finished.success[rows].any())
            episodes[number] = {
                "acting": acting,
                "layout_seed": int(layout_seeds[number]),
                "success": success,
                "end": "success" if success else "death" if finished.terminated[rows].any() else "timeout",
                "episode_return": float(finished.episode_return[rows].sum()),
                "episode_length": int(finished.episode_length[rows[0]]),
                "idle_steps": int(idle[rows].sum()),
            }
        running &= ~done
        if not running.any():
            break
    return episodes


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
    actions = student.policy.actions(rows)
    log_probs, values = np.zeros(rows, np.float32), np.zeros(rows, np.float32)

    def choose(batch: Batch, noise: np.ndarray | None) -> np.ndarray:
        student.encode(batch.observation, features, memory)
        student.act(features, noise, actions, log_probs, values, memory)
        return student.policy.to_task(actions)

    return choose


def teacher_choice(task: Task) -> Choose:
    """How the teacher's own policy chooses; it idles where it has no answer."""

    def choose(batch: Batch, noise: np.ndarray | None) -> np.ndarray:
        actions = actions_of(task.space, batch.teacher, noise)
        return np.where(batch.labelled.reshape(-1, *[1] * (actions.ndim - 1)), actions, task.idle)

    return choose


def actions_of(space: Space, teacher: np.ndarray, noise: np.ndarray | None) -> np.ndarray:
    """An action per row of teacher policies float[rows, *space.teacher_shape]: int64[rows], or float[rows, size].

    noise  as `Policy.noise` has it; None takes the most probable action
    """
    if space.kind == "discrete":
        return teacher.argmax(-1) if noise is None else inverse_sample(teacher, noise)
    mean, deviation = teacher[:, 0], teacher[:, 1]
    return np.clip(mean if noise is None else mean + deviation * noise, space.low, space.high)


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


def student_actor(task: Task, student_dir: Path, seed: int) -> Callable[[Any], Any]:
    """A saved student as a function of one reference environment's observation, in one episode; acts by sampling.

    Raises FileNotFoundError if there is no student there.
    """
    from pipeline.student.runs.saved import load_student

    student = load_student(task, student_dir)
    features, memory = student.features(1), student.memory(1)
    rng = np.random.default_rng(seed)
    policy = student.policy
    actions, log_probs, values = policy.actions(1), np.zeros(1, np.float32), np.zeros(1, np.float32)

    def act(observation: Any) -> Any:
        seen = {name: np.asarray(value)[None] for name, value in by_key(observation).items()}
        student.encode(seen, features, memory)
        student.act(features, policy.noise(rng, 1), actions, log_probs, values, memory)
        return task.space.action(policy.to_task(actions)[0])

    return act


def teacher_actor(task: Task, instructions: Mapping[str, SoftInstruction], seed: int) -> Callable[[Any], Any]:
    """The teacher alone as a function of one reference environment's observation; acts by sampling."""
    rng = np.random.default_rng(seed)

    def act(observation: Any) -> Any:
        instruction = instructions.get(task.describe(observation).state_id)
        if instruction is None:
            return task.space.action(task.idle)
        policy = task.teacher_policy(instruction, observation)
        if task.space.kind == "discrete":
            return int(rng.choice(task.space.size, p=policy))
        return task.space.action(actions_of(task.space, policy[None], rng.standard_normal((1, task.space.size)))[0])

    return act
