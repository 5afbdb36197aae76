"""Some of a batch's reference environments, which advance one after the other in one process.

A group fills its rows of the batch's arrays and says which descriptions are new to it. It knows nothing of other
groups, so a batch may keep its groups in processes of their own (`group_processes`).
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.instructions import Description, Option, SoftInstruction
from pipeline.tasks.base import Finished, Task, TaskFault
from pipeline.tasks.spaces import by_key
from pipeline.tasks.splits import Split

LONGEST_SEARCH = 100_000
"""Candidates tried for a layout of the split before giving up."""


@dataclass(frozen=True)
class Arrays:
    """What a batch is given and what it shows, an entry per row; see `Batch`.

    actions      int64[rows], or float32[rows, size]
    description  int32[rows]: numbers of the group that fills them
    """

    actions: np.ndarray
    observation: dict[str, np.ndarray]
    description: np.ndarray
    teacher: np.ndarray
    labelled: np.ndarray
    finished: Finished

    @classmethod
    def zeros(cls, task: Task, rows: int, shared: bool = False) -> Arrays:
        """Arrays for so many rows of a task; `shared`: with processes that are forked from now on.

        Raises TaskFault for an observation that is no array.
        """

        def zeros(shape: tuple[int, ...], kind: Any) -> np.ndarray:
            if not shared:
                return np.zeros((rows, *shape), kind)
            size = rows * math.prod(shape) * np.dtype(kind).itemsize
            return np.frombuffer(mmap.mmap(-1, max(size, 1)), kind, rows * math.prod(shape)).reshape(rows, *shape)

        parts = task.observation_space.spaces
        for key, part in parts.items():
            if part.shape is None or part.dtype is None:
                raise TaskFault(f"{task.name}: the observation {key!r} is no array: {part}")
        observed = [(key, tuple(part.shape or ()), part.dtype) for key, part in parts.items()]
        return cls(
            actions=zeros((), np.int64) if task.space.kind == "discrete" else zeros((task.space.size,), np.float32),
            observation={key: zeros(shape, kind) for key, shape, kind in observed},
            description=zeros((), np.int32),
            teacher=zeros(task.space.teacher_shape, np.float32),
            labelled=zeros((), np.bool_),
            finished=Finished(
                reward=zeros((), np.float32),
                terminated=zeros((), np.bool_),
                truncated=zeros((), np.bool_),
                success=zeros((), np.bool_),
                episode_return=zeros((), np.float32),
                episode_length=zeros((), np.int32),
                last_observation={key: zeros(shape, kind) for key, shape, kind in observed},
            ),
        )

    def rows(self, first: int, last: int) -> Arrays:
        """Views of the rows from `first` to before `last`."""
        part = slice(first, last)
        outcomes: dict[str, Any] = {
            name: {key: array[part] for key, array in value.items()} if isinstance(value, dict) else value[part]
            for name, value in vars(self.finished).items()
        }
        return Arrays(
            self.actions[part],
            {key: array[part] for key, array in self.observation.items()},
            self.description[part],
            self.teacher[part],
            self.labelled[part],
            Finished(**outcomes),
        )


@dataclass(frozen=True)
class Streams:
    """Which layouts the environments of a batch draw.

    Environment i takes the candidates base + i, base + i + environments, ... modulo 2**32, and passes over those whose
    layout is not in the split.
    """

    task: Task
    environments: int
    base: int
    split: Split | None

    def next_seed(self, environment: int, tried: int) -> tuple[int, int]:
        """The seed of a stream's next layout after so many candidates, and how many have been tried then.

        Raises TaskFault where LONGEST_SEARCH candidates hold none.
        """
        for number in range(tried, tried + LONGEST_SEARCH):
            seed = (self.base + environment + number * self.environments) % self.task.seeds
            if self.split is None or self.task.split(seed) == self.split:
                return seed, number + 1
        raise TaskFault(f"{self.task.name}: no {self.split} layout among {LONGEST_SEARCH} seeds")


@dataclass
class Episode:
    """An environment and its running episode.

    tried         candidates taken from its stream so far
    layout        the episode's seed
    actions       all so far, each [agents, ...]
    returns       float64[agents], so far
    observations  the present one of each agent, as the environment gave it
    """

    env: LoneEnvironment | AgentsEnvironment
    tried: int = 0
    layout: int = 0
    actions: list[np.ndarray] = field(default_factory=list)
    returns: np.ndarray = field(default_factory=lambda: np.zeros(0))
    observations: list[Any] = field(default_factory=list)


class EnvironmentGroup:
    """The environments from `first` on, as many as the arrays have rows for."""

    def __init__(
        self, streams: Streams, instructions: Mapping[str, SoftInstruction], arrays: Arrays, first: int
    ) -> None:
        task = streams.task
        self._task, self._streams, self._instructions, self._arrays = task, streams, instructions, arrays
        self._first = first
        self._numbers: dict[Description, int] = {}
        self._episodes = [Episode(reference_environment(task)) for _ in range(len(arrays.labelled) // task.agents)]

    def reset(self, seeds: Sequence[int] | None) -> list[Description]:
        """Start every environment anew, on given layouts or those of its stream; returns the new descriptions."""
        new: list[Description] = []
        for number, episode in enumerate(self._episodes):
            episode.tried = 0
            self._start(number, episode, None if seeds is None else seeds[number])
            self._show(number, episode, new)
        return new

    def step(self) -> list[Description]:
        """Advance every environment by the actions in the arrays; returns the new descriptions."""
        agents, finished = self._task.agents, self._arrays.finished
        new: list[Description] = []
        for number, episode in enumerate(self._episodes):
            rows = slice(number * agents, (number + 1) * agents)
            actions = self._arrays.actions[rows].copy()
            episode.actions.append(actions)
            observations, rewards, terminated, truncated, success = episode.env.step(actions)
            episode.returns += rewards
            finished.reward[rows] = rewards
            finished.terminated[rows] = terminated
            finished.truncated[rows] = truncated
            finished.success[rows] = success
            finished.episode_return[rows] = episode.returns
            finished.episode_length[rows] = len(episode.actions)
            if terminated or truncated:
                for row, observation in enumerate(observations, rows.start):
                    _write(observation, finished.last_observation, row)
                self._start(number, episode, None)
            else:
                episode.observations = observations
            self._show(number, episode, new)
        return new

    def follow(self, options: Sequence[Option]) -> np.ndarray:
        """float32[rows, options, *teacher_shape]: see `Batch.option_policies`."""
        task = self._task
        policies = np.zeros((len(self._arrays.labelled), len(options), *task.space.teacher_shape), np.float32)
        row = 0
        for episode in self._episodes:
            for observation in episode.observations:
                for k, option in enumerate(options):
                    policies[row, k] = task.option_policy(task.follow(option, observation))
                row += 1
        return policies

    def state(self) -> list[tuple[int, int, list[np.ndarray]]]:
        """Of each running episode: its layout, the candidates tried, and all actions so far."""
        return [(episode.layout, episode.tried, episode.actions) for episode in self._episodes]

    def load_state(self, state: Sequence[tuple[int, int, Sequence[np.ndarray]]]) -> list[Description]:
        """Replay running episodes; returns all descriptions that are shown then, as if none had been met before."""
        self._numbers.clear()
        new: list[Description] = []
        for number, (episode, (layout, tried, actions)) in enumerate(zip(self._episodes, state, strict=True)):
            self._start(number, episode, layout)
            for taken in actions:
                episode.observations, rewards, *_ = episode.env.step(taken)
                episode.returns += rewards
                episode.actions.append(taken)
            episode.tried = tried
            self._show(number, episode, new)
        return new

    def _start(self, number: int, episode: Episode, seed: int | None) -> None:
        """Begin an episode on a layout, or on the next one of the environment's stream."""
        if seed is None:
            seed, episode.tried = self._streams.next_seed(self._first + number, episode.tried)
        episode.layout, episode.actions, episode.returns = seed, [], np.zeros(self._task.agents)
        episode.observations = episode.env.reset(seed)

    def _show(self, number: int, episode: Episode, new: list[Description]) -> None:
        """Write what each agent observes, its description and the teacher's policy into the arrays."""
        arrays = self._arrays
        for row, observation in enumerate(episode.observations, number * self._task.agents):
            _write(observation, arrays.observation, row)
            description = self._task.describe(observation)
            if description not in self._numbers:
                self._numbers[description] = len(self._numbers)
                new.append(description)
            arrays.description[row] = self._numbers[description]
            instruction = self._instructions.get(description.state_id)
            arrays.labelled[row] = instruction is not None
            arrays.teacher[row] = 0 if instruction is None else self._task.teacher_policy(instruction, observation)


