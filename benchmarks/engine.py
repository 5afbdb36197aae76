"""How fast is the batched engine? Steps per second with and without teacher labels, beside one reference environment.

Both take the same kind of actions: the teacher's, sampled, with some random ones (`--noise 1` for random ones alone).
The engine replays recorded actions from a reset, so that choosing them is not measured. The reference is one
environment in a loop: step, description, and the teacher policy by the options in Python. One thread.

JSON: engine_steps_per_s (with labels, at the first batch size), engine_unlabelled_steps_per_s, reference_steps_per_s,
ratio, bytes_per_env, and `batches` with both rates of every batch size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, in_words, median, published_instructions, report
from pipeline.evaluation import inverse_sample
from pipeline.instructions import SoftInstruction
from pipeline.tasks.base import Task
from pipeline.tasks.doorkey.engine import DoorKeyBatch
from pipeline.tasks.registry import get_task

RECORDED = 150
"""Steps that are recorded and replayed, the horizon of the longer tasks."""


def record(task: Task, instructions: Mapping[str, SoftInstruction], size: int, noise: float) -> np.ndarray:
    """Actions int64[RECORDED, size] of the teacher, random ones with probability `noise`."""
    batch = task.make_batch(size, 0, instructions)
    rng = np.random.default_rng(0)
    actions = np.zeros((RECORDED, size), np.int64)
    for row in actions:
        teachers = inverse_sample(batch.teacher, rng.random(size))
        anything = rng.integers(task.space.size, size=size)
        row[:] = np.where((rng.random(size) < noise) | ~batch.labelled, anything, teachers)
        batch.step(row)
    return actions


def engine_rate(batch: DoorKeyBatch, actions: np.ndarray, seconds: float) -> float:
    """Steps per second of the batch, replaying the actions for about that long."""
    spent, replays = 0.0, 0
    while spent < seconds:
        batch.reset()
        started = time.perf_counter()
        for row in actions:
            batch.step(row)
        spent += time.perf_counter() - started
        replays += 1
    return replays * actions.size / spent


def reference_rate(
    task: Task, instructions: Mapping[str, SoftInstruction], noise: float, seconds: float, seed: int
) -> float:
    """Steps per second of one reference environment, described and labelled in every state."""
    env, rng = task.make_env(), np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    started = time.perf_counter()
    steps = episodes = 0
    while time.perf_counter() - started < seconds:
        instruction = instructions.get(task.describe(observation).state_id)
        if instruction is None or rng.random() < noise:
            action = int(rng.integers(task.space.size))
        else:
            action = int(inverse_sample(task.teacher_policy(instruction, observation)[None], rng.random(1))[0])
        observation, _, terminated, truncated, _ = env.step(action)
        steps += 1
        if terminated or truncated:
            episodes += 1
            observation, _ = env.reset(seed=seed + 1000 * episodes)
    return steps / (time.perf_counter() - started)


def measure(name: str, sizes: list[int], noise: float, repeats: int, seconds: float) -> dict[str, Any]:
    """All figures of one task; engine and reference take turns, so that both meet the same machine."""
    task, instructions = get_task(name), published_instructions(name)
    batches = []
    reference = []
    for size in sizes:
        actions = record(task, instructions, size, noise)
        labelled, unlabelled = (
            task.make_batch(size, 0, instructions),
            task.make_batch(size, 0),
        )
        rates: dict[str, list[float]] = {"labelled": [], "unlabelled": []}
        for repeat in range(repeats):
            rates["labelled"].append(engine_rate(labelled, actions, seconds))
            rates["unlabelled"].append(engine_rate(unlabelled, actions, seconds))
            if size == sizes[0]:
                reference.append(reference_rate(task, instructions, noise, 2 * seconds, seed=repeat))
        batches.append({"batch": size, **rates})
    first = batches[0]
    return {
        "task": name,
        "batch": sizes[0],
        "engine_steps_per_s": median(first["labelled"]),
        "engine_unlabelled_steps_per_s": median(first["unlabelled"]),
        "reference_steps_per_s": median(reference),
        "ratio": median(first["labelled"]) / median(reference),
        "bytes_per_env": labelled.bytes_per_env,
        "reference_runs": reference,
        "batches": batches,
    }


def main() -> None:
    parser = common_options(__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1024], help="environments, e.g. 16 256 1024 16384")
    parser.add_argument("--noise", type=float, default=0.15, help="share of random actions (default: 0.15)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each measurement (default: 0.4)")
    args = parser.parse_args()
    results = [measure(name, args.batch, args.noise, args.repeats, args.seconds) for name in chosen_tasks(args)]
    rows = [
        [
            result["task"],
            f"{batch['batch']:,}",
            in_words(batch["labelled"]),
            in_words(batch["unlabelled"]),
            in_words(result["reference_runs"]),
            f"{median(batch['labelled']) / result['reference_steps_per_s']:,.0f}",
            f"{result['bytes_per_env']:,}",
        ]
        for result in results
        for batch in result["batches"]
    ]
    header = ("task", "batch", "steps/s with teacher", "without", "reference steps/s", "ratio", "bytes/env")
    report(header, rows, results, args.json)


if __name__ == "__main__":
    main()
