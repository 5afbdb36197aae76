"""Where does the time of training go? Engine, inference (features and acting), update, and everything else.

One seed's training through both phases, warm: compiled code is in place before the clock starts.

JSON: env_steps_per_s of collecting and learning together, `seconds` and `shares` by part, `env_steps`.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import chosen_tasks, common_options, in_words, median, published_instructions, report
from benchmarks.training import iterations, read_params, warm_up
from pipeline.params import Params
from pipeline.student.learner import Learner
from pipeline.tasks.registry import get_task

PARTS = ("engine", "inference", "update", "other")


def profile(name: str, params: Params, seed: int) -> tuple[Counter[str], int]:
    """Seconds by part, and environment steps, of one seed's training."""
    task, instructions = get_task(name), published_instructions(name)
    spent: Counter[str] = Counter()

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            started = time.perf_counter()
            result = function(*args)
            spent[part] += time.perf_counter() - started
            return result

        return call

    def prepare(learner: Learner) -> None:
        for owner, method, part in (
            (learner.batch, "step", "engine"),
            (learner.student, "encode", "inference"),
            (learner.student, "act", "inference"),
            (learner.student, "update", "update"),
        ):
            setattr(owner, method, timed(part, getattr(owner, method)))

    *_, (_, row) = iterations(task, params, instructions, seed, prepare)
    spent["other"] = row["seconds"] - spent.total()
    return spent, int(row["env_steps"])


def main() -> None:
    parser = common_options(__doc__)
    parser.add_argument("--schedule", help="of params.yaml (default: the one that it names)")
    parser.add_argument("--network", default="egocentric", choices=["egocentric", "map"])
    parser.add_argument("--repeats", type=int, default=1, help="trainings per task, with seeds 0, 1, ... (default: 1)")
    args = parser.parse_args()
    params = read_params(args.schedule, args.network)
    results, rows = [], []
    for name in chosen_tasks(args):
        warm_up(get_task(name), params, published_instructions(name))
        runs = [profile(name, params, seed) for seed in range(args.repeats)]
        rates = [steps / spent.total() for spent, steps in runs]
        seconds = {part: median([spent[part] for spent, _ in runs]) for part in PARTS}
        shares = {part: [spent[part] / spent.total() for spent, _ in runs] for part in PARTS}
        results.append(
            {
                "task": name,
                "schedule": params.train.schedule,
                "network": args.network,
                "env_steps": runs[0][1],
                "env_steps_per_s": median(rates),
                "env_steps_per_s_runs": rates,
                "seconds": seconds,
                "shares": {part: median(values) for part, values in shares.items()},
            }
        )
        rows.append([name, f"{runs[0][1]:,}", in_words(rates), *(in_words(shares[part], ".1%") for part in PARTS)])
    report(("task", "steps", "steps/s", *PARTS), rows, results, args.json)


if __name__ == "__main__":
    main()
