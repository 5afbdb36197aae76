"""Is the batched engine exact? Compares it with the reference environments step by step (`make parity`).

Exit code 1 if any state, outcome, description or teacher policy differs.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter
from pathlib import Path

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import chosen_tasks, common_options, published_instructions, report
from pipeline.fan_out import cores
from pipeline.tasks.parity import Parity, arbitrary_instructions, compare
from pipeline.tasks.registry import get_task

KINDS = {"random": (1.0, False), "teacher": (0.15, False), "arbitrary plans": (0.3, True)}
"""Ways to act: with which probability at random instead of as the labels say, and whether those are random plans
instead of the published ones."""
ENVS = 16
CHUNK = 128
"""Episodes of one comparison, the unit of work of a process."""

Chunk = tuple[str, str, int, int]
"""Task, kind, seed and number of episodes."""


def compare_chunk(chunk: Chunk) -> tuple[Chunk, Parity]:
    """One comparison."""
    name, kind, seed, episodes = chunk
    task = get_task(name)
    noise, arbitrary = KINDS[kind]
    labels = published_instructions(name)
    if arbitrary:
        descriptions = task.make_batch(1, 0).descriptions
        labels = arbitrary_instructions(task, descriptions, np.random.default_rng(seed))
    return chunk, compare(task, ENVS, seed, labels, "train", noise, episodes)


def main() -> int:
    parser = common_options(__doc__)
    parser.add_argument("--episodes", type=int, default=10_000, help="per task, at least (default: 10000)")
    parser.add_argument("--workers", type=int, default=cores(), help="processes (default: one per core)")
    args = parser.parse_args()
    tasks = chosen_tasks(args)
    each = -(-args.episodes // len(KINDS))
    chunks = [
        (task, kind, seed, min(CHUNK, each - done))
        for task in tasks
        for kind in KINDS
        for seed, done in enumerate(range(0, each, CHUNK))
    ]
    totals: dict[tuple[str, str], Counter[str]] = {(task, kind): Counter() for task in tasks for kind in KINDS}
    differences = []
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for number, (chunk, found) in enumerate(pool.imap_unordered(compare_chunk, chunks), 1):
            totals[chunk[:2]].update({k: v for k, v in vars(found).items() if isinstance(v, int)})
            if found.first is not None:
                differences.append(f"{chunk[0]}, {chunk[1]}, {found.first}")
                print(differences[-1], file=sys.stderr, flush=True)
            if number % max(len(chunks) // 20, 1) == 0:
                print(f"{number} of {len(chunks)} comparisons", file=sys.stderr, flush=True)
    columns = ("episodes", "steps", "successes", "labelled", "mismatches")
    rows = [[task, kind, *(f"{total[c]:,}" for c in columns)] for (task, kind), total in totals.items()]
    results = []
    for task in tasks:
        total = sum((totals[task, kind] for kind in KINDS), Counter())
        first = next((text for text in differences if text.startswith(task)), None)
        results.append({"task": task, **{c: total[c] for c in columns}, "first": first})
    report(("task", "actions", *columns), rows, results, args.json)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
