"""Whether seeds fix layouts, and codes tell layouts apart, in this process and in any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.tasks.base import Task
from pipeline.tasks.environment_group import reference_environment
from pipeline.tasks.spaces import by_key
from pipeline.tasks.splits import SPLITS

STEPS = 20
"""Steps that are played twice."""
PROGRAM = """
import json, sys
from pipeline.tasks.registry import get_task
task = get_task(sys.argv[1])
print(json.dumps([[task.layout_code(seed), task.world_code(seed)] for seed in json.loads(sys.argv[2])]))
"""


def faults(task: Task, name: str | None, thorough: bool) -> Iterator[str]:
    """Sentences.

    name      by which a process of its own finds the task; None: it is not asked
    thorough  more seeds, the same codes in a process of its own, and a layout in each split
    """
    seeds = range(40 if thorough else 5)
    codes = [task.layout_code(seed) for seed in seeds]
    worlds = [task.world_code(seed) for seed in seeds]
    for method, numbers in (("layout_code", codes), ("world_code", worlds)):
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number < 1 << 63:
                yield f"{method} gives {number!r}; wanted a whole number from 0 to 2^63 - 1"
                return
    if [task.layout_code(seed) for seed in seeds] != codes:
        yield "layout_code gives another number when it is asked again; it must follow from the seed alone"
        return
    if len(set(codes)) == 1:
        yield f"layout_code is {codes[0]} for every seed, so nothing could be held out; give each layout its own number"
    yield from _repeated(task, codes)
    if thorough:
        if name is not None:
            yield from _elsewhere(name, list(seeds), codes, worlds)
        for split in SPLITS if len(set(codes)) > 1 else ():
            try:
                task.layout_seeds(split, 1)
            except ValueError:
                yield f"the {split} split has no layout among 200 seeds; there are too few layouts, or worlds"


def _repeated(task: Task, codes: list[int]) -> Iterator[str]:
    """A seed fixes an episode, and seeds of one code begin alike."""
    env = reference_environment(task)
    rng = np.random.default_rng(0)
    actions = [task.space.any_actions(rng, task.agents) for _ in range(STEPS)]
    first: dict[int, tuple[int, list[bytes]]] = {}
    for seed, code in enumerate(codes):
        began = _seen(env.reset(seed))
        if _seen(env.reset(seed)) != began:
            yield f"reset(seed={seed}) begins differently the second time; draw all chance from the seed"
            return
        other, as_then = first.setdefault(code, (seed, began))
        if began != as_then:
            yield f"seeds {other} and {seed} have the same layout_code, {code}, but begin differently"
            return
    courses = []
    for _ in range(2):
        env.reset(0)
        course = []
        for action in actions:
            observations, rewards, terminated, truncated, _ = env.step(action)
            course.append((_seen(observations), rewards, terminated, truncated))
            if terminated or truncated:
                break
        courses.append(course)
    if courses[0] != courses[1]:
        yield (
            "the same actions after reset(seed=0) lead elsewhere the second time; draw all chance from the seed, or "
            "a checkpoint could not go on"
        )


def _elsewhere(name: str, seeds: list[int], codes: list[int], worlds: list[int]) -> Iterator[str]:
    """Another process has the same codes."""
    where = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    command = [sys.executable, "-c", PROGRAM, name, json.dumps(seeds)]
    ended = subprocess.run(command, env=where, capture_output=True, text=True)
    lines = (ended.stdout if ended.returncode == 0 else ended.stderr).strip().splitlines() or [""]
    if ended.returncode:
        yield f"layout_code can't be asked in a process of its own: {lines[-1]}"
    elif json.loads(lines[-1]) != [[int(a), int(b)] for a, b in zip(codes, worlds, strict=True)]:
        yield (
            "layout_code differs from process to process, so splits would too; don't use hash(), id() or the order "
            "of a set in it"
        )


def _seen(observations: list[Any]) -> list[bytes]:
    return [np.asarray(value).tobytes() for seen in observations for value in by_key(seen).values()]
