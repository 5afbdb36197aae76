"""Many homes that advance in one compiled call, with observation, reward, description and teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled
from pipeline.instructions import Option, SoftInstruction, options_of
from pipeline.tasks.base import Batch, Finished, Task
from pipeline.tasks.habitat.camera import take_picture
from pipeline.tasks.habitat.description import DESCRIPTIONS, SITUATION, situation
from pipeline.tasks.habitat.homes import RECEPTACLES
from pipeline.tasks.habitat.options import GRAMMAR, Layers, follow_all, load_options, teach
from pipeline.tasks.habitat.robot import JOINTS, place_arm
from pipeline.tasks.habitat.rules import Rules
from pipeline.tasks.habitat.world import (
    ACTIONS,
    WORLD,
    Senses,
    advance,
    begin_next,
    judge,
    keep_row,
    look,
    note,
    observe,
    seen_receptacles,
)
from pipeline.tasks.splits import Split, mix64

SPLIT_NUMBERS: dict[Split | None, int] = {"train": 0, "validation": 1, "test": 2, None: -1}


class Labels(NamedTuple):
    """What a world's teacher is worked out from, and where it goes.

    description, labelled, teacher  as in `Batch`
    steps      int64[descriptions, shares, steps]: each plan's options by number, -1 beyond its end
    shares     float64[descriptions, shares]: each plan's probability; the first is -1 where there is no label
    nets       Navigate's and Pick's layers
    deviation  of the teacher's actions
    """

    description: np.ndarray
    labelled: np.ndarray
    teacher: np.ndarray
    steps: np.ndarray
    shares: np.ndarray
    nets: tuple[Layers, Layers]
    deviation: float


class Scratch(NamedTuple):
    """Memory for one world at a time: its arm's places and frames, its picture in metres, receptacles seen."""

    points: np.ndarray
    frames: np.ndarray
    depth: np.ndarray
    others: np.ndarray

    @classmethod
    def empty(cls, side: int) -> Scratch:
        """For pictures of so many pixels on a side."""
        points, frames = np.zeros((JOINTS + 1, 3)), np.zeros((JOINTS + 1, 3, 3))
        return cls(points, frames, np.zeros((side, side)), np.zeros(RECEPTACLES, np.int64))


class Moved(NamedTuple):
    """What another engine says of a step for which it has moved the robots already.

    touched  bool[worlds]: whether the robot touched something
    depth    float64[worlds, side, side]: its picture after the step, in metres
    """

    touched: np.ndarray
    depth: np.ndarray


def programs(instructions: Mapping[str, SoftInstruction] | None) -> tuple[np.ndarray, np.ndarray]:
    """Soft instructions as `Labels.steps` and `Labels.shares`."""
    numbers = {option: number for number, option in enumerate(options_of(GRAMMAR))}
    found = [(instructions or {}).get(description.state_id) for description in DESCRIPTIONS]
    plans = max([1, *(len(one.shares) for one in found if one)])
    longest = max([1, *(len(share.plan.options) for one in found if one for share in one.shares)])
    steps, shares = np.full((len(found), plans, longest), -1, np.int64), np.zeros((len(found), plans))
    for row, one in enumerate(found):
        if one is None:
            shares[row, 0] = -1
            continue
        for place, share in enumerate(one.shares):
            steps[row, place, : len(share.plan.options)] = [numbers[option] for option in share.plan.options]
            shares[row, place] = share.prob
    return steps, shares


@compiled
def _sense(w, i, scratch, senses, labels):
    """Observation, description and teacher of world i's present state, whose picture is in scratch."""
    observe(w, i, scratch.points, scratch.depth, senses)
    count = seen_receptacles(w, scratch.others)
    number = situation(w, count, senses.situation[i])
    labels.description[i] = number
    labels.labelled[i] = labels.shares[number, 0] >= 0
    if labels.labelled[i]:
        teach(
            w, labels.steps[number], labels.shares[number], scratch.others, count, scratch.points, labels.nets,
            labels.deviation, labels.teacher[i],
        )  # fmt: skip
    else:
        labels.teacher[i] = 0


@compiled
def _restart(worlds, split, scratch, senses, labels):
    """A new episode in every world."""
    for i in range(len(worlds)):
        begin_next(worlds[i], split, len(worlds), scratch.points, scratch.frames, scratch.depth)
        _sense(worlds[i], i, scratch, senses, labels)


@compiled
def _sense_all(worlds, scratch, senses, labels):
    """Observation, description and teacher of every world, whose memory has its present picture already."""
    for i in range(len(worlds)):
        place_arm(worlds[i].joints, scratch.points, scratch.frames)
        take_picture(worlds[i], scratch.points, scratch.frames, scratch.depth)
        _sense(worlds[i], i, scratch, senses, labels)


@compiled
def _step(
    worlds, split, actions, moved, rules, horizon, scratch, senses, last, labels,
    reward, terminated, truncated, success, returns, lengths,
):  # fmt: skip
    """One action in every world; those whose episode ends start their next one. moved: Moved, or None to move here."""
    points, frames, depth = scratch.points, scratch.frames, scratch.depth
    for i in range(len(worlds)):
        w = worlds[i]
        if moved is None:
            place_arm(w.joints, points, frames)
            reward[i], terminated[i], success[i] = advance(w, actions[i], points, frames, rules)
            look(w, points, frames, depth)
        else:
            place_arm(w.joints, points, frames)
            reward[i], terminated[i], success[i] = judge(w, actions[i], moved.touched[i], points, frames, rules)
            depth[:] = moved.depth[i]
            note(w, points, depth)
        truncated[i] = w.steps >= horizon
        returns[i], lengths[i] = w.total, w.steps
        if terminated[i] or truncated[i]:
            _sense(w, i, scratch, senses, labels)
            keep_row(senses, last, i)
            begin_next(w, split, len(worlds), points, frames, depth)
        _sense(w, i, scratch, senses, labels)


