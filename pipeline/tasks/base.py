"""What a task is to the rest of the pipeline.

A task gives a reference environment (slow, trusted), a description of each state, options with their policies, and a
batch of environments that advance together. The teacher, the learner and every stage speak to tasks through these
types alone, so a task of a user's own is one small module and an entry point (see `registry`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Grammar, Option, Plan, SoftInstruction
from pipeline.tasks.outlook import Outlook
from pipeline.tasks.spaces import Space, keyed
from pipeline.tasks.splits import Split, distinct_layouts, split_of

NO_ACTION = -1
"""What an option does where it can't start or go on, or has terminated."""


class TaskFault(ValueError):
    """A task that is not what it says it is; the message has a line for each fault."""


@dataclass(frozen=True)
class OptionStep:
    """What an option's policy does in a state: one action (or idling), or that it has terminated there.

    action  an action of the task's space, for continuous ones the mean, [size]; None if the option has terminated or
            can't go on
    done    True if the option has terminated in this state, so that the plan's next option acts
    std     of a continuous action, above 0: a number or [size]; None: a twentieth of what lies between the bounds
    """

    action: Any | None
    done: bool
    std: Any | None = None


@dataclass(frozen=True)
class Finished:
    """The outcome of one step of a batch; arrays have one entry per row and are valid until the next step.

    reward      float32[rows]
    terminated  bool[rows]   the task ended (success or failure)
    truncated   bool[rows]   the horizon was reached
    success     bool[rows]   the episode that ended in this step reached the goal
    episode_return, episode_length  float32[rows], int32[rows]: of episodes that ended in this step, else of the
                current episode so far, before the automatic reset
    last_observation  one array per key, each [rows, ...]: what was observed at the end of the episodes that ended in
                this step, which the batch's own observation no longer shows; of no meaning in other rows
    """

    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    success: np.ndarray
    episode_return: np.ndarray
    episode_length: np.ndarray
    last_observation: dict[str, np.ndarray]

    @property
    def done(self) -> np.ndarray:  # bool[rows]
        return self.terminated | self.truncated


