"""The three kinds of a teacher's errors (paper 4.1.2), counted step by step while it acts alone.

Each step is judged against the shortest ways to success of one who knows the whole layout (turns count), and is of
exactly one kind:

inconsistent  it changes nothing in the world. The sampled answer was unusable or its plan could not go on, so that
              the agent idles; or the action does not fit the state, like picking up what is not in front. "Not
              executable" in the paper.
incorrect     it changes the world for the worse: it ends the episode in death, or takes up or puts down something
              without coming nearer to success, like the key of the wrong colour. "Executable but results in failure".
inefficient   a move or turn that comes no nearer to success although the agent has seen all that success takes.
searching     such a move or turn while something was still unseen. No error of the teacher's: the price of not
              knowing. (The paper's third kind, "executable but not necessary", does not tell the two apart.)
sound         it comes one step nearer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.analysis.rollouts import by_teacher, rollouts
from pipeline.instructions import SoftInstruction
from pipeline.tasks.base import Task
from pipeline.tasks.outlook import Outlook

KINDS = ("inconsistent", "incorrect", "inefficient", "searching", "sound")
ERRORS = KINDS[:3]
EXAMPLES = 3
"""Most frequent examples kept of each kind of error."""


def judge(outlook: Outlook, actions: np.ndarray) -> np.ndarray:
    """int[n]: the index in KINDS of each action (int[n]) in states with that outlook (n rows)."""
    row = np.arange(len(actions))
    effect, nearer = outlook.effect[row, actions], outlook.shortens[row, actions]
    ruined = (outlook.after[row, actions] < 0) | outlook.handles[row, actions]
    return np.select([~effect, nearer, ruined, outlook.known], [0, 4, 1, 2], 3)


def count_errors(
    task: Task, instructions: Mapping[str, SoftInstruction], layouts: np.ndarray, seed: int
) -> dict[str, Any]:
    """Play the layouts (uint32[episodes]) with the teacher alone, acting by sampling, and count each kind of step.

    Returns `episodes`, `steps`; `kinds`: kind -> `steps`, `per_1000_steps`, `episodes` (share with at least one);
    `idle_per_1000_steps`; `outcomes`: success, death, timeout -> `episodes` and `per_episode` (kind -> mean count);
    and `examples`: kind of error -> descriptions, actions and counts, most frequent first.
    """
    counts = np.zeros((len(layouts), len(KINDS)), np.int64)
    outcome = np.full(len(layouts), "timeout", dtype="U7")
    examples: Counter[tuple[int, int, int]] = Counter()
    idle = 0
    descriptions: dict[int, str] = {}
    for batch, step in rollouts(task, instructions, layouts, by_teacher(task), seed):
        kinds = judge(step.outlook, step.actions)
        counts[step.episode, kinds] += 1
        idle += int((step.actions == task.idle).sum())
        for number, action, kind in zip(step.description, step.actions, kinds, strict=True):
            if kind < len(ERRORS):
                examples[int(kind), int(number), int(action)] += 1
                descriptions[int(number)] = batch.descriptions[number].sentence
        died = step.outlook.after[np.arange(len(kinds)), step.actions] < 0
        outcome[step.episode[step.ended & died]] = "death"
        outcome[step.episode[step.success]] = "success"
    steps = int(counts.sum())
    return {
        "episodes": len(layouts),
        "steps": steps,
        "kinds": {
            kind: {
                "steps": int(counts[:, k].sum()),
                "per_1000_steps": 1000 * float(counts[:, k].sum()) / steps,
                "episodes": float((counts[:, k] > 0).mean()),
            }
            for k, kind in enumerate(KINDS)
        },
        "idle_per_1000_steps": 1000 * idle / steps,
        "outcomes": {end: _of_outcome(counts[outcome == end]) for end in ("success", "death", "timeout")},
        "examples": {
            kind: [
                {"description": descriptions[number], "action": task.space.names[action], "steps": n}
                for (of, number, action), n in examples.most_common()
                if of == k
            ][:EXAMPLES]
            for k, kind in enumerate(ERRORS)
        },
    }


def _of_outcome(counts: np.ndarray) -> dict[str, Any]:
    """Mean counts (int[episodes, kinds]) of the episodes that ended in one way."""
    means = counts.mean(axis=0) if len(counts) else np.zeros(len(KINDS))
    return {"episodes": len(counts), "per_episode": {kind: float(means[k]) for k, kind in enumerate(KINDS)}}
