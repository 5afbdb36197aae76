"""What ablations do to a label table: other kinds of teacher, fewer samples, noise, gaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pipeline.instructions import (
    Description,
    Grammar,
    Option,
    Plan,
    PlanShare,
    Reading,
    SoftInstruction,
    Verdict,
    options_of,
)
from pipeline.tasks.base import Task

Labels = Mapping[str, SoftInstruction]
LabelChange = Callable[[Labels, Task, np.random.Generator], dict[str, SoftInstruction]]
"""Functions of this module, or partials of them, since trials travel to other processes."""


def hard(labels: Labels, task: Task, rng: np.random.Generator) -> dict[str, SoftInstruction]:
    """Only each state's most probable plan (paper Fig. 4, the deterministic teacher)."""
    return {state_id: label.hardened() for state_id, label in labels.items()}


def by_logprobs(labels: Labels, task: Task, rng: np.random.Generator) -> dict[str, SoftInstruction]:
    """Plans scored by their log-probability and normalised (paper A.3): what a scorer of candidates would give.

    Unusable answers are no candidates, so nothing is left over.
    """
    return {
        state_id: SoftInstruction.from_logprobs(
            label.description, {share.plan: math.log(share.prob) for share in label.shares if share.prob > 0}
        )
        for state_id, label in labels.items()
        if label.shares
    }


def samples(n: int, labels: Labels, task: Task, rng: np.random.Generator) -> dict[str, SoftInstruction]:
    """Each state asked n times: frequencies of n draws from the table's distribution, unusable answers included."""
    changed = {}
    for state_id in sorted(labels):
        label = labels[state_id]
        probs = np.array([*(share.prob for share in label.shares), label.residual])
        unusable = ("", Reading(None, Verdict.UNPARSEABLE))
        answers = [(share.text, Reading(share.plan, Verdict.VALID)) for share in label.shares]
        drawn = rng.choice(len(probs), size=n, p=probs / probs.sum())
        readings = [[*answers, unusable][k] for k in drawn]
        changed[state_id] = SoftInstruction.from_readings(label.description, readings)
    return changed


def noise(mass: float, labels: Labels, task: Task, rng: np.random.Generator) -> dict[str, SoftInstruction]:
    """A teacher that, with probability `mass`, answers any option that can start there, all alike."""
    changed = {}
    for state_id, label in labels.items():
        options = startable_options(label.description, task.grammar)
        probs = {share.plan: (1 - mass) * share.prob for share in label.shares}
        for option in options:
            probs[Plan((option,))] = probs.get(Plan((option,)), 0.0) + mass / len(options)
        shares = tuple(PlanShare(plan, prob, str(plan)) for plan, prob in probs.items() if prob > 0)
        changed[state_id] = SoftInstruction(label.description, shares, (1 - mass) * label.residual)
    return changed


def startable_options(description: Description, grammar: Grammar) -> list[Option]:
    """Every option of the grammar whose object is where the option needs it."""
    held, seen = (description.holds,), description.sees
    places = {spec.name: held if spec.held else seen for spec in grammar.options}
    return [option for option in options_of(grammar) if not option.args or option.args[0] in places[option.name]]


def missing(share: float, labels: Labels, task: Task, rng: np.random.Generator) -> dict[str, SoftInstruction]:
    """A table in which that share of the descriptions, drawn at random, has no label."""
    names = sorted(labels)
    kept = rng.permutation(len(names))[: len(names) - round(share * len(names))]
    return {names[k]: labels[names[k]] for k in sorted(kept)}
