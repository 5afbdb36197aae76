"""Soft instructions made ready for compiled code: what each plan comes down to, once the description is known.

A DoorKey description has one of 48 ids (`vision.description_id`). For each id the objects are bound to the engine's
own numbers, every option whose outcome the description settles is settled (going to what is held has terminated;
opening what was never seen can't go on), and plans that come down to the same are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.instructions import Description, Option, Plan, SoftInstruction, rename
from pipeline.tasks.doorkey.guide import ACT, DROP_HELD, EXPLORE, GO_TO, IDLE
from pipeline.tasks.doorkey.vision import DESCRIPTION_IDS
from pipeline.tasks.doorkey.worlds import COLORED, DIVERGED
from pipeline.tasks.minigrid_numbers import PICK_UP, TOGGLE

Canonical = Callable[[Description], tuple[Description, dict[str, str]]]

KEY_SLOT, OTHER_KEY_SLOT, DOOR_SLOT, SECOND_DOOR_SLOT = range(4)
LONGEST_PLAN = 16
"""Options of a plan beyond this many are never reached: they would have to terminate in one state all together."""


@dataclass(frozen=True)
class Programs:
    """Programs of all description ids, for `guide.teach`.

    steps   int8[48, plans, length]  walks that may terminate, and a last step that acts (see `guide.ACT`)
    shares  float32[48, plans]       probability of each
    counts  int32[48]                plans of each id, -1 where the description has no label
    """

    steps: np.ndarray
    shares: np.ndarray
    counts: np.ndarray


def describe_ids(kind: int, canonical: Canonical) -> tuple[list[Description], list[dict[str, int]]]:
    """For each description id: its canonical description, and the engine's number of each object named in it."""
    descriptions = []
    slots = []
    for number in range(DESCRIPTION_IDS):
        seen = [slot for slot in range(4) if number >> slot & 1]
        names = _raw_names(kind, seen)
        held = {0: None, 1: KEY_SLOT, 2: OTHER_KEY_SLOT}[number // 16]
        raw = Description(tuple(names[slot] for slot in seen), None if held is None else names[held])
        description, roles = canonical(raw)
        descriptions.append(description)
        slots.append({rename(name, roles): slot for slot, name in names.items()})
    return descriptions, slots


def _raw_names(kind: int, seen: list[int]) -> dict[int, str]:
    """How a task calls the engine's objects when those in `seen` are in sight."""
    if kind == COLORED:
        return {KEY_SLOT: "blue key", OTHER_KEY_SLOT: "red key", DOOR_SLOT: "blue door", SECOND_DOOR_SLOT: "?"}
    if kind == DIVERGED:  # doors are numbered as they are seen, so a single one is door1 whichever it is
        only_second = SECOND_DOOR_SLOT in seen and DOOR_SLOT not in seen
        first, second = (SECOND_DOOR_SLOT, DOOR_SLOT) if only_second else (DOOR_SLOT, SECOND_DOOR_SLOT)
        return {KEY_SLOT: "key", OTHER_KEY_SLOT: "?", first: "door1", second: "door2"}
    return {KEY_SLOT: "key", OTHER_KEY_SLOT: "?", DOOR_SLOT: "door", SECOND_DOOR_SLOT: "?"}


def compile_programs(
    descriptions: list[Description],
    slots: list[dict[str, int]],
    instructions: Mapping[str, SoftInstruction] | None,
) -> Programs:
    """The programs of every description id; without instructions, all are unlabelled."""
    merged: list[dict[tuple[int, ...], float] | None] = []
    for description, numbers in zip(descriptions, slots, strict=True):
        instruction = (instructions or {}).get(description.state_id)
        if instruction is None:
            merged.append(None)
            continue
        programs: dict[tuple[int, ...], float] = {}
        if instruction.residual > 0:
            programs[(ACT + IDLE,)] = instruction.residual
        for share in instruction.shares:
            steps = _settle(share.plan, description, numbers)
            programs[steps] = programs.get(steps, 0.0) + share.prob
        merged.append(programs)
    plans = max([len(p) for p in merged if p] or [1])
    length = max([len(steps) for p in merged if p for steps in p] or [1])
    array = np.full((DESCRIPTION_IDS, plans, length), ACT + IDLE, np.int8)
    shares = np.zeros((DESCRIPTION_IDS, plans), np.float32)
    counts = np.full(DESCRIPTION_IDS, -1, np.int32)
    for number, found in enumerate(merged):
        if found is None:
            continue
        counts[number] = len(found)
        for k, (steps, prob) in enumerate(found.items()):
            array[number, k, : len(steps)] = steps
            shares[number, k] = prob
    return Programs(array, shares, counts)


def compile_options(
    descriptions: Sequence[Description], slots: list[dict[str, int]], options: Sequence[Option]
) -> np.ndarray:
    """int8[48, options]: what each option comes down to for every description id, for `guide.follow_all`."""
    steps = np.full((DESCRIPTION_IDS, len(options)), ACT + IDLE, np.int8)
    for number, (description, numbers) in enumerate(zip(descriptions, slots, strict=True)):
        for k, option in enumerate(options):
            step = _settle_option(option, description, numbers)
            steps[number, k] = ACT + IDLE if step is None else step
    return steps


def _settle(plan: Plan, description: Description, slots: Mapping[str, int]) -> tuple[int, ...]:
    """What a plan comes down to in states so described: steps that may terminate, and a last one that acts."""
    steps: list[int] = []
    for option in plan.options[:LONGEST_PLAN]:
        step = _settle_option(option, description, slots)
        if step is None:
            continue
        steps.append(step)
        if step >= ACT or step == DROP_HELD:
            return tuple(steps)
    return (*steps, ACT + IDLE)


def _settle_option(option: Option, description: Description, slots: Mapping[str, int]) -> int | None:
    """What an option comes down to, None if it has terminated in all states so described (paper A.4)."""
    if option.name == "explore":
        return EXPLORE
    (thing,) = option.args
    held = thing == description.holds
    seen = thing in description.sees
    if option.name == "drop":
        return DROP_HELD if held else None
    if option.name in ("go to", "pick up") and held:
        return None
    if not seen:
        return ACT + IDLE
    if option.name == "go to":
        return GO_TO + slots[thing]
    if option.name == "pick up":
        return DROP_HELD if description.holds else ACT + PICK_UP
    if option.name == "open":
        return ACT + TOGGLE
    raise ValueError(f"DoorKey has no option {option.name!r}")
