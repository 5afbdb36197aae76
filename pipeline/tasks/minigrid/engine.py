"""Thousands of worlds of a level that advance in one compiled call, with observation, reward, description and teacher.

It is trusted because tests compare it step by step with the stock environments and with the readable twins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pipeline.compiled import compiled
from pipeline.instructions import Description, Option, SoftInstruction
from pipeline.tasks.base import NO_ACTION, Batch, Finished
from pipeline.tasks.minigrid.cells import CONTENTS, NOTHING
from pipeline.tasks.minigrid.episode import advance
from pipeline.tasks.minigrid.flood import FLOOD, flood
from pipeline.tasks.minigrid.guide import STUCK, TERMINATED, follow, teach
from pipeline.tasks.minigrid.numbering import Numbering, number_of
from pipeline.tasks.minigrid.phrases import Wording, description_of
from pipeline.tasks.minigrid.pool import Layouts, layouts
from pipeline.tasks.minigrid.programs import Programs, compile_option
from pipeline.tasks.minigrid.scene import describe, mark_of
from pipeline.tasks.minigrid.vision import look
from pipeline.tasks.minigrid.world import SIDE, WORLD, begin
from pipeline.tasks.minigrid_numbers import ACTIONS, NO_AGENT
from pipeline.tasks.spaces import MarkedMap
from pipeline.tasks.splits import Split, mix64, split_of


class LevelOfTask(Protocol):
    """What a batch needs to know of its task: the level, how many seeds there are, and how states are described."""

    name: str
    level: str
    wording: Wording
    seeds: int


STATES = MarkedMap.STATES


@compiled
def _show(w, shown):
    """Draw the remembered map, uint8[width, height, 4]."""
    for x in range(shown.shape[0]):
        for y in range(shown.shape[1]):
            code = w.known[x * SIDE + y]
            for channel in range(3):
                shown[x, y, channel] = CONTENTS[code, channel]
            shown[x, y, 3] = NO_AGENT
    for number in range(1, w.things + 1):
        place = w.place[number]
        if place >= 0 and w.known[place]:
            shown[place // SIDE, place % SIDE, 2] += STATES * mark_of(w, number)
    _show_agent(w, shown)


@compiled
def _show_agent(w, shown):
    """Draw the agent at its cell, with what it holds and nothing else."""
    x, y = w.agent // SIDE, w.agent % SIDE
    code = w.code[w.held] if w.held else NOTHING
    for channel in range(3):
        shown[x, y, channel] = CONTENTS[code, channel]
    if w.held:
        shown[x, y, 2] += STATES * mark_of(w, w.held)
    shown[x, y, 3] = w.direction


@compiled
def _observe(w, f, roles, shown, agent_before, key, keys, slots, count):
    """Bring observation and description up to date; gives the description's number."""
    look(w)
    if w.changed:
        flood(w, f)
        describe(w, f, roles, key)
        w.description = number_of(key, keys, slots, count)
        _show(w, shown)
        w.changed = 0
    else:
        x, y = agent_before // SIDE, agent_before % SIDE
        code = w.known[agent_before]
        for channel in range(3):
            shown[x, y, channel] = CONTENTS[code, channel]
        shown[x, y, 3] = NO_AGENT
        _show_agent(w, shown)
    return w.description


@compiled
def _next_layout(w, pool, allowed, stride):
    """Start on the next of a world's candidates, `stride` apart, that is allowed."""
    while True:
        k = w.next
        w.next = (k + stride) % pool.shape[0]
        if allowed[k]:
            begin(w, pool[k])
            return


@compiled
def _start(worlds, pool, allowed, f, roles, shown, descriptions, key, keys, slots, count):
    """A new episode in every world."""
    for i in range(worlds.shape[0]):
        _next_layout(worlds[i], pool, allowed, worlds.shape[0])
        descriptions[i] = _observe(worlds[i], f[0], roles, shown[i], 0, key, keys, slots, count)


