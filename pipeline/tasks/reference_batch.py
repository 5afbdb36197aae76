"""A batch of reference environments in plain Python: slow, and right by construction.

It serves any task: a user's own trains on it unless it brings something faster, and a task that does is compared with
it step by step. Where one step of an environment takes long, it uses all cores, with the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.instructions import Description, Option, SoftInstruction
from pipeline.tasks.base import Batch, Finished, Task
from pipeline.tasks.environment_group import Arrays, EnvironmentGroup, Streams
from pipeline.tasks.group_processes import Groups, GroupsHere, GroupsInProcesses
from pipeline.tasks.pace import processes_for
from pipeline.tasks.splits import Split, mix64


class ReferenceTask(Task):
    """A task whose batches are its reference environments."""

    def make_batch(
        self,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> Batch:
        """See `Task.make_batch`."""
        return ReferenceBatch(self, size, seed, instructions, split)


class ReferenceBatch(Batch):
    """`size` reference environments of a task; see `Batch`, and `environment_group.Streams` for their layouts.

    The streams' `base` is the low half of splitmix64 of the seed. A dictionary observation keeps its keys, any other
    becomes `{"observation": ...}`.
    """

    def __init__(
        self,
        task: Task,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
        processes: int | None = None,
    ) -> None:
        """processes: how many step the environments; None: as `pace.processes_for` has it."""
        if size < 1:
            raise ValueError(f"a batch has at least one environment, got {size}")
        self.task, self.environments, self.agents = task, size, task.agents
        streams, labels = Streams(task, size, mix64(seed) % task.seeds, split), dict(instructions or {})
        self.processes = min(processes_for(task, labels) if processes is None and size > 1 else processes or 1, size)
        self._arrays = Arrays.zeros(task, self.rows, shared=self.processes > 1)
        self.observation = self._arrays.observation
        self.teacher, self.labelled = self._arrays.teacher, self._arrays.labelled
        self.description = np.zeros(self.rows, np.int32)
        self.descriptions: list[Description] = []
        self._numbers: dict[Description, int] = {}
        bounds = [size * part // self.processes for part in range(self.processes + 1)]
        self._groups_of = list(pairwise(bounds))  # first environment of each group, and the one after its last
        makers = [
            partial(EnvironmentGroup, streams, labels, self._arrays.rows(*self._rows(*group)), group[0])
            for group in self._groups_of
        ]
        self._groups: Groups = GroupsInProcesses(makers, task.name) if self.processes > 1 else GroupsHere(makers)
        self._known: list[list[int]] = [[] for _ in makers]
        self.reset()

    def _rows(self, first: int, last: int) -> tuple[int, int]:
        """The rows of the environments from `first` to before `last`."""
        return first * self.agents, last * self.agents

    def _call(self, method: str, arguments: Sequence[tuple[Any, ...]] | None = None) -> None:
        """Have all groups change their environments, and number the descriptions that they show then.

        Descriptions are numbered in the order of rows in which they are first met, whatever the groups.
        """
        found = self._groups.call(method, arguments or [()] * len(self._groups_of))
        for group, new, known in zip(self._groups_of, found, self._known, strict=True):
            for description in new:
                known.append(self._numbers.setdefault(description, len(self.descriptions)))
                if known[-1] == len(self.descriptions):
                    self.descriptions.append(description)
            rows = slice(*self._rows(*group))
            self.description[rows] = np.array(known, np.int32)[self._arrays.description[rows]]

    def reset(self, seeds: np.ndarray | None = None) -> None:
        """Start every environment anew, on the first layouts of its stream.

        `seeds` (uint32[environments]) fixes each one's first layout, whatever its split; the streams start after it.
        """
        if seeds is not None and len(seeds) != self.environments:
            raise ValueError(f"{self.environments} environments, but {len(seeds)} seeds")
        layouts = None if seeds is None else [int(seed) for seed in seeds]
        self._call("reset", [(layouts and layouts[first:last],) for first, last in self._groups_of])

    def step(self, actions: np.ndarray) -> Finished:
        """Advance every environment by one action of each agent: integers [rows], or floats [rows, size]."""
        if len(actions) != self.rows:
            raise ValueError(f"{self.rows} rows, but {len(actions)} actions")
        self._arrays.actions[:] = actions
        self._call("step")
        return self._arrays.finished

    def option_policies(self, options: Sequence[Option]) -> Callable[[], np.ndarray]:
        """See `Batch.option_policies`: `Task.follow`, row by row and option by option."""
        wanted = [(tuple(options),)] * len(self._groups_of)
        return lambda: np.concatenate(self._groups.call("follow", wanted))

    def state(self) -> dict[str, np.ndarray]:
        """Each running episode as its layout and its actions so far, which is exact where environments are.

        layout uint32[environments], tried int64[environments], lengths int32[environments], actions
        [environments, longest, agents, ...] (0 beyond the length), descriptions uint8[bytes] (JSON: list of pairs of
        what is seen and what is held).
        """
        parts = self._groups.call("state", [()] * len(self._groups_of))
        layouts, tried, taken = zip(*(episode for part in parts for episode in part), strict=True)
        lengths = np.array([len(actions) for actions in taken], np.int32)
        given = self._arrays.actions
        actions = np.zeros((self.environments, lengths.max(), self.agents, *given.shape[1:]), given.dtype)
        for environment, its in enumerate(taken):
            for number, one in enumerate(its):
                actions[environment, number] = one
        words = json.dumps([[d.sees, d.holds] for d in self.descriptions]).encode()
        return {
            "layout": np.array(layouts, np.uint32),
            "tried": np.array(tried, np.int64),
            "lengths": lengths,
            "actions": actions,
            "descriptions": np.frombuffer(words, np.uint8).copy(),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replay the running episodes of a batch of the same task, size, seed, split and instructions.

        Raises ValueError if the sizes differ.
        """
        if len(state["layout"]) != self.environments:
            raise ValueError(f"{self.environments} environments, but the state has {len(state['layout'])}")
        words = json.loads(np.asarray(state["descriptions"], np.uint8).tobytes())
        self.descriptions[:] = [Description(tuple(sees), holds) for sees, holds in words]
        self._numbers = {description: number for number, description in enumerate(self.descriptions)}
        self._known = [[] for _ in self._groups_of]  # groups number theirs anew
        episodes = [
            (int(layout), int(tried), list(actions[:length]))
            for layout, tried, actions, length in zip(
                state["layout"], state["tried"], state["actions"], state["lengths"], strict=True
            )
        ]
        self._call("load_state", [(episodes[first:last],) for first, last in self._groups_of])