@compiled
def _follow(worlds, chosen, scratch, nets, deviation, policies):
    """Chosen options' own policies in every world."""
    for i in range(len(worlds)):
        place_arm(worlds[i].joints, scratch.points, scratch.frames)
        follow_all(worlds[i], chosen, scratch.others, scratch.points, nets, deviation, policies[i])


class NavPickBatch(Batch):
    """Worlds of Nav & Pick.

    A world's layouts come from its own stream of candidate seeds: base + i, base + i + rows, ... modulo 2**32, of which
    those whose home is not in the split are passed over; the base follows from `seed`.
    """

    def __init__(
        self,
        task: Task,
        rules: Rules,
        side: int,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None,
        split: Split | None,
    ) -> None:
        if size < 1:
            raise ValueError(f"a batch needs at least one environment, got {size}")
        self.environments = size
        self.descriptions = DESCRIPTIONS
        self._horizon, self._rules, self._split = task.horizon, rules.as_array(), SPLIT_NUMBERS[split]
        self._base = mix64(seed) & 0xFFFFFFFF
        self.worlds = np.zeros(size, WORLD)
        self._scratch = Scratch.empty(side)
        self._senses, self._last = (Senses.empty(size, side, SITUATION) for _ in range(2))
        self.observation = self._senses._asdict()
        self.description = np.zeros(size, np.int32)
        self.labelled = np.zeros(size, np.bool_)
        self.teacher = np.zeros((size, 2, ACTIONS), np.float32)
        self._labels = Labels(
            self.description, self.labelled, self.teacher, *programs(instructions), load_options(), rules.deviation
        )
        self._finished = Finished(
            reward=np.zeros(size, np.float32),
            terminated=np.zeros(size, np.bool_),
            truncated=np.zeros(size, np.bool_),
            success=np.zeros(size, np.bool_),
            episode_return=np.zeros(size, np.float32),
            episode_length=np.zeros(size, np.int32),
            last_observation=self._last._asdict(),
        )
        self.reset()

    def reset(self, seeds: np.ndarray | None = None) -> None:
        """See `Batch.reset`."""
        if seeds is not None and len(seeds) != self.rows:
            raise ValueError(f"{self.rows} environments, but {len(seeds)} seeds")
        stream = (self._base + np.arange(self.rows)) & 0xFFFFFFFF
        self.worlds["next_seed"] = stream if seeds is None else seeds
        split = self._split if seeds is None else SPLIT_NUMBERS[None]
        _restart(self.worlds, split, self._scratch, self._senses, self._labels)
        if seeds is not None:
            self.worlds["next_seed"] = stream

    def step(self, actions: np.ndarray) -> Finished:
        """See `Batch.step`; actions [rows, 11] are taken within their bounds of -1 and 1."""
        if actions.shape != (self.rows, ACTIONS):  # compiled code would read beyond the array
            raise ValueError(f"wanted actions [{self.rows}, {ACTIONS}], got {list(actions.shape)}")
        return self._finish(np.clip(actions, -1, 1).astype(np.float64), None)

    def _finish(self, actions: np.ndarray, moved: Moved | None) -> Finished:
        """A step: float64[rows, 11], and what another engine has moved already."""
        f = self._finished
        _step(
            self.worlds, self._split, actions, moved, self._rules, self._horizon, self._scratch,
            self._senses, self._last, self._labels,
            f.reward, f.terminated, f.truncated, f.success, f.episode_return, f.episode_length,
        )  # fmt: skip
        return f

    def option_policies(self, options: Sequence[Option]) -> Callable[[], np.ndarray]:
        """See `Batch.option_policies`."""
        numbers = {option: number for number, option in enumerate(options_of(GRAMMAR))}
        chosen = np.array([numbers[option] for option in options], np.int64)
        policies = np.zeros((self.rows, len(chosen), 2, ACTIONS), np.float32)

        def follow() -> np.ndarray:
            _follow(self.worlds, chosen, self._scratch, self._labels.nets, self._labels.deviation, policies)
            return policies

        return follow

    @property
    def nets(self) -> tuple[Layers, Layers]:
        """The networks of Navigate and Pick."""
        return self._labels.nets

    def state(self) -> dict[str, np.ndarray]:
        """See `Batch.state`: the worlds' records as bytes, uint8[rows, bytes]."""
        return {"worlds": self.worlds.view(np.uint8).reshape(self.rows, -1).copy()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Batch.load_state`. Raises ValueError for another number of environments."""
        if state["worlds"].shape != (self.rows, WORLD.itemsize):
            raise ValueError(f"{self.rows} environments, but the state has {len(state['worlds'])}")
        self.worlds.view(np.uint8).reshape(self.rows, -1)[:] = state["worlds"]
        _sense_all(self.worlds, self._scratch, self._senses, self._labels)
