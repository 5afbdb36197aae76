"""How fast is the robot's compiled world? Steps per second of one core, by the pixels on a side of the depth picture.

Actions are random ones that mostly drive ahead. The CPU time of one thread counts, so a busy machine changes little.

JSON: steps_per_s by side.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json

import numpy as np

from pipeline.tasks.habitat.task import NavPickTask
from pipeline.tasks.habitat.world import ACTIONS, FORWARD, STOP

ENVIRONMENTS = 64


def rate(side: int, steps: int) -> float:
    """Steps per second of CPU time with pictures of so many pixels on a side."""
    batch = NavPickTask(side=side).make_batch(ENVIRONMENTS, 0)
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, ENVIRONMENTS, ACTIONS))
    actions[:, :, STOP] = -1
    actions[:, :, FORWARD] = np.abs(actions[:, :, FORWARD])
    batch.step(actions[0])
    started = time.process_time()
    for chosen in actions:
        batch.step(chosen)
    return actions.shape[0] * ENVIRONMENTS / (time.process_time() - started)


def main() -> None:
    """Print a line per size, or all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=200, help="of every environment")
    arguments = parser.parse_args()
    rates = {side: round(rate(side, arguments.steps)) for side in (32, 64)}
    if arguments.json:
        print(json.dumps({"steps_per_s": rates}))
        return
    for side, steps in rates.items():
        print(f"{side}x{side} depth: {steps:,} steps/s of one core")


if __name__ == "__main__":
    main()
