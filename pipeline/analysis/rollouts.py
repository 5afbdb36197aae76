"""Playing layouts step by step, each step beside what one who knows the whole layout would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation import teacher_choice
from pipeline.instructions import SoftInstruction
from pipeline.tasks.base import Batch, Task
from pipeline.tasks.outlook import Outlook

Actor = Callable[[Batch, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""For a batch's present states, asked in the order of an episode: int64[rows] each, the most probable action and the
one that is taken, drawn by uniforms float32[rows]."""
BLOCK = 125
"""Layouts that are played side by side: the tables of shortest ways take about a fifth of a megabyte each."""


@dataclass(frozen=True)
class Step:
    """One step of every running episode; arrays have one entry per running episode unless said otherwise.

    episode      int[n]  which of the layouts
    time         steps that were taken before this one
    actions      int[n]
    likeliest    int[n]  the action that would have been taken without chance
    description  int[n]  index into `descriptions`
    teacher      float[n, actions]  Eq. 1; zero where there is no label
    labelled     bool[n]
    outlook      before the action, n rows
    ended, success  bool[n]  after it
    """

    episode: np.ndarray
    time: int
    actions: np.ndarray
    likeliest: np.ndarray
    description: np.ndarray
    teacher: np.ndarray
    labelled: np.ndarray
    outlook: Outlook
    ended: np.ndarray
    success: np.ndarray


def rollouts(
    task: Task,
    instructions: Mapping[str, SoftInstruction] | None,
    layouts: np.ndarray,
    make_actor: Callable[[Batch], Actor],
    seed: int,
) -> Iterator[tuple[Batch, Step]]:
    """Play each layout (uint32[episodes]) once, acting by sampling; yields the batch and every step, in blocks.

    Raises NotImplementedError for a task whose batches don't know the shortest ways.
    """
    rng = np.random.default_rng(seed)
    for first in range(0, len(layouts), BLOCK):
        block = layouts[first : first + BLOCK]
        batch = task.make_batch(len(block), 0, instructions, None)
        batch.reset(block)
        for step in _episodes(task, batch, make_actor(batch), first, rng):
            yield batch, step


def _episodes(task: Task, batch: Batch, act: Actor, first: int, rng: np.random.Generator) -> Iterator[Step]:
    """The block's episodes, from their start to their end."""
    look = batch.outlooks()
    running = np.ones(batch.rows, np.bool_)
    for time in range(task.horizon):
        rows = np.flatnonzero(running)
        outlook = look()
        likeliest, actions = act(batch, rng.random(batch.rows, dtype=np.float32))
        before = (batch.description[rows], batch.teacher[rows], batch.labelled[rows])  # copies: indexed by rows
        finished = batch.step(actions)
        yield Step(
            first + rows,
            time,
            actions[rows],
            likeliest[rows],
            *before,
            Outlook(outlook.after[rows], outlook.effect[rows], outlook.handles[rows], outlook.known[rows]),
            finished.done[rows],
            finished.success[rows],
        )
        running &= ~finished.done
        if not running.any():
            return


def by_teacher(task: Task) -> Callable[[Batch], Actor]:
    """The teacher acting alone by Eq. 1; where it has no answer, it idles."""
    choose = teacher_choice(task)
    return lambda _: lambda batch, uniforms: (choose(batch, None), choose(batch, uniforms))


def shortest_lengths(task: Task, layouts: np.ndarray) -> np.ndarray:
    """int[episodes]: the full-information shortest way to success on each layout, -1 where there is none.

    Raises NotImplementedError for a task whose batches don't know them.
    """
    lengths = []
    for first in range(0, len(layouts), BLOCK):
        block = layouts[first : first + BLOCK]
        batch = task.make_batch(len(block), 0, None, None)
        batch.reset(block)
        lengths.append(batch.outlooks()().steps)
    return np.concatenate(lengths)
