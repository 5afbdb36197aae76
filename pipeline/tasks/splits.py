"""Which layouts are for training, which are held out: by a hash of the world that they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def distinct_layouts(candidates: Iterable[tuple[int, int, int]], split: Split, count: int) -> np.ndarray:
    """The first `count` seeds of different layouts in a split; uint32[count].

    candidates  seed, layout code and world code of each
    """
    codes: set[int] = set()
    seeds: list[int] = []
    for seed, code, world in candidates:
        if code not in codes and split_of(world) == split:
            codes.add(code)
            seeds.append(seed)
            if len(seeds) == count:
                return np.array(seeds, np.uint32)
    raise ValueError(f"only {len(seeds)} different layouts found for the {split} split, {count} wanted")


def mix64(x: int) -> int:
    """A well-mixed 64-bit hash of an integer: one step of splitmix64 (Steele, Lea and Flood 2014) from state x."""
    z = (x + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return z ^ (z >> 31)


def split_of(world_code: int) -> Split:
    """Which split a world belongs to, with all its layouts: 80% train, 10% validation, 10% test, by a hash."""
    tenth = mix64(world_code) % 10
    return "train" if tenth < 8 else "validation" if tenth == 8 else "test"
