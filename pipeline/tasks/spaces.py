"""What an agent does and sees: action spaces, and the observation spaces that say what their numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from pipeline.tasks.minigrid_numbers import COLOURS, LOCKED, NO_AGENT, OBJECTS


@dataclass(frozen=True)
class Space:
    """The action space of one agent.

    kind      `discrete`: actions are integers 0..size-1; `continuous`: vectors of `size` floats
    names     one name per action (discrete) or per dimension (continuous)
    low/high  bounds of a continuous action
    """

    kind: Literal["discrete", "continuous"]
    size: int
    names: tuple[str, ...]
    low: float = -1.0
    high: float = 1.0

    @property
    def teacher_shape(self) -> tuple[int, ...]:
        """Shape of one row of teacher labels: probabilities [size], or mean and standard deviation [2, size]."""
        return (self.size,) if self.kind == "discrete" else (2, self.size)

    def action(self, chosen: Any) -> Any:
        """One action as an environment takes it: an int, or float32[size]."""
        return int(chosen) if self.kind == "discrete" else np.asarray(chosen, np.float32)

    def any_actions(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Uniformly random actions: int64[rows], or float64[rows, size] within the bounds."""
        if self.kind == "discrete":
            return rng.integers(self.size, size=rows)
        return rng.uniform(self.low, self.high, (rows, self.size))


class CellMap(spaces.Box):
    """A MiniGrid map as an agent remembers it: uint8[width, height, 4], indexed [x, y].

    The channels are MiniGrid's object, colour and state index of each cell, and the agent's direction at its cell
    (NO_AGENT elsewhere).

    kinds  uint8[objects, colours]: which kind of cell each is to a student, 1 and up, or 0 for nothing
    """

    def __init__(self, width: int, height: int, kinds: np.ndarray) -> None:
        """Raises ValueError for kinds of another shape or type."""
        if kinds.shape != (len(OBJECTS), len(COLOURS)) or kinds.dtype != np.uint8:
            wanted = f"uint8[{len(OBJECTS)}, {len(COLOURS)}]"
            raise ValueError(f"the kinds of a map's cells are {wanted}, got {kinds.dtype}{list(kinds.shape)}")
        highest = np.array([len(OBJECTS) - 1, len(COLOURS) - 1, LOCKED, NO_AGENT], np.uint8)
        super().__init__(0, np.broadcast_to(highest, (width, height, 4)), dtype=np.uint8)
        self.kinds = kinds

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, CellMap) and super().__eq__(other) and np.array_equal(self.kinds, other.kinds)


class Keyed(spaces.Dict):
    """The space of an observation that is a bare array, which gets the key `observation`."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        super().__init__({"observation": space})


class MarkedMap(spaces.Box):
    """A map as in `CellMap`, of a level of any size, with what the mission says of the things on it.

    The third channel is the state plus STATES times the mark: 0, or the kind of what is to be done with the thing
    (1 go to, 2 pick up, 3 open, 4 move), or 5 for what a thing is to be put next to.
    """

    STATES = LOCKED + 1
    MARKS = 6

    def __init__(self, width: int, height: int) -> None:
        third = self.STATES * self.MARKS - 1
        highest = np.array([len(OBJECTS) - 1, len(COLOURS) - 1, third, NO_AGENT], np.uint8)
        super().__init__(0, np.broadcast_to(highest, (width, height, 4)), dtype=np.uint8)


def keyed(space: spaces.Space[Any]) -> spaces.Dict:
    """An observation space with a key for each array: one that is no Dict becomes `{"observation": space}`."""
    return space if isinstance(space, spaces.Dict) else Keyed(space)


def by_key(observation: Any) -> Mapping[str, Any]:
    """An environment's observation with a key for each array, as `keyed` has it for its space."""
    return observation if isinstance(observation, Mapping) else {"observation": observation}


def as_given(space: spaces.Dict, observation: Mapping[str, Any]) -> Any:
    """An observation by key as the environment gave it: the inverse of `by_key`."""
    return observation["observation"] if isinstance(space, Keyed) else observation
