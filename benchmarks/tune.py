"""Are the methods tuned alike? The same grid of settings for each, judged on validation layouts.

Every method tries every learning rate with every entropy bonus, by seed and task, for as many steps as in the
experiment `methods`. A setting's score is its mean success: over training (how fast it learns) and over 500
validation layouts at the end, half and half, over all tasks. No test layout is looked at.

JSON: per method, every setting with its score and its figures by task, best first.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, published_instructions, report
from benchmarks.training import iterations, read_params
from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.experiments.experiment import Variant, applied, experiments
from pipeline.student.make import make_over_teachers
from pipeline.tasks.base import get_task

LAYOUTS = 500
FIGURES = ("training", "validation")
Job = tuple[Variant, str, dict[str, float], int]


def methods() -> dict[str, Variant]:
    """The variants of the experiment `methods`, without the settings that it gives them apart from their length."""
    (found,) = (one for one in experiments(read_params(None, "egocentric")) if one.name == "methods")
    keep = ("steps",)
    return {
        one.name: Variant(one.name, one.method, {key: one.schedule[key] for key in keep if key in one.schedule})
        for one in found.variants
    }


def score(job: Job) -> tuple[float, float]:
    """Mean success over one training, and on validation layouts at its end."""
    variant, name, setting, seed = job
    task, params = get_task(name), read_params(None, "egocentric")
    schedule = applied(params.schedule, {**variant.schedule, **setting})
    params = params.model_copy(update={"schedules": {params.train.schedule: schedule}})
    labels = published_instructions(name) if variant.method == "llm4teach" else None
    over_teachers = partial(make_over_teachers, task, params.train) if variant.method == "hierarchical" else None
    curve = []
    for learner, row in iterations(task, params, labels, seed, make_over_teachers=over_teachers):  # noqa: B007
        if row["episodes"]:
            curve.append((row["success"], row["episodes"]))
    success, episodes = np.array(curve).T
    layouts = evaluation_layouts(task, LAYOUTS, "validation")
    played = evaluate_student(task, learner.student, layouts, "sampled", seed)
    return float(np.average(success, weights=episodes)), float(np.mean([one["success"] for one in played]))


def main() -> None:
    parser = common_options(__doc__)
    parser.add_argument("--method", action="append", choices=list(methods()), help="may be repeated (default: all)")
    parser.add_argument("--lr", type=float, nargs="+", default=[2e-3, 4e-3, 8e-3])
    parser.add_argument("--entropy", type=float, nargs="+", default=[0.003, 0.01, 0.03])
    parser.add_argument("--seed", type=int, nargs="+", default=[100], help="that no experiment uses (default: 100)")
    args = parser.parse_args()
    tasks, chosen = chosen_tasks(args), args.method or list(methods())
    settings = [{"lr": lr, "entropy": entropy} for lr, entropy in itertools.product(args.lr, args.entropy)]
    jobs = [
        (methods()[method], task, setting, seed)
        for method in chosen
        for setting in settings
        for task in tasks
        for seed in args.seed
    ]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
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
            figures = [f"{one[task]['training']:.1%} / {one[task]['validation']:.1%}" for task in tasks]
            rows.append([method, f"{one['lr']:g}", f"{one['entropy']:g}", f"{one['score']:.2%}", *figures])
    report(
        ("method", "lr", "entropy", "score", *(f"{task}: training / validation" for task in tasks)),
        rows,
        results,
        args.json,
    )


if __name__ == "__main__":
    main()
