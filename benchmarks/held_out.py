"""What does it change to hold out worlds, and not only layouts?

A layout is a world (the room and its objects) and a start (the agent's cell and direction). The pipeline splits by
world. Here students are trained and tested under that split, and under one by layout, in which the world of a test
layout may occur in training with another start. Both splits are by the same hash, here and in the pipeline.

known    share of the test layouts whose world occurred in training: in an episode that came to its end
success  on the test layouts of the same split, by sampling and by argmax

JSON: per task, for `layout` and `world`, means over the seeds of known, trained_on (different layouts met in training),
sampled and argmax (success), and `runs` with every seed's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, in_words, published_instructions, report
from benchmarks.training import iterations, read_params
from pipeline.evaluation import evaluate_student
from pipeline.instructions import SoftInstruction
from pipeline.params import Params
from pipeline.tasks.base import Batch, Finished
from pipeline.tasks.doorkey.engine import STARTS, DoorKeyBatch, layout_codes
from pipeline.tasks.doorkey.task import DoorKeyTask
from pipeline.tasks.registry import get_task
from pipeline.tasks.splits import Split, distinct_layouts, mix64, split_of

SPLIT_BY = {"layout": 1, "world": STARTS}
"""What a layout's code is divided by to give the number that decides its split."""
BLOCK = 4096
ACTING = ("sampled", "argmax")
FIGURES = ("known", "trained_on", *ACTING)


class SplitBy(DoorKeyTask):
    """A DoorKey task with another way of splitting, for one training.

    trained_on  codes of the layouts whose episodes came to their end
    """

    def __init__(self, name: str, by: str, seed: int) -> None:
        self.__dict__.update(get_task(name).__dict__)
        self.trained_on: set[int] = set()
        self._by = SPLIT_BY[by]
        self._training = (seed for seed, _, code in self._candidates(mix64(seed) % 2**31) if split_of(code) == "train")

    def _candidates(self, start: int) -> Iterator[tuple[int, int, int]]:
        """Seed, layout code, and the code that decides the split, of all seeds from `start` on."""
        for first in count(start, BLOCK):
            codes = layout_codes(self.name, np.arange(first, first + BLOCK))
            yield from zip(range(first, first + BLOCK), codes.tolist(), (codes // self._by).tolist(), strict=True)

    def layout_seeds(self, split: Split, count: int, start: int = 0) -> np.ndarray:
        return distinct_layouts(islice(self._candidates(start), 200 * count), split, count)

    def make_batch(
        self,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> Batch:
        if split is None:
            return super().make_batch(size, seed, instructions, None)
        return TrainingBatch(self, size, instructions, self._training, self.trained_on)


class TrainingBatch(DoorKeyBatch):
    """Worlds that are told the seed of each next layout, and note the codes of those whose episode has ended."""

    def __init__(
        self,
        task: DoorKeyTask,
        size: int,
        instructions: Mapping[str, SoftInstruction] | None,
        seeds: Iterator[int],
        ended: set[int],
    ) -> None:
        super().__init__(task, task.canonical, size, 0, instructions, None)
        self._seeds, self._ended = seeds, ended
        self.reset(np.fromiter(seeds, np.uint32, size))
        self._worlds["next_seed"] = np.fromiter(seeds, np.uint32, size)

    def step(self, actions: np.ndarray) -> Finished:
        codes = self._worlds["code"].copy()
        finished = super().step(actions)
        done = np.flatnonzero(finished.done)
        self._ended.update(codes[done].tolist())
        self._worlds["next_seed"][done] = np.fromiter(self._seeds, np.uint32, len(done))
        return finished


def train_and_test(name: str, by: str, seed: int, params: Params, layouts: int) -> dict[str, float]:
    """One student under one way of splitting: FIGURES."""
    task = SplitBy(name, by, seed)
    *_, (learner, _) = iterations(task, params, published_instructions(name), seed)
    seeds = task.layout_seeds("test", layouts)
    worlds_met = {code // STARTS for code in task.trained_on}
    known = np.array([world in worlds_met for world in (layout_codes(name, seeds) // STARTS).tolist()])
    played = {acting: evaluate_student(task, learner.student, seeds, acting, seed) for acting in ACTING}
    success = {acting: float(np.mean([row["success"] for row in rows])) for acting, rows in played.items()}
    return {"known": float(known.mean()), "trained_on": len(task.trained_on), **success}


def main() -> None:
    parser = common_options(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--layouts", type=int, default=1000, help="test layouts, one episode each (default: 1000)")
    parser.add_argument("--schedule", help="of params.yaml (default: the one that it names)")
    args = parser.parse_args()
    params = read_params(args.schedule, "egocentric")
    results, rows = [], []
    for name in chosen_tasks(args):
        result: dict[str, Any] = {"task": name}
        for by in SPLIT_BY:
            runs = [train_and_test(name, by, seed, params, args.layouts) for seed in range(args.seeds)]
            result[by] = {figure: float(np.mean([run[figure] for run in runs])) for figure in FIGURES}
            result[by]["runs"] = runs
            shares = [in_words([run[figure] for run in runs], ".1%") for figure in ("known", *ACTING)]
            rows.append([name, by, in_words([run["trained_on"] for run in runs]), *shares])
        results.append(result)
    report(("task", "split by", "trained on", "known", *ACTING), rows, results, args.json)


if __name__ == "__main__":
    main()