class Batch(ABC):
    """N environments of one task that advance in one call, and reset themselves when an episode ends.

    There is a row for each agent of each environment: row = environment * agents + agent. All agents of an environment
    end together.

    environments  how many
    agents        in each of them
    observation   one array per key, each [rows, ...]; reused by the next step, so copy what must last
    description   int32[rows]: index into `descriptions`
    descriptions  every description met or possible so far; only grows
    teacher       float32[rows, *space.teacher_shape]: the teacher policy of Eq. 1 in the current states
    labelled      bool[rows]: False where the description has no label; `teacher` is zero there
    """

    environments: int
    agents: int = 1
    observation: dict[str, np.ndarray]
    description: np.ndarray
    descriptions: Sequence[Description]
    teacher: np.ndarray
    labelled: np.ndarray

    @property
    def rows(self) -> int:
        """Agents in all."""
        return self.environments * self.agents

    @cached_property
    def environment(self) -> np.ndarray:
        """int32[rows]: which environment a row belongs to."""
        return np.repeat(np.arange(self.environments, dtype=np.int32), self.agents)

    @cached_property
    def agent(self) -> np.ndarray:
        """int32[rows]: which of its environment's agents a row is."""
        return np.tile(np.arange(self.agents, dtype=np.int32), self.environments)

    @abstractmethod
    def reset(self, seeds: np.ndarray | None = None) -> None:
        """Start every environment anew; `seeds` (uint32[environments]) fixes each one's first layout."""

    @abstractmethod
    def step(self, actions: np.ndarray) -> Finished:
        """Advance all rows by one action each: integers [rows], or floats [rows, size]."""

    def option_policies(self, options: Sequence[Option]) -> Callable[[], np.ndarray]:
        """Make ready to follow options; their objects are named as in each state's description.

        Returns a function that gives float32[rows, options, *space.teacher_shape]: each option's own policy in the
        present states, zero where the option can't start or go on, or has terminated. The array is reused by its
        next call. Raises NotImplementedError for a batch whose options can't be followed one by one.
        """
        raise NotImplementedError(f"{type(self).__name__} can't follow options one by one")

    def option_actions(self, options: Sequence[Option]) -> Callable[[np.ndarray], np.ndarray]:
        """Make ready to follow one option per row, for discrete actions.

        Returns a function of each row's option, by its number (int64[rows]), that gives int64[rows]: the action, or
        NO_ACTION where the option can't start or go on, or has terminated. Raises NotImplementedError as above.
        """
        follow = self.option_policies(options)

        def act(chosen: np.ndarray) -> np.ndarray:
            policies = follow()[np.arange(self.rows), chosen]
            return np.where(policies.any(-1), policies.argmax(-1), NO_ACTION)

        return act

    def outlooks(self) -> Callable[[], Outlook]:
        """Make ready to look ahead on the layouts of the present episodes.

        Returns a function that gives the Outlook of the present states, for as long as these episodes last. Raises
        NotImplementedError for a batch that doesn't know the shortest ways to success.
        """
        raise NotImplementedError(f"{type(self).__name__} doesn't know the shortest ways to success")

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """Everything that decides the future, as plain arrays, for a checkpoint."""

    @abstractmethod
    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue exactly where `state` was taken."""


@dataclass(frozen=True)
class TaskPrompt:
    """What a teacher is told about a task: the rules, the options it may use, and one worked example (paper 4.1.1)."""

    rules: str
    example_state: str
    example_summary: str
    example_reasoning: str
    example_plan: str


class Task(ABC):
    """One task that a student can learn and a teacher can explain."""

    name: str
    suite: str
    horizon: int
    space: Space
    grammar: Grammar
    prompt: TaskPrompt
    agents: int = 1
    seeds: int = 1 << 32
    """Batches draw their layouts from the seeds below this."""
    idle: Any = None
    """The action that stands for doing nothing: taken where a plan is exhausted or can't go on."""
    held_out: str = "other layouts than in training"
    """What the layouts of the validation and test splits are, in words, for `llm4teach tasks`."""

    legend: str = ""
    """What a person who plays needs to know: the signs of `sketch`, and what the actions do."""

    @cached_property
    def observation_space(self) -> spaces.Dict:
        """What one agent observes, an array by each key; `state`, if it is there, is for a critic alone.

        That of `make_env()`, unless a task says it without making one; a space that is no Dict becomes
        `{"observation": space}`.
        """
        env = self.make_env()
        return keyed(env.observation_space if self.agents == 1 else env.observation_space(env.possible_agents[0]))

    @abstractmethod
    def make_env(self, render_mode: str | None = None) -> Any:
        """One reference environment; `reset(seed=...)` fixes the layout.

        It has gymnasium's API, or for several agents that of PettingZoo's `ParallelEnv`: `possible_agents` lists them,
        `observation_space(agent)` says what each observes, and `reset` and `step` take and give dictionaries by agent.
        All agents end together. `info` may hold `success`; else an episode succeeds that terminates with a reward.
        """

    @abstractmethod
    def describe(self, observation: Any) -> Description:
        """The canonical description of what one agent of a reference environment observes."""

    @abstractmethod
    def follow(self, option: Option, observation: Any) -> OptionStep:
        """One step of an option's policy; its objects are named as in `describe(observation)`."""

    def scripted_plan(self, description: Description) -> Plan:
        """The plan of a written-down rule of the task's own, for the provider `scripted`.

        Raises NotImplementedError for a task that has none.
        """
        raise NotImplementedError(f"{self.name} has no rule of its own")

    @abstractmethod
    def layout_code(self, seed: int) -> int:
        """A non-negative 63-bit number that is equal for two seeds exactly if their layouts are."""

    def world_code(self, seed: int) -> int:
        """A non-negative 63-bit number that is equal for two seeds exactly if their layouts share their world.

        A world is what an agent could recognise from training: a layout without where the agent starts. All layouts
        of a world are in one split. For a task that doesn't say otherwise, each layout is a world of its own.
        """
        return self.layout_code(seed)

    def split(self, seed: int) -> Split:
        """Which split the seed's layout is in."""
        return split_of(self.world_code(seed))

    def splits(self, seeds: np.ndarray) -> list[Split]:
        """Which split each seed's layout is in; seeds uint32[count]."""
        return [self.split(int(seed)) for seed in seeds]

    @abstractmethod
    def make_batch(
        self,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> Batch:
        """`size` environments on layouts of one split (None: all layouts), labelled by `instructions` (by state_id).

        The same seed gives the same sequence of layouts. Without instructions every row is unlabelled.
        """

    def sketch(self, observation: Any) -> str:
        """An observation as a person reads it in a terminal: its description, unless a task draws something better."""
        return self.describe(observation).sentence

    def option_policy(self, step: OptionStep) -> np.ndarray:
        """An option's own policy, float64[*space.teacher_shape]; zero where it has terminated or can't go on."""
        policy = np.zeros(self.space.teacher_shape)
        if step.done or step.action is None:
            return policy
        if self.space.kind == "discrete":
            policy[step.action] = 1
        else:
            policy[0] = step.action
            policy[1] = (self.space.high - self.space.low) / 20 if step.std is None else step.std
        return policy

    def plan_policy(self, plan: Plan, observation: Any) -> np.ndarray:
        """pi_k of Eq. 1, float64[*space.teacher_shape]: that of the plan's first option that has not terminated here.

        Where all have terminated, or that one can't go on, the agent idles. Raises ValueError for a task without an
        idle action.
        """
        for option in plan.options:
            step = self.follow(option, observation)
            if not step.done:
                return self.option_policy(self._idle_step if step.action is None else step)
        return self.option_policy(self._idle_step)

    @property
    def _idle_step(self) -> OptionStep:
        if self.idle is None:
            raise ValueError(f"{self.name}: Task.idle is None; wanted the action that stands for doing nothing")
        return OptionStep(self.idle, False)

    def teacher_policy(self, instruction: SoftInstruction, observation: Any) -> np.ndarray:
        """Eq. 1, float64[*space.teacher_shape]. The residual mass idles, as an unusable answer would.

        Discrete: the probabilities of the actions. Continuous: Eq. 1 is a mixture of Gaussians, sum_k p_k
        N(mu_k, sigma_k); the row holds its Wasserstein barycentre, the mean sum_k p_k mu_k and the deviation
        sum_k p_k sigma_k, since sum_k p_k W2^2(student, N(mu_k, sigma_k)) is W2^2(student, barycentre) and a constant.
        Raises ValueError for a task without an idle action.
        """
        idle = self.option_policy(self._idle_step)
        policy = np.zeros(self.space.teacher_shape)
        for share in instruction.shares:
            policy += share.prob * self.plan_policy(share.plan, observation)
        return policy + instruction.residual * idle

    def layout_seeds(self, split: Split, count: int, start: int = 0) -> np.ndarray:
        """The first `count` seeds from `start` on whose layouts are in `split` and all different; uint32[count].

        Raises ValueError if 200 x count seeds hold too few such layouts.
        """
        seeds = range(start, start + 200 * count)
        return distinct_layouts(((seed, self.layout_code(seed), self.world_code(seed)) for seed in seeds), split, count)
