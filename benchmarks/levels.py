"""How fast are the compiled levels? Steps per second with the image, with descriptions, and with a teacher too.

Beside each rate stands its ratio to one stock environment in a loop, measured in the same run; all take random actions.
The teacher is the scripted rule, by roles. One thread.

JSON: per level image_steps_per_s, described_steps_per_s, taught_steps_per_s (at the first batch size), the ratio of
each to stock_steps_per_s, bytes_per_world, and `batches` with all rates of every batch size.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.measure import in_words, median, report
from pipeline.compiled import compiled
from pipeline.tasks.minigrid.episode import advance
from pipeline.tasks.minigrid.levels import make_stock
from pipeline.tasks.minigrid.pool import layouts
from pipeline.tasks.minigrid.rules import scripted_labels
from pipeline.tasks.minigrid.task import LevelTask
from pipeline.tasks.minigrid.vision import look
from pipeline.tasks.minigrid.world import WORLD, begin

LEVELS = ("MiniGrid-KeyCorridorS3R3-v0", "MiniGrid-ObstructedMaze-2Dlhb-v1", "BabyAI-BossLevel-v0")
RECORDED = 200
CHANCES = (0.2, 0.2, 0.4, 0.05, 0.05, 0.1, 0.0)
"""How likely each action is."""
POOL = 1021


@compiled
def step_with_image(worlds, pool, actions, images, rewards):
    """One action in every world, its reward and its 7 x 7 image; worlds whose episode ends start the next layout."""
    for i in range(worlds.shape[0]):
        w = worlds[i]
        reward, _, terminated, truncated = advance(w, actions[i])
        rewards[i] = reward
        if terminated or truncated or w.horizon == 0:
            begin(w, pool[(i + w.next) % pool.shape[0]])
            w.next += 1
        look(w, images[i])


def rate(step: Callable[[np.ndarray], Any], actions: np.ndarray, seconds: float) -> float:
    """Steps per second when the actions (int64[RECORDED, size]) are taken again and again for about that long."""
    spent, taken = 0.0, 0
    while spent < seconds:
        started = time.perf_counter()
        for row in actions:
            step(row)
        spent += time.perf_counter() - started
        taken += actions.size
    return taken / spent


def image_step(level: str, size: int) -> Callable[[np.ndarray], Any]:
    """Steps of worlds that are only seen."""
    pool = layouts(level, np.arange(POOL)).records
    worlds = np.zeros(size, WORLD)
    images, rewards = np.zeros((size, 7, 7, 3), np.uint8), np.zeros(size)
    worlds["sight"] = pool[0]["sight"]
    worlds["agent"] = pool[0]["agent"]
    return lambda actions: step_with_image(worlds, pool, actions, images, rewards)


def stock_step(level: str) -> Callable[[np.ndarray], Any]:
    """Steps of one stock environment."""
    env = make_stock(level)
    env.reset(seed=0)

    def step(actions: np.ndarray) -> None:
        for action in actions[:8]:
            _, _, terminated, truncated, _ = env.step(int(action))
            if terminated or truncated:
                env.reset()

    return step


def measure(level: str, sizes: list[int], repeats: int, seconds: float) -> dict[str, Any]:
    """All figures of one level; stock and compiled worlds take turns, so that both meet the same machine."""
    task = LevelTask(level, "roles", POOL)
    labels = scripted_labels(task, 200)
    rng = np.random.default_rng(0)
    stock, stock_rates, batches = stock_step(level), [], []
    for size in sizes:
        actions = rng.choice(len(CHANCES), size=(RECORDED, size), p=CHANCES)
        steps = {
            "image": image_step(level, size),
            "described": task.make_batch(size, 0).step,
            "taught": task.make_batch(size, 0, labels).step,
        }
        rates: dict[str, list[float]] = {name: [] for name in steps}
        for step in steps.values():
            step(actions[0])
        for _ in range(repeats):
            stock_rates.append(rate(stock, actions[:, :8], seconds / 2))
            for name, step in steps.items():
                rates[name].append(rate(step, actions, seconds))
        batches.append({"batch": size, **rates})
    first, alone = batches[0], median(stock_rates)
    return {
        "level": level,
        "batch": sizes[0],
        "stock_steps_per_s": alone,
        **{f"{name}_steps_per_s": median(first[name]) for name in ("image", "described", "taught")},
        **{f"{name}_ratio": median(first[name]) / alone for name in ("image", "described", "taught")},
        "bytes_per_world": WORLD.itemsize,
        "batches": batches,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", action="append", help=f"may be repeated (default: {', '.join(LEVELS)})")
    parser.add_argument("--batch", type=int, nargs="+", default=[1024], help="worlds, e.g. 16 256 1024")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each measurement (default: 0.4)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures as JSON; - is standard output")
    args = parser.parse_args()
    results = [measure(level, args.batch, args.repeats, args.seconds) for level in args.level or LEVELS]
    names = ("image", "described", "taught")
    rows = [
        [
            result["level"],
            f"{batch['batch']:,}",
            *(in_words(batch[name]) for name in names),
            f"{result['stock_steps_per_s']:,.0f}",
            " / ".join(f"{median(batch[name]) / result['stock_steps_per_s']:,.0f}" for name in names),
            f"{result['bytes_per_world']:,}",
        ]
        for result in results
        for batch in result["batches"]
    ]
    header = ("level", "batch", "steps/s with image", "described", "and taught", "stock", "ratios", "bytes/world")
    report(header, rows, results, args.json)


if __name__ == "__main__":
    main()
