"""What a step of Nav & Pick is worth, when an episode ends, and how sure its teacher is: settings of the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Stop = Literal["strict", "lenient"]


@dataclass(frozen=True)
class Rules:
    """The reward after the paper's A.5, the stop rule, and the teacher's deviation.

    success    for stopping with the target in the grip
    grasp      for taking hold of the target, the first time in an episode
    metre      for every metre that base and grip get closer to the target (and back), until it is first held
    collision  cost of a step that touches something
    slack      cost of every step
    stop       `strict`: the stop action ends the episode, whatever is held; `lenient`: it does so, and counts as
               success, only while the target is held
    deviation  of the teacher's Gaussians, in all dimensions, in units of the action; that of a fresh student is 0.5
    """

    success: float = 2.0
    grasp: float = 2.0
    metre: float = 1.0
    collision: float = 0.05
    slack: float = 0.005
    stop: Stop = "lenient"
    deviation: float = 0.5

    def as_array(self) -> np.ndarray:
        """The first five, and 1 where the stop rule is strict; float64[6]."""
        rewards = (self.success, self.grasp, self.metre, self.collision, self.slack)
        return np.array([*rewards, self.stop == "strict"], np.float64)