@compiled
def _advance(
    worlds, pool, allowed, f, roles, shown, descriptions, key, keys, slots, count,
    actions, reward, terminated, truncated, success, returns, lengths, last_shown,
):  # fmt: skip
    """One action in every world; worlds whose episode ends start their next one."""
    for i in range(worlds.shape[0]):
        w = worlds[i]
        agent_before = w.agent
        reward[i], success[i], terminated[i], truncated[i] = advance(w, actions[i])
        returns[i] = w.total
        lengths[i] = w.steps
        descriptions[i] = _observe(w, f[0], roles, shown[i], agent_before, key, keys, slots, count)
        if terminated[i] or truncated[i]:
            last_shown[i] = shown[i]
            _next_layout(w, pool, allowed, worlds.shape[0])
            descriptions[i] = _observe(w, f[0], roles, shown[i], 0, key, keys, slots, count)


@compiled
def _teach(worlds, f, programs, shares, counts, labelled, policies):
    """The teacher of every world whose description has a label."""
    for i in range(worlds.shape[0]):
        labelled[i] = counts[worlds[i].description] >= 0
        if labelled[i]:
            flood(worlds[i], f[0])
            teach(worlds[i], f[0], programs, shares, counts, policies[i])
        else:
            policies[i, :] = 0


@compiled
def _follow(worlds, f, options, policies):
    """Every option's own policy in every world: policies float32[worlds, options, 7]; options uint8[options, 2]."""
    policies[:] = 0
    for i in range(worlds.shape[0]):
        flood(worlds[i], f[0])
        for k in range(options.shape[0]):
            action = follow(worlds[i], f[0], options[k, 0], options[k, 1])
            if action != TERMINATED and action != STUCK:
                policies[i, k, action] = 1


@compiled
def _follow_own(worlds, f, options, actions):
    """Each world's own option: actions int64[worlds], options uint8[worlds, 2]."""
    for i in range(worlds.shape[0]):
        flood(worlds[i], f[0])
        actions[i] = follow(worlds[i], f[0], options[i, 0], options[i, 1])