def _write(observation: Any, arrays: Mapping[str, np.ndarray], row: int) -> None:
    """Write one agent's observation into its row of the arrays."""
    observed = by_key(observation)
    for key, array in arrays.items():
        array[row] = observed[key]


Step = tuple[list[Any], list[float], bool, bool, bool]
"""Observations and rewards of all agents; whether the episode terminated, was truncated, succeeded."""


def reference_environment(task: Task) -> LoneEnvironment | AgentsEnvironment:
    """A new reference environment of a task, as one with a list of agents."""
    return AgentsEnvironment(task) if task.agents > 1 else LoneEnvironment(task)


class LoneEnvironment:
    """An environment with gymnasium's API as one with a list of agents."""

    def __init__(self, task: Task) -> None:
        self._env, self._space = task.make_env(), task.space

    def reset(self, seed: int) -> list[Any]:
        return [self._env.reset(seed=seed)[0]]

    def step(self, actions: np.ndarray) -> Step:
        observation, reward, terminated, truncated, info = self._env.step(self._space.action(actions[0]))
        done = bool(terminated or truncated)
        success = done and bool(info.get("success", terminated and reward > 0))
        return [observation], [float(reward)], bool(terminated), bool(truncated), success


class AgentsEnvironment:
    """An environment with the API of PettingZoo's `ParallelEnv` as one with a list of agents."""

    def __init__(self, task: Task) -> None:
        self._task, self._env = task, task.make_env()
        self._agents = list(self._env.possible_agents)
        if len(self._agents) != task.agents:
            raise TaskFault(f"{task.name}: Task.agents is {task.agents}; the environment has {self._agents}")

    def reset(self, seed: int) -> list[Any]:
        observations = self._env.reset(seed=seed)[0]
        return [observations[agent] for agent in self._agents]

    def step(self, actions: np.ndarray) -> Step:
        given = {agent: self._task.space.action(one) for agent, one in zip(self._agents, actions, strict=True)}
        observations, rewards, terminations, truncations, infos = self._env.step(given)
        ended = [agent for agent in self._agents if terminations[agent] or truncations[agent]]
        if 0 < len(ended) < len(self._agents):
            raise TaskFault(f"{self._task.name}: all agents end together; only {', '.join(map(str, ended))} ended")
        terminated = any(terminations[agent] for agent in ended)
        gained = [float(rewards[agent]) for agent in self._agents]
        said = [bool(infos[agent]["success"]) for agent in self._agents if "success" in infos.get(agent, {})]
        success = bool(ended) and (any(said) if said else terminated and sum(gained) > 0)
        shown = [observations[agent] for agent in self._agents]
        return shown, gained, terminated, bool(ended) and any(truncations[a] for a in ended), success
