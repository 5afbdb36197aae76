"""A batch of reference environments in plain Python: slow, and right by construction.

It serves any single-agent task with discrete actions: a user's own task trains on it unless it brings something
faster, and a task that does is compared with it step by step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Option, SoftInstruction
from pipeline.tasks.base import Batch, Finished, Task
from pipeline.tasks.splits import Split, mix64

LONGEST_SEARCH = 100_000
"""Candidates tried for a layout of the split before giving up."""


class ReferenceBatch(Batch):
    """`size` reference environments of a task that advance one after the other; see `Batch`.

    Environment i draws its layouts from the candidates base + i, base + i + size, base + i + 2 * size, ... modulo
    `task.seeds`, where `base` is splitmix64 of the seed; candidates outside the split are passed over. A
    dictionary observation keeps its keys, any other becomes `{"observation": ...}`.
    """

    def __init__(
        self,
        task: Task,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> None:
        """Raises ValueError for a task with several agents or continuous actions."""
        if task.agents != 1 or task.space.kind != "discrete":
            raise ValueError(f"{task.name}: a reference batch is for one agent with discrete actions")
        if size < 1:
            raise ValueError(f"a batch has at least one environment, got {size}")
        self.task, self.environments, self.split = task, size, split
        self.instructions = dict(instructions or {})
        self.descriptions: list[Description] = []
        self._numbers: dict[Description, int] = {}
        self._base = mix64(seed) % task.seeds
        self._envs = [task.make_env() for _ in range(size)]
        self.observation = self._make_arrays(self._envs[0].observation_space)
        self.description = np.zeros(size, np.int32)
        self.teacher = np.zeros((size, *task.space.teacher_shape), np.float32)
        self.labelled = np.zeros(size, bool)
        self.reset()

    def _make_arrays(self, space: spaces.Space[Any]) -> dict[str, np.ndarray]:
        """Arrays [rows, ...] that hold one observation per environment."""
        self._keyed = isinstance(space, spaces.Dict)
        parts = space.spaces if isinstance(space, spaces.Dict) else {"observation": space}
        for key, part in parts.items():
            if part.shape is None or part.dtype is None:
                raise ValueError(f"{self.task.name}: the observation {key!r} is no array: {part}")
        return {key: np.zeros((self.rows, *part.shape), part.dtype) for key, part in parts.items()}  # type: ignore[misc]

    def reset(self, seeds: np.ndarray | None = None) -> None:
        """Start every environment anew, on the first layouts of its stream.

        `seeds` (uint32[rows]) fixes each one's first layout, whatever its split; the streams start after it.
        """
        if seeds is not None and len(seeds) != self.rows:
            raise ValueError(f"{self.rows} environments, but {len(seeds)} seeds")
        self._tried = np.zeros(self.rows, np.int64)  # candidates taken from each stream
        self._layout = np.zeros(self.rows, np.uint32)  # seed of each running episode
        self._return = np.zeros(self.rows, np.float64)  # of each running episode
        self._actions: list[list[int]] = [[] for _ in range(self.rows)]  # of each running episode
        for row in range(self.rows):
            self._show(row, self._start(row, self._next_seed(row) if seeds is None else int(seeds[row])))

    def step(self, actions: np.ndarray) -> Finished:
        """Advance every environment by one action; `actions` are integers [rows]."""
        if len(actions) != self.rows:
            raise ValueError(f"{self.rows} environments, but {len(actions)} actions")
        finished = Finished(
            reward=np.zeros(self.rows, np.float32),
            terminated=np.zeros(self.rows, bool),
            truncated=np.zeros(self.rows, bool),
            success=np.zeros(self.rows, bool),
            episode_return=np.zeros(self.rows, np.float32),
            episode_length=np.zeros(self.rows, np.int32),
            last_observation={key: np.zeros_like(array) for key, array in self.observation.items()},
        )
        for row, action in enumerate(actions):
            self._actions[row].append(int(action))
            observation, reward, terminated, truncated, info = self._envs[row].step(int(action))
            done = bool(terminated or truncated)
            self._return[row] += float(reward)
            finished.reward[row] = reward
            finished.terminated[row] = terminated
            finished.truncated[row] = truncated
            finished.success[row] = done and bool(info.get("success", terminated and reward > 0))
            finished.episode_return[row] = self._return[row]
            finished.episode_length[row] = len(self._actions[row])
            if done:
                self._write(observation, finished.last_observation, row)
                observation = self._start(row, self._next_seed(row))
            self._show(row, observation)
        return finished

    def option_policies(self, options: Sequence[Option]) -> Callable[[], np.ndarray]:
        """See `Batch.option_policies`: `Task.follow`, row by row and option by option."""
        policies = np.zeros((self.rows, len(options), *self.task.space.teacher_shape), np.float32)

        def follow() -> np.ndarray:
            policies[:] = 0
            for row in range(self.rows):
                keyed = {key: array[row] for key, array in self.observation.items()}
                observation = keyed if self._keyed else keyed["observation"]
                for k, option in enumerate(options):
                    step = self.task.follow(option, observation)
                    if not step.done and step.action is not None:
                        policies[row, k, step.action] = 1
            return policies

        return follow

    def _next_seed(self, row: int) -> int:
        """The next candidate of a stream whose layout is in the split."""
        for _ in range(LONGEST_SEARCH):
            seed = (self._base + row + int(self._tried[row]) * self.rows) % self.task.seeds
            self._tried[row] += 1
            if self.split is None or self.task.split(seed) == self.split:
                return seed
        raise RuntimeError(f"{self.task.name}: no {self.split} layout among {LONGEST_SEARCH} seeds")

    def _start(self, row: int, seed: int) -> Any:
        """Begin an episode on a layout; returns its first observation."""
        self._layout[row] = seed
        self._return[row] = 0
        self._actions[row] = []
        return self._envs[row].reset(seed=seed)[0]

    def _show(self, row: int, observation: Any) -> None:
        """Write an observation, its description and the teacher's policy into the batch's arrays."""
        self._write(observation, self.observation, row)
        description = self.task.describe(observation)
        if description not in self._numbers:
            self._numbers[description] = len(self.descriptions)
            self.descriptions.append(description)
        self.description[row] = self._numbers[description]
        instruction = self.instructions.get(description.state_id)
        self.labelled[row] = instruction is not None
        self.teacher[row] = 0 if instruction is None else self.task.teacher_policy(instruction, observation)

    @staticmethod
    def _write(observation: Any, arrays: Mapping[str, np.ndarray], row: int) -> None:
        """Write one environment's observation into its row of the arrays."""
        for key, array in arrays.items():
            array[row] = observation[key] if isinstance(observation, Mapping) else observation

    def state(self) -> dict[str, np.ndarray]:
        """Each running episode as its layout and its actions so far, which is exact where environments are.

        layout uint32[rows], tried int64[rows], lengths int32[rows], actions int32[rows, longest] (0 beyond the
        length), descriptions uint8[bytes] (JSON: list of pairs of what is seen and what is held).
        """
        lengths = np.array([len(actions) for actions in self._actions], np.int32)
        actions = np.zeros((self.rows, lengths.max()), np.int32)
        for row, taken in enumerate(self._actions):
            actions[row, : len(taken)] = taken
        words = json.dumps([[d.sees, d.holds] for d in self.descriptions]).encode()
        return {
            "layout": self._layout.copy(),
            "tried": self._tried.copy(),
            "lengths": lengths,
            "actions": actions,
            "descriptions": np.frombuffer(words, np.uint8).copy(),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replay the running episodes of a batch of the same task, size, seed, split and instructions.

        Raises ValueError if the sizes differ.
        """
        if len(state["layout"]) != self.rows:
            raise ValueError(f"{self.rows} environments, but the state has {len(state['layout'])}")
        words = json.loads(np.asarray(state["descriptions"], np.uint8).tobytes())
        self.descriptions[:] = [Description(tuple(sees), holds) for sees, holds in words]
        self._numbers = {description: number for number, description in enumerate(self.descriptions)}
        self._tried = np.array(state["tried"], np.int64)
        for row in range(self.rows):
            observation = self._start(row, int(state["layout"][row]))
            for action in state["actions"][row, : state["lengths"][row]]:
                observation, reward, *_ = self._envs[row].step(int(action))
                self._return[row] += float(reward)
                self._actions[row].append(int(action))
            self._show(row, observation)
