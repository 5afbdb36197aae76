"""A written-down rule that answers for a teacher: which plan it would make for a description.

It is no language model, and label sets made with it say so (`provider: scripted`). It knows nothing but the words of
the description, as a language model would. With the wording `facts` it has to make do with what is seen, so where
something is out of reach it takes away whatever is near; with `roles` it is told what stands in the way.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.instructions import Description, Option, Plan, PlanShare, SoftInstruction
from pipeline.tasks.base import Task
from pipeline.tasks.minigrid.phrases import UNREACHABLE

EXPLORE = Option("explore")


def plan_for(description: Description) -> Plan:
    """The rule's plan: the first of these that applies.

    What the mission names, if it can be reached; then the door that the held key opens; what stands in the way; the
    key of a locked door that has been seen; unseen places; closed doors; boxes; then whatever can be taken.
    """
    near = [thing for thing in description.sees if not thing.startswith(UNREACHABLE)]
    for option in (*_mission(description, near), *_ways(description, near)):
        return Plan((option,))
    return Plan((EXPLORE,))


def _mission(description: Description, near: list[str]) -> Iterable[Option]:
    """What brings the mission itself forward."""
    held = description.holds or ""
    to_move = held.endswith("to move")
    for thing in near:
        if to_move and thing.endswith("to move it to"):
            yield Option("put next to", (thing,))
    if held.endswith(("to go to", "to pick up", "to move it to")):  # taken too early: to be put down first
        yield Option("drop", (held,))
    for thing in near:
        if thing in ("goal",) or thing.endswith("to go to"):
            yield Option("go to", (thing,))
        elif thing.endswith("to pick up") or (thing.endswith("to move") and not to_move):
            yield Option("pick up", (thing,))
        elif thing == "door to open":
            yield Option("open", (thing,))


def _ways(description: Description, near: list[str]) -> Iterable[Option]:
    """What opens ways and shows more."""
    held = description.holds or ""
    fitting = _fits(held, description.sees)
    for thing in near:
        if thing == "fitting door" or (held.endswith(" key") and thing.startswith(f"locked {held[:-4]} door")):
            yield Option("open", (thing,))
    if held and not fitting and not held.endswith(("key", "to move")):
        yield Option("drop", (held,))
    if "obstacle" in near and not fitting:
        yield Option("pick up", ("obstacle",))
    for thing in near:
        if not fitting and _fits(thing, near):
            yield Option("pick up", (thing,))
    for thing in near:
        if not fitting and _fits(thing, description.sees) and "ball" not in near:
            yield Option("pick up", (thing,))
    if "obstacle" in near:
        yield Option("pick up", ("obstacle",))
    if "place to explore" in near:
        yield EXPLORE
    for thing in near:
        if thing in ("closed door", "box"):
            yield Option("open", (thing,))
    for thing in near:
        if thing.endswith(("key", "ball")):
            yield Option("pick up", (thing,))
    if held:
        yield Option("drop", (held,))


def _fits(thing: str, sees: Iterable[str]) -> bool:
    """Whether a thing is a key of a locked door that has been seen, as the words have it."""
    if thing == "fitting key":
        return True
    colour = thing.removesuffix(" key")
    return colour != thing and any(f"locked {colour} door" in seen for seen in sees)


def scripted_instruction(description: Description) -> SoftInstruction:
    """The rule's answer as a soft instruction: all mass on one plan."""
    plan = plan_for(description)
    return SoftInstruction(description, (PlanShare(plan, 1.0, str(plan)),))


def scripted_labels(task: Task, steps: int, environments: int = 64, seed: int = 0) -> dict[str, SoftInstruction]:
    """The rule's answers to the descriptions that it meets itself and by chance, by state_id.

    Rounds of so many steps are played on training layouts, by the answers so far with a tenth of random actions (all
    random where there is none), until a round meets nothing new.
    """
    labels: dict[str, SoftInstruction] = {}
    rng = np.random.default_rng(seed)
    while True:
        batch = task.make_batch(environments, int(rng.integers(2**31)), labels or None, "train")
        for _ in range(steps):
            anything = rng.integers(task.space.size, size=batch.rows)
            by_chance = (rng.random(batch.rows) < 0.1) | ~batch.labelled
            batch.step(np.where(by_chance, anything, batch.teacher.argmax(-1)))
        new = [description for description in batch.descriptions if description.state_id not in labels]
        labels |= {description.state_id: scripted_instruction(description) for description in new}
        if not new:
            return labels
