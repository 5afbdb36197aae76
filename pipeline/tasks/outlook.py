"""What one who sees the whole layout knows about each action: the yardstick of the analyses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OUT_OF_REACH = -1


@dataclass(frozen=True)
class Outlook:
    """Each action's consequences in a batch's present states, as one who knows the whole layout sees them.

    after    int32[rows, actions]  fewest steps to success after the action: 0 if it succeeds, OUT_OF_REACH if it can't
             be reached any more
    effect   bool[rows, actions]   whether the action changes anything in the world
    handles  bool[rows, actions]   whether it takes something up or puts it down
    known    bool[rows]            whether the agent has seen all that success takes
    """

    after: np.ndarray
    effect: np.ndarray
    handles: np.ndarray
    known: np.ndarray

    @property
    def steps(self) -> np.ndarray:
        """int32[rows]: the length of the shortest way to success from here, OUT_OF_REACH if there is none."""
        reachable = np.where(self.after < 0, np.iinfo(np.int32).max, self.after).min(axis=1)
        return np.where((self.after < 0).all(axis=1), OUT_OF_REACH, reachable + 1).astype(np.int32)

    @property
    def shortens(self) -> np.ndarray:
        """bool[rows, actions]: whether the action is the first one of a shortest way to success."""
        return (self.after >= 0) & (self.after == self.steps[:, None] - 1)
