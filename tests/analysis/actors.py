"""Students for tests whose behaviour is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.student.policies import Categorical
from pipeline.student.student import Student


class Idler(Student):
    """Takes one action for ever; `done` unless told otherwise."""

    parameters = 0
    policy = Categorical(7)

    def __init__(self, action: int = 6) -> None:
        self.action = action

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {"nothing": np.zeros(rows)}

    def encode(self, *_: Any) -> None:
        pass

    def act(self, _features: Any, uniforms: np.ndarray | None, actions: np.ndarray, *_: Any) -> None:
        actions[:] = self.choice(uniforms)

    def choice(self, _uniforms: np.ndarray | None) -> Any:
        return self.action

    def update(self, *_: Any) -> dict[str, float]:
        raise NotImplementedError

    def weights(self) -> dict[str, np.ndarray]:
        return {}

    def load_weights(self, *_: Any) -> None:
        pass

    def optimiser(self) -> dict[str, np.ndarray]:
        return {}

    def load_optimiser(self, *_: Any) -> None:
        pass


class Wanderer(Idler):
    """Draws its actions evenly: what it does depends on the uniforms alone."""

    def choice(self, uniforms: np.ndarray | None) -> Any:
        return 0 if uniforms is None else (uniforms * 7).astype(np.int64)
