"""A student that writes down what it is given, and a task so simple that all of it can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan, PlanShare, SoftInstruction
from pipeline.student.policies import Categorical
from pipeline.student.student import LOSSES, Student
from pipeline.tasks.base import OptionStep, Task
from pipeline.tasks.reference_batch import ReferenceBatch
from pipeline.tasks.spaces import Space


class Clock(Task):
    """Episodes of `3 + seed % 4` steps, whatever is done; those of six are cut off there. Action k gives a reward of k.

    An observation is the steps since the episode began and the layout's seed; the last action decides on success.
    """

    name, suite, horizon, idle, space = "Clock", "tests", 9, 0, Space("discrete", 3, ("a", "b", "c"))
    grammar = Grammar((OptionSpec("follow"),), ())

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def make_env(self, render_mode: str | None = None) -> Any:  # noqa: ARG002
        env = SimpleNamespace(observation_space=spaces.Box(0, 2**32, (2,), np.int64))

        def reset(seed: int) -> Any:
            env.seen = np.array([0, seed], np.int64)
            return env.seen, {}

        def step(action: int) -> Any:
            env.seen = env.seen + np.array([1, 0])
            ended, cut_off = env.seen[0] == length_of(env.seen[1]), is_cut_off(env.seen[1])
            return env.seen, float(action), ended and not cut_off, ended and cut_off, {"success": ended and action == 2}

        env.reset, env.step = reset, step
        return env

    def describe(self, observation: np.ndarray) -> Description:
        return Description((f"time {observation[0]}",))

    def follow(self, option: Option, observation: np.ndarray) -> OptionStep:  # noqa: ARG002
        return OptionStep(int(observation[0] + observation[1]) % 3, False)

    def layout_code(self, seed: int) -> int:
        return seed

    def make_batch(self, *arguments: Any) -> ReferenceBatch:
        self.asked.append(arguments)
        return ReferenceBatch(self, *arguments)


def length_of(layout: np.ndarray) -> np.ndarray:
    """Steps of an episode on these layouts (seeds)."""
    return 3 + layout % 4


def is_cut_off(layout: np.ndarray) -> np.ndarray:
    """Whether an episode on these layouts is truncated and not terminated."""
    return layout % 4 == 3


def labels_at(*times: int) -> dict[str, SoftInstruction]:
    """Labels for those steps of an episode: to follow with a probability of 0.75, and no usable answer otherwise."""
    described = [Description((f"time {time}",)) for time in times]
    share = PlanShare(Plan((Option("follow"),)), 0.75, "follow")
    return {d.state_id: SoftInstruction(d, (share,), 0.25) for d in described}


class Recorder(Student):
    """Keeps copies of what `update` is given. It draws its actions evenly.

    Features are the observation, and how many observations of the episode were taken into the memory.
    The log-probability is the uniform that the action was drawn by. The value is 1 + half the time in steps, by equal
    parts of what is seen and what is remembered.
    """

    parameters = 0
    policy = Categorical(3)

    def __init__(self, rng: np.random.Generator | None = None) -> None:
        self.first = rng.random() if rng else 0.0
        self.updates: list[SimpleNamespace] = []

    def features(self, rows: int) -> dict[str, np.ndarray]:
        return {"seen": np.zeros((rows, 2), np.int64), "remembered": np.zeros(rows, np.int64)}

    def memory(self, rows: int) -> dict[str, np.ndarray]:
        return {"observations": np.zeros(rows, np.int64)}

    def encode(self, observation: Any, features: Any, memory: Any = None) -> None:
        features["seen"][:] = observation["observation"]
        if memory:
            memory["observations"] += 1
            features["remembered"][:] = memory["observations"]

    def act(
        self, features: Any, uniforms: Any, actions: np.ndarray, log_probs: np.ndarray, values: np.ndarray, *_: Any
    ) -> None:
        if uniforms is not None:
            actions[:] = uniforms * 3
            log_probs[:] = uniforms
        values[:] = 1 + (features["seen"][:, 0] + features["remembered"] - 1) / 4

    def update(self, rollout: Any, orders: np.ndarray, settings: Any, reduce: Any = None) -> dict[str, float]:  # noqa: ARG002
        columns = {
            name: value.copy() if isinstance(value, np.ndarray) else value for name, value in vars(rollout).items()
        }
        columns["features"] = {name: value.copy() for name, value in rollout.features.items()}
        self.updates.append(
            SimpleNamespace(rollout=replace(rollout, **columns), orders=orders.copy(), settings=settings)
        )
        return dict.fromkeys(LOSSES, 0.0)

    def weights(self) -> dict[str, np.ndarray]:
        return {}

    def load_weights(self, weights: Any) -> None:
        pass

    def optimiser(self) -> dict[str, np.ndarray]:
        return {}

    def load_optimiser(self, state: Any) -> None:
        pass