class LevelBatch(Batch):
    """Worlds of one level; `observation["map"]` is uint8[rows, width, height, 4], see `description`.

    Layouts are those of the seeds below `task.seeds`. A world's come from its own stream of candidates: base + i,
    base + i + rows, ... modulo `task.seeds`, of which those that are not in the split are passed over; the base follows
    from `seed`.
    """

    def __init__(
        self,
        task: LevelOfTask,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None,
        split: Split | None,
    ) -> None:
        if size < 1:
            raise ValueError(f"a batch needs at least one environment, got {size}")
        self.environments = size
        self._level = task.level
        self._pool = layouts(task.level, np.arange(task.seeds))
        worlds = self._pool.records["world"].tolist()
        self._allowed = np.array([split is None or split_of(world) == split for world in worlds], np.bool_)
        if not self._allowed.any():
            raise ValueError(f"{task.name}: none of its {task.seeds} layouts is in the {split} split")
        self._base = mix64(seed) % task.seeds
        self._roles = task.wording == "roles"
        self._worlds = np.zeros(size, WORLD)
        self._flood = np.zeros(1, FLOOD)
        self._key = np.zeros(2, np.uint64)
        self._numbering = Numbering(2 * size)
        self.descriptions: list[Description] = []
        self._programs = Programs(instructions)
        self._taught = bool(instructions)
        first = self._pool.records[0]
        shape = (size, int(first["width"]), int(first["height"]), 4)
        self.observation = {"map": np.zeros(shape, np.uint8)}
        self.description = np.zeros(size, np.int32)
        self.labelled = np.zeros(size, np.bool_)
        self.teacher = np.zeros((size, len(ACTIONS)), np.float32)
        self._finished = Finished(
            reward=np.zeros(size, np.float32),
            terminated=np.zeros(size, np.bool_),
            truncated=np.zeros(size, np.bool_),
            success=np.zeros(size, np.bool_),
            episode_return=np.zeros(size, np.float32),
            episode_length=np.zeros(size, np.int32),
            last_observation={"map": np.zeros(shape, np.uint8)},
        )
        self.reset()

    def reset(self, seeds: np.ndarray | None = None) -> None:
        """See `Batch.reset`."""
        if seeds is not None and len(seeds) != self.rows:
            raise ValueError(f"{self.rows} environments, but {len(seeds)} seeds")
        stream = (self._base + np.arange(self.rows)) % len(self._pool.records)
        if seeds is None:
            self._worlds["next"] = stream
            self._begin(self._pool, self._allowed)
        else:
            self._worlds["next"] = np.arange(self.rows)
            self._begin(layouts(self._level, seeds), np.ones(self.rows, np.bool_))
            self._worlds["next"] = stream

    def _begin(self, pool: Layouts, allowed: np.ndarray) -> None:
        _start(self._worlds, pool.records, allowed, *self._views)
        self._label()

    @property
    def _views(self) -> tuple[Any, Any, Any, Any, Any, Any, Any, Any]:
        """What observing needs beside the worlds and their layouts."""
        numbering = self._numbering
        return (
            self._flood, self._roles, self.observation["map"], self.description,
            self._key, numbering.keys, numbering.slots, numbering.count,
        )  # fmt: skip

    def _label(self) -> None:
        """Take in descriptions that are new, then teach."""
        known, count = len(self.descriptions), int(self._numbering.count[0])
        if count > known:
            self.descriptions += [description_of(*key) for key in self._numbering.keys[known:count].tolist()]
            self._numbering.grow()
            self._programs.write(self.descriptions, known)
        if self._taught:
            p = self._programs
            _teach(self._worlds, self._flood, p.steps, p.shares, p.counts, self.labelled, self.teacher)

    def step(self, actions: np.ndarray) -> Finished:
        """See `Batch.step`; actions are integers 0..6."""
        if len(actions) != self.rows:  # compiled code would read beyond the array
            raise ValueError(f"{self.rows} environments, but {len(actions)} actions")
        f = self._finished
        _advance(
            self._worlds, self._pool.records, self._allowed, *self._views,
            actions, f.reward, f.terminated, f.truncated, f.success, f.episode_return, f.episode_length,
            f.last_observation["map"],
        )  # fmt: skip
        self._label()
        return f

    def option_policies(self, options: Sequence[Option]) -> Callable[[], np.ndarray]:
        """See `Batch.option_policies`."""
        steps = np.array([compile_option(option) for option in options], np.uint8).reshape(-1, 2)
        policies = np.zeros((self.rows, len(options), len(ACTIONS)), np.float32)

        def follow_all() -> np.ndarray:
            _follow(self._worlds, self._flood, steps, policies)
            return policies

        return follow_all

    def option_actions(self, options: Sequence[Option]) -> Callable[[np.ndarray], np.ndarray]:
        """See `Batch.option_actions`."""
        steps = np.array([compile_option(option) for option in options], np.uint8).reshape(-1, 2)
        actions = np.zeros(self.rows, np.int64)

        def act(chosen: np.ndarray) -> np.ndarray:
            _follow_own(self._worlds, self._flood, steps[chosen], actions)
            return np.where((actions == STUCK) | (actions == TERMINATED), NO_ACTION, actions)

        return act

    def missions(self) -> list[str]:
        """The mission of each world's present episode, in the level's own words."""
        return layouts(self._level, self._worlds["seed"]).missions

    def state(self) -> dict[str, np.ndarray]:
        """See `Batch.state`: the worlds' records, the maps, and the keys of the descriptions met."""
        count = self._numbering.count[0]
        return {
            "worlds": self._worlds.view(np.uint8).reshape(self.rows, -1).copy(),
            "map": self.observation["map"].copy(),
            "descriptions": self._numbering.keys[:count].copy(),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Batch.load_state`; labels are worked out anew. Raises ValueError for another number of environments."""
        if state["worlds"].shape != (self.rows, WORLD.itemsize):
            raise ValueError(f"{self.rows} environments, but the state has {len(state['worlds'])}")
        self._worlds.view(np.uint8).reshape(self.rows, -1)[:] = state["worlds"]
        self.observation["map"][:] = state["map"]
        self.description[:] = self._worlds["description"]
        self._numbering.replace(np.array(state["descriptions"], np.uint64))
        self.descriptions[:] = []
        self._programs.counts[:] = -1
        self._label()

    @property
    def bytes_per_env(self) -> int:
        """Memory of one environment in all arrays of the batch."""
        f = self._finished
        arrays = [self._worlds, self.description, self.labelled, self.teacher]
        arrays += [f.reward, f.terminated, f.truncated, f.success, f.episode_return, f.episode_length]
        arrays += [*self.observation.values(), *f.last_observation.values()]
        return sum(array.nbytes for array in arrays) // self.rows
