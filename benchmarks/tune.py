"""Are the methods tuned alike? The same grid of settings for each, judged on validation layouts.

Every method tries every combination of the grid's values, by seed and task, for as many steps as in the experiment
`methods`. A setting's score is its mean success: over training (how fast it learns) and over 500 validation layouts at
the end, half and half, over all tasks. No test layout is looked at. Whoever gives a method a grid of its own
(`--method`, `--grid`) gives it as many settings as the others have.

JSON: per method, every setting with its score and its figures by task, best first.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, published_instructions, report
from benchmarks.training import iterations, read_params
from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.experiments.catalogue import METHODS
from pipeline.experiments.experiment import Variant, applied
from pipeline.fan_out import cores
from pipeline.printing import percent
from pipeline.student.methods.method import get_method
from pipeline.tasks.registry import get_task

LAYOUTS = 500
FIGURES = ("training", "validation")
Job = tuple[Variant, str, dict[str, float], int]


def methods() -> dict[str, Variant]:
    """The variants of the experiment `methods`, by method; only their own length is taken over, not what was tuned."""
    return {one.method: one for one in METHODS.variants}


def combinations(grid: list[str]) -> list[dict[str, float]]:
    """Every combination of a grid's values: ["lr=0.002,0.004", "clip=0.2"] has two.

    Keys are a schedule's; `taught` stands for i1 and i2 together. Raises ValueError for anything else.
    """
    axes = []
    for axis in grid:
        key, _, values = axis.partition("=")
        numbers = [json.loads(value) for value in values.split(",")]
        axes.append([{"i1": n, "i2": n} if key == "taught" else {key: n} for n in numbers])
    settings = [{key: value for part in parts for key, value in part.items()} for parts in itertools.product(*axes)]
    for setting in settings:
        applied(read_params(None, "egocentric").schedule, setting)
    return settings


def score(job: Job) -> tuple[float, float]:
    """Mean success over one training, and on validation layouts at its end."""
    variant, name, setting, seed = job
    task, params = get_task(name), read_params(None, "egocentric")
    schedule = applied(params.schedule, {**variant.schedule, **setting})
    params = params.model_copy(update={"schedules": {params.train.schedule: schedule}})
    labels = published_instructions(name) if get_method(variant.method).needs_labels else None
    curve = []
    for learner, row in iterations(task, params, labels, seed, method=variant.method):  # noqa: B007
        if row["episodes"]:
            curve.append((row["success"], row["episodes"]))
    success, episodes = np.array(curve).T
    layouts = evaluation_layouts(task, LAYOUTS, "validation")
    played = evaluate_student(task, learner.student, layouts, "sampled", seed)
    return float(np.average(success, weights=episodes)), float(np.mean([one["success"] for one in played]))


def main() -> None:
    parser = common_options(__doc__)
    parser.add_argument("--method", action="append", choices=list(methods()), help="may be repeated (default: all)")
    parser.add_argument(
        "--grid",
        nargs="+",
        metavar="KEY=VALUE,…",
        default=["lr=0.002,0.004,0.008", "entropy=0.003,0.01,0.03"],
        help="a schedule's keys (`taught`: i1 and i2 together) and what to try for each (default: %(default)s)",
    )
    parser.add_argument("--steps", type=int, help="environment steps of each run (default: as in `methods`)")
    parser.add_argument("--seed", type=int, nargs="+", default=[100], help="that no experiment uses (default: 100)")
    args = parser.parse_args()
    tasks, chosen = chosen_tasks(args), args.method or list(methods())
    try:
        settings = combinations(args.grid)
    except ValueError as error:
        parser.error(f"argument --grid: {error}")
    length = {} if args.steps is None else {"steps": args.steps}
    jobs = [
        (methods()[method], task, setting | length, seed)
        for method in chosen
        for setting in settings
        for task in tasks
        for seed in args.seed
    ]
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        scores = iter(list(pool.map(score, jobs)))
    results: list[dict[str, Any]] = []
    rows = []
    for method in chosen:
        tried = []
        for setting in settings:
            by_task = {
                task: dict(zip(FIGURES, np.mean([next(scores) for _ in args.seed], axis=0).tolist(), strict=True))
                for task in tasks
            }
            tried.append(
                {**setting, "score": float(np.mean([list(one.values()) for one in by_task.values()])), **by_task}
            )
        tried.sort(key=lambda one: -one["score"])
        results.append({"method": method, "settings": tried})
        for one in tried:
            figures = [f"{percent(one[task]['training'])} / {percent(one[task]['validation'])}" for task in tasks]
            values = [f"{one[key]:g}" for key in settings[0]]
            rows.append([method, *values, percent(one["score"]), *figures])
    report(
        ("method", *settings[0], "score", *(f"{task}: training / validation" for task in tasks)),
        rows,
        results,
        args.json,
    )


if __name__ == "__main__":
    main()
