"""Thousands of DoorKey worlds that advance in one compiled call, with observation, reward, description and teacher.

It is trusted because tests compare it step by step with the reference environments (`environment`, `options`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from pipeline.compiled import compiled
from pipeline.instructions import Option, SoftInstruction
from pipeline.tasks.base import Batch, Finished, Task
from pipeline.tasks.doorkey.guide import follow_all, teach
from pipeline.tasks.doorkey.programs import Canonical, compile_options, compile_programs, describe_ids
from pipeline.tasks.doorkey.shortest import ShortestWays
from pipeline.tasks.doorkey.vision import STEP, description_id, first_look, look, show, show_agent
from pipeline.tasks.doorkey.worlds import (
    KINDS,
    NOWHERE,
    OPEN_DOOR,
    OTHER_KEY,
    STARTS,
    WORLD,
    list_codes,
    next_layout,
)
from pipeline.tasks.minigrid_numbers import (
    ACTIONS,
    DOOR,
    DROP,
    EMPTY,
    FORWARD,
    KEY,
    LAVA,
    LEFT,
    NO_AGENT,
    PICK_UP,
    RIGHT,
    TOGGLE,
)
from pipeline.tasks.outlook import Outlook
from pipeline.tasks.splits import Split, distinct_layouts, mix64

SPLIT_NUMBERS: dict[Split | None, int] = {"train": 0, "validation": 1, "test": 2, None: -1}
BLOCK = 4096
"""Seeds whose layouts are listed in one call."""


@compiled
def _act(w, action):
    """One of MiniGrid's seven actions; returns 0, or 1 if a door opened, or 2 if the agent died."""
    here = w.agent
    front = here + STEP[w.direction]
    kind = w.cells[front]
    if action == LEFT:
        w.direction = (w.direction + 3) & 3
    elif action == RIGHT:
        w.direction = (w.direction + 1) & 3
    elif action == FORWARD:
        if kind == EMPTY or kind == LAVA:
            w.agent = front
            show(w, here)
            w.shown[here, 3] = NO_AGENT
            if kind == LAVA:
                return 2
    elif action == PICK_UP:
        if w.held == 0 and (kind == KEY or kind == OTHER_KEY):
            w.held = 1 if kind == KEY else 2
            w.place[w.held - 1] = NOWHERE
            w.cells[front] = EMPTY
            show(w, front)
    elif action == DROP:
        if w.held and kind == EMPTY:
            w.cells[front] = KEY if w.held == 1 else OTHER_KEY
            w.place[w.held - 1] = front
            w.held = 0
            show(w, front)
            show(w, here)
    elif action == TOGGLE and kind == DOOR and w.held == 1:
        w.cells[front] = OPEN_DOOR
        show(w, front)
        return 1
    return 0


@compiled
def _observe(w, i, descriptions, labelled, policies, steps, shares, counts):
    """Description and teacher of world i's present state."""
    number = description_id(w)
    descriptions[i] = number
    labelled[i] = teach(w, number, steps, shares, counts, policies, i)


@compiled
def _restart(worlds, kind, split, rng, pool, descriptions, labelled, policies, steps, shares, counts):
    """A new episode in every world."""
    for i in range(worlds.shape[0]):
        w = worlds[i]
        next_layout(w, kind, split, worlds.shape[0], rng, pool)
        first_look(w)
        _observe(w, i, descriptions, labelled, policies, steps, shares, counts)


@compiled
def _relabel(worlds, descriptions, labelled, policies, steps, shares, counts):
    """Description and teacher of every world."""
    for i in range(worlds.shape[0]):
        _observe(worlds[i], i, descriptions, labelled, policies, steps, shares, counts)


@compiled
def _follow(worlds, descriptions, steps, policies):
    """Every option's own policy in every world: policies float32[worlds, options, 7]."""
    for i in range(worlds.shape[0]):
        follow_all(worlds[i], steps[descriptions[i]], policies[i])


@compiled
def _advance(
    worlds, kind, split, horizon, actions, rng, pool, descriptions, labelled, policies, steps, shares, counts,
    reward, terminated, truncated, success, returns, lengths, last_shown,
):  # fmt: skip
    """One action in every world; worlds whose episode ends start their next one."""
    for i in range(worlds.shape[0]):
        w = worlds[i]
        ended = _act(w, actions[i])
        w.steps += 1
        gained = np.float32(1 - 0.9 * (w.steps / horizon)) if ended == 1 else np.float32(0)
        w.total += gained
        reward[i] = gained
        success[i] = ended == 1
        terminated[i] = ended != 0
        truncated[i] = w.steps >= horizon
        returns[i] = w.total
        lengths[i] = w.steps
        look(w)
        show_agent(w)
        if terminated[i] or truncated[i]:
            last_shown[i] = w.shown
            next_layout(w, kind, split, worlds.shape[0], rng, pool)
            first_look(w)
        _observe(w, i, descriptions, labelled, policies, steps, shares, counts)


