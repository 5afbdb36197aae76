"""How long until a student is good enough? Trains until the lower 95% bound of its success passes a target.

The target is by default the paper's success of LLM4Teach on the task. Every few iterations the student plays
validation layouts, acting by sampling, and training ends with the first of these looks that passes. Such a look is a
lucky one more often than not, so then, once, the student plays test layouts. The time of playing is reported apart
and not counted.

seconds_warm  from the first line of training, with imports and compiled code in place; median over the seeds
seconds_cold  from the start of a process that finds no compiled code, for the first seed; imports, compilation and
              one evaluation of the untrained student included

JSON: task, target, reached (by all seeds), confirmed (on test layouts, by all seeds), seconds_warm, seconds_cold,
env_steps, validation_success, validation_lower, test_success, test_lower (medians over the seeds; null if most didn't
get there), evaluation_seconds, and `runs` with every seed's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, in_words, median, published_instructions, report
from benchmarks.training import iterations, read_params, warm_up
from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.printing import percent
from pipeline.results.published_results import published_results
from pipeline.statistics import wilson_interval
from pipeline.student.make import make_student
from pipeline.student.student import Student
from pipeline.tasks.base import Task
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import Split

SPLITS: tuple[Split, ...] = ("validation", "test")
LOOKS = tuple(f"{split}_{figure}" for split in SPLITS for figure in ("success", "lower"))
FIGURES = ("seconds", "evaluation_seconds", "env_steps", *LOOKS)
FEWEST_LAYOUTS = 512


def look(task: Task, student: Student, split: Split, layouts: np.ndarray, seed: int) -> dict[str, float]:
    """Share of the layouts that a student solves, and the lower end of its 95% interval."""
    solved = [row["success"] for row in evaluate_student(task, student, layouts, "sampled", seed)]
    return {f"{split}_success": float(np.mean(solved)), f"{split}_lower": wilson_interval(sum(solved), len(solved)).low}


def prepare(task: Task, args: argparse.Namespace) -> dict[Split, np.ndarray]:
    """The layouts of each look, with everything in place that evaluating needs."""
    layouts = {split: evaluation_layouts(task, args.layouts, split) for split in SPLITS}
    untrained = make_student(task, read_params(args.schedule, args.network).train, np.random.default_rng(0))
    look(task, untrained, "validation", layouts["validation"], 0)
    return layouts


def reach(
    task: Task, target: float, seed: int, layouts: dict[Split, np.ndarray], args: argparse.Namespace
) -> dict[str, Any]:
    """Train one seed until the target, or to the end of the schedule; then look at the test layouts."""
    params = read_params(args.schedule, args.network)
    instructions = published_instructions(task.name)
    evaluating = 0.0
    began = time.perf_counter()
    for learner, row in iterations(task, params, instructions, seed):
        if learner.iteration % args.every and learner.iteration < params.schedule.iterations:
            continue
        started = time.perf_counter()
        seen = look(task, learner.student, "validation", layouts["validation"], learner.iteration)
        env_steps = int(row["env_steps"])
        evaluating += time.perf_counter() - started
        if seen["validation_lower"] > target:
            break
    seconds, started = time.perf_counter() - began - evaluating, time.perf_counter()
    seen |= look(task, learner.student, "test", layouts["test"], learner.iteration)
    return {
        "seed": seed,
        "reached": seen["validation_lower"] > target,
        "confirmed": seen["test_lower"] > target,
        "seconds": seconds,
        "evaluation_seconds": evaluating + time.perf_counter() - started,
        "env_steps": env_steps,
        **seen,
    }


def reach_cold(name: str, target: float, args: argparse.Namespace) -> float:
    """Seconds from the start of a fresh process with an empty compile cache to the target; nan if not reached."""
    command = [sys.executable, __file__, "--in-this-process", "--task", name, "--target", str(target)]
    command += ["--layouts", str(args.layouts), "--every", str(args.every), "--network", args.network]
    command += [] if args.schedule is None else ["--schedule", args.schedule]
    with tempfile.TemporaryDirectory() as cache:
        started = time.time()
        done = subprocess.run(
            command, env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True, capture_output=True, text=True
        )
    answer = json.loads(done.stdout)
    return answer["ended"] - started - answer["evaluation_seconds"] if answer["reached"] else float("nan")


def measure(name: str, args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """The result of one task, and its line of the table."""
    task = get_task(name)
    target = published_results().figures[name]["llm4teach"].success if args.target is None else args.target
    layouts = prepare(task, args)
    warm_up(task, read_params(args.schedule, args.network), published_instructions(name))
    runs = [reach(task, target, seed, layouts, args) for seed in range(args.seeds)]
    figures = {figure: [run[figure] if run["reached"] else float("nan") for run in runs] for figure in FIGURES}
    cold = float("nan") if args.no_cold else reach_cold(name, target, args)
    result = {
        "task": name,
        "target": target,
        "reached": all(run["reached"] for run in runs),
        "confirmed": all(run["reached"] and run["confirmed"] for run in runs),
        "seconds_warm": median(figures["seconds"]),
        "seconds_cold": cold,
        **{figure: median(figures[figure]) for figure in FIGURES[1:]},
        "layouts": args.layouts,
        "runs": runs,
    }
    reached = [run for run in runs if run["reached"]]
    line = [
        name,
        percent(target),
        f"{len(reached)} of {len(runs)}",
        f"{sum(run['confirmed'] for run in reached)} of {len(runs)}",
        in_words(figures["seconds"], ".2f"),
        "-" if args.no_cold else f"{cold:.1f}",
    ]
    forms = {"env_steps": ",.0f", **dict.fromkeys(LOOKS, percent), "evaluation_seconds": ".2f"}
    return result, [*line, *(in_words(figures[figure], form) for figure, form in forms.items())]


def main() -> None:
    parser = common_options(__doc__, tasks=["SimpleDoorKey"])
    parser.add_argument("--target", type=float, help="success to pass, e.g. 0.99 (default: the paper's)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--layouts", type=int, default=1024, help="layouts per look (default: 1024)")
    parser.add_argument("--every", type=int, default=2, help="iterations between looks (default: 2)")
    parser.add_argument("--schedule", help="of params.yaml (default: the one that it names)")
    parser.add_argument("--network", default="egocentric", choices=["egocentric", "map"])
    parser.add_argument("--no-cold", action="store_true", help="leave out the fresh process")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.layouts < FEWEST_LAYOUTS:
        parser.error(f"--layouts must be at least {FEWEST_LAYOUTS}")
    if args.in_this_process:  # the fresh process of `reach_cold`
        task = get_task(args.task[0])
        run = reach(task, args.target, 0, prepare(task, args), args)
        print(json.dumps({**run, "ended": time.time()}))
        return
    measured = [measure(name, args) for name in chosen_tasks(args)]
    looks = [figure.replace("_", " ") for figure in LOOKS]
    header = ("task", "target", "reached", "confirmed", "warm s", "cold s", "env steps", *looks, "evaluating s")
    report(header, [line for _, line in measured], [result for result, _ in measured], args.json)


if __name__ == "__main__":
    main()
