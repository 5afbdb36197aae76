"""What does a student reach? Whole trainings by params.yaml, then 1000 test layouts, sampled and by argmax.

JSON: per task, for each acting, success, episode_length and episode_return as means over seeds, `runs` with every
seed's, and env_steps_per_s of training.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, in_words, median, published_instructions, report
from benchmarks.training import iterations, read_params, warm_up
from pipeline.evaluation import evaluate_student, evaluation_layouts
from pipeline.params import Params
from pipeline.printing import percent
from pipeline.tasks.registry import get_task

ACTING = ("sampled", "argmax")
FIGURES = ("success", "episode_length", "episode_return")


def learn(name: str, params: Params, seed: int, episodes: int) -> dict[str, Any]:
    """One seed's training and evaluation."""
    task = get_task(name)
    *_, (learner, row) = iterations(task, params, published_instructions(name), seed)
    layouts = evaluation_layouts(task, episodes)
    figures = {}
    for acting in ACTING:
        played = evaluate_student(task, learner.student, layouts, acting, params.evaluate.seed)
        figures[acting] = {figure: float(np.mean([one[figure] for one in played])) for figure in FIGURES}
    steps, seconds = int(row["env_steps"]), row["seconds"]
    return {"seed": seed, "env_steps": steps, "seconds": seconds, "env_steps_per_s": steps / seconds, **figures}


def main() -> None:
    parser = common_options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--schedule", help="of params.yaml (default: the one that it names)")
    parser.add_argument("--network", default="egocentric", choices=["egocentric", "map"])
    parser.add_argument("--layouts", type=int, default=1000, help="test layouts, one episode each (default: 1000)")
    args = parser.parse_args()
    params = read_params(args.schedule, args.network)
    results, rows = [], []
    for name in chosen_tasks(args):
        warm_up(get_task(name), params, published_instructions(name))
        runs = [learn(name, params, seed, args.layouts) for seed in range(args.seeds)]
        rates = [run["env_steps_per_s"] for run in runs]
        means = {
            acting: {figure: float(np.mean([run[acting][figure] for run in runs])) for figure in FIGURES}
            for acting in ACTING
        }
        results.append(
            {
                "task": name,
                "schedule": params.train.schedule,
                "network": args.network,
                "env_steps": runs[0]["env_steps"],
                "env_steps_per_s": median(rates),
                **means,
                "runs": runs,
            }
        )
        for acting in ACTING:
            spread = [
                in_words([run[acting][figure] for run in runs], form)
                for figure, form in zip(FIGURES, (percent, ".1f", ".2f"), strict=True)
            ]
            rows.append([name, acting, percent(means[acting]["success"]), *spread, in_words(rates)])
    report(("task", "acting", "mean success", "success", "length", "return", "steps/s"), rows, results, args.json)


if __name__ == "__main__":
    main()