class DoorKeyBatch(Batch):
    """Worlds of one DoorKey task; `observation["map"]` is uint8[rows, 10, 10, 4] as DESIGN section 6 has it.

    A world's layouts come from its own stream of candidate seeds: base + i, base + i + rows, ... modulo 2**32, of which
    those whose layout is not in the split are passed over; the base follows from `seed`. `canonical` is the task's.
    """

    def __init__(
        self,
        task: Task,
        canonical: Canonical,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None,
        split: Split | None,
    ) -> None:
        if size < 1:
            raise ValueError(f"a batch needs at least one environment, got {size}")
        self.environments = size
        self._kind = KINDS[task.name]
        self._split = SPLIT_NUMBERS[split]
        self._horizon = task.horizon
        self._base = mix64(seed) & 0xFFFFFFFF
        self._worlds = np.zeros(size, WORLD)
        self._scratch = (np.zeros(6, np.uint64), np.zeros(4, np.uint64))  # generator and its seeding pool
        self.observation = {"map": self._worlds["shown"].reshape(size, 10, 10, 4)}
        self.description = np.zeros(size, np.int32)
        self.labelled = np.zeros(size, np.bool_)
        self.teacher = np.zeros((size, len(ACTIONS)), np.float32)
        self.descriptions, self._slots = describe_ids(self._kind, canonical)
        programs = compile_programs(self.descriptions, self._slots, instructions)
        self._labels = (
            self.description, self.labelled, self.teacher, programs.steps, programs.shares, programs.counts
        )  # fmt: skip
        self._finished = Finished(
            reward=np.zeros(size, np.float32),
            terminated=np.zeros(size, np.bool_),
            truncated=np.zeros(size, np.bool_),
            success=np.zeros(size, np.bool_),
            episode_return=np.zeros(size, np.float32),
            episode_length=np.zeros(size, np.int32),
            last_observation={"map": np.zeros_like(self.observation["map"])},
        )
        self.reset()

    def reset(self, seeds: np.ndarray | None = None) -> None:
        """See `Batch.reset`."""
        if seeds is not None and len(seeds) != self.rows:
            raise ValueError(f"{self.rows} environments, but {len(seeds)} seeds")
        stream = (self._base + np.arange(self.rows)) & 0xFFFFFFFF
        self._worlds["next_seed"] = stream if seeds is None else seeds
        split = self._split if seeds is None else SPLIT_NUMBERS[None]
        _restart(self._worlds, self._kind, split, *self._scratch, *self._labels)
        if seeds is not None:
            self._worlds["next_seed"] = stream

    def step(self, actions: np.ndarray) -> Finished:
        """See `Batch.step`; actions are integers 0..6."""
        if len(actions) != self.rows:  # compiled code would read beyond the array
            raise ValueError(f"{self.rows} environments, but {len(actions)} actions")
        f = self._finished
        _advance(
            self._worlds, self._kind, self._split, self._horizon, actions, *self._scratch, *self._labels,
            f.reward, f.terminated, f.truncated, f.success, f.episode_return, f.episode_length,
            f.last_observation["map"].reshape(self.rows, 100, 4),
        )  # fmt: skip
        return f

    def option_policies(self, options: Sequence[Option]) -> Callable[[], np.ndarray]:
        """See `Batch.option_policies`."""
        steps = compile_options(self.descriptions, self._slots, options)
        policies = np.zeros((self.rows, len(options), len(ACTIONS)), np.float32)

        def follow() -> np.ndarray:
            _follow(self._worlds, self.description, steps, policies)
            return policies

        return follow

    def outlooks(self) -> Callable[[], Outlook]:
        """See `Batch.outlooks`."""
        return ShortestWays(self._worlds).outlook

    def state(self) -> dict[str, np.ndarray]:
        """See `Batch.state`: the worlds' records as bytes, uint8[rows, bytes]."""
        return {"worlds": self._worlds.view(np.uint8).reshape(self.rows, -1).copy()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Batch.load_state`; labels are worked out anew. Raises ValueError for another number of environments."""
        if state["worlds"].shape != (self.rows, WORLD.itemsize):
            raise ValueError(f"{self.rows} environments, but the state has {len(state['worlds'])}")
        self._worlds.view(np.uint8).reshape(self.rows, -1)[:] = state["worlds"]
        _relabel(self._worlds, *self._labels)

    @property
    def bytes_per_env(self) -> int:
        """Memory of one environment in all arrays of the batch."""
        f = self._finished
        arrays = [self._worlds, self.description, self.labelled, self.teacher]
        arrays += [f.reward, f.terminated, f.truncated, f.success, f.episode_return, f.episode_length]
        arrays += f.last_observation.values()
        return sum(array.nbytes for array in arrays) // self.rows


def layout_codes(task: str, seeds: np.ndarray) -> np.ndarray:
    """The compiled twin of `Task.layout_code`: int64[count] for so many seeds; // STARTS gives `world_code`."""
    codes = np.zeros(len(seeds), np.int64)
    scratch = np.zeros(1, WORLD)
    list_codes(scratch, KINDS[task], seeds.astype(np.int64), codes, np.zeros(6, np.uint64), np.zeros(4, np.uint64))
    return codes


def layout_seeds(task: str, split: Split, count: int, start: int) -> np.ndarray:
    """The compiled twin of `Task.layout_seeds`; uint32[count]."""

    def candidates() -> Iterator[tuple[int, int, int]]:
        for first in range(start, start + 200 * count, BLOCK):
            seeds = np.arange(first, first + BLOCK)
            codes = layout_codes(task, seeds)
            yield from zip(seeds.tolist(), codes.tolist(), (codes // STARTS).tolist(), strict=True)

    return distinct_layouts(candidates(), split, count)
