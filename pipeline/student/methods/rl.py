"""The method `rl`: PPO from reward alone, with the same network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pipeline.student.methods.method import Method


class RL(Method):
    """PPO from scratch, without any teacher (paper Section 4)."""

    name = "rl"
    title = "RL, no teacher"
    tuned: ClassVar[Mapping[str, float]] = {"lr": 1e-3, "entropy": 0.06}  # benchmarks/tune.py
    colour = ("#d55e00", "#e69f00")
    line = "--"
