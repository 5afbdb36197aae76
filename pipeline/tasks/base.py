"""What a task is to the rest of the pipeline, and where tasks are found by name.

A task gives a reference environment (slow, trusted), a description of each state, options with their policies, and a
batch of environments that advance together. The teacher, the learner and every stage speak to tasks through this
file alone, so a task of a user's own is one small module and an entry point in the group `llm4teach.tasks`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import numpy as np

from pipeline.instructions import Description, Grammar, Option, Plan, SoftInstruction
from pipeline.tasks.outlook import Outlook

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class UnknownTask(ValueError):
    """A task name that is not registered; the message lists those that are."""


class BrokenTask(ValueError):
    """An entry point that gives no usable task; the message names it, its package and what is wrong."""


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


@dataclass(frozen=True)
class OptionStep:
    """What an option's policy does in a state: one action (or idling), or that it has terminated there.

    action  an action of the task's space; None if the option has terminated or can't go on
    done    True if the option has terminated in this state, so that the plan's next option acts
    """

    action: Any | None
    done: bool


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

    rows          number of agents in all (environments x agents per environment)
    observation   one array per key, each [rows, ...]; reused by the next step, so copy what must last
    description   int32[rows]: index into `descriptions`
    descriptions  every description met or possible so far; only grows
    teacher       float32[rows, *space.teacher_shape]: the teacher policy of Eq. 1 in the current states
    labelled      bool[rows]: False where the description has no label; `teacher` is zero there
    """

    rows: int
    observation: dict[str, np.ndarray]
    description: np.ndarray
    descriptions: Sequence[Description]
    teacher: np.ndarray
    labelled: np.ndarray

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
    idle: Any = None
    """The action that stands for doing nothing: taken where a plan is exhausted or can't go on."""
    cell_kinds: np.ndarray | None = None
    """For tasks whose observation is a MiniGrid map: uint8[11 objects, 6 colours], which kind of cell each is to the
    egocentric student (1..5, or 0 for nothing)."""
    held_out: str = "other layouts than in training"
    """What the layouts of the validation and test splits are, in words, for `llm4teach tasks`."""

    legend: str = ""
    """What a person who plays needs to know: the signs of `sketch`, and what the actions do."""

    @abstractmethod
    def make_env(self, render_mode: str | None = None) -> Any:
        """One reference environment (gymnasium API; `reset(seed=...)` fixes the layout)."""

    @abstractmethod
    def describe(self, observation: Any) -> Description:
        """The canonical description of a reference environment's observation."""

    @abstractmethod
    def follow(self, option: Option, observation: Any) -> OptionStep:
        """One step of an option's policy; its objects are named as in `describe(observation)`."""

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

    def follow_plan(self, plan: Plan, observation: Any) -> Any:
        """pi_k of Eq. 1: the action of the plan's first option that has not terminated in this state."""
        for option in plan.options:
            step = self.follow(option, observation)
            if not step.done:
                return self.idle if step.action is None else step.action
        return self.idle

    def teacher_policy(self, instruction: SoftInstruction, observation: Any) -> np.ndarray:
        """Eq. 1 for a discrete task: probabilities [size]. The residual mass idles, as an unusable answer would.

        Raises NotImplementedError for continuous actions, ValueError for a task without an idle action.
        """
        if self.space.kind != "discrete":
            raise NotImplementedError(f"{self.name}: Eq. 1 for continuous actions is the task's own to define")
        if self.idle is None:
            raise ValueError(f"{self.name}: Task.idle is None; wanted the action that stands for doing nothing")
        policy = np.zeros(self.space.size)
        for share in instruction.shares:
            policy[self.follow_plan(share.plan, observation)] += share.prob
        policy[self.idle] += instruction.residual
        return policy

    def layout_seeds(self, split: Split, count: int, start: int = 0) -> np.ndarray:
        """The first `count` seeds from `start` on whose layouts are in `split` and all different; uint32[count].

        Raises ValueError if 200 x count seeds hold too few such layouts.
        """
        seeds = range(start, start + 200 * count)
        return distinct_layouts(((seed, self.layout_code(seed), self.world_code(seed)) for seed in seeds), split, count)


def distinct_layouts(candidates: Iterator[tuple[int, int, int]], split: Split, count: int) -> np.ndarray:
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


BUILT_IN: dict[str, str] = {
    "SimpleDoorKey": "pipeline.tasks.doorkey.task:simple",
    "LavaDoorKey": "pipeline.tasks.doorkey.task:lava",
    "ColoredDoorKey": "pipeline.tasks.doorkey.task:colored",
    "DivergedDoorKey": "pipeline.tasks.doorkey.task:diverged",
}
"""Tasks of this project: name -> `module:factory`. Others come from entry points."""
ENTRY_POINTS = "llm4teach.tasks"
"""The group in which installed packages name the factories of their tasks."""


def task_names() -> list[str]:
    """All registered names, the project's own first."""
    return [*BUILT_IN, *sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)} - BUILT_IN.keys())]


def get_task(name: str) -> Task:
    """The task of that name. Raises UnknownTask, naming those there are, or BrokenTask."""
    if name in BUILT_IN:
        module, _, factory = BUILT_IN[name].partition(":")
        make: Callable[[], Task] = getattr(import_module(module), factory)
        return make()
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == name:
            return _made_by(entry)
    raise UnknownTask(f"unknown task {name!r}; there are {', '.join(task_names())}")


def _made_by(entry: EntryPoint) -> Task:
    """The task that an entry point makes. Raises BrokenTask for whatever goes wrong in it."""
    try:
        task = entry.load()()
        if not isinstance(task, Task):
            raise TypeError(f"made {task!r}, which is no Task")
        for name in ("name", "suite", "horizon", "space", "grammar", "prompt"):
            getattr(task, name)
    except Exception as error:
        package = entry.dist.name if entry.dist else "unknown"
        why = " ".join(str(error).split())
        raise BrokenTask(
            f"task {entry.name!r} can't be made: its entry point {entry.value!r} (package {package}) fails with "
            f"{type(error).__name__}: {why}"
        ) from error
    return task
