"""Soft instructions made ready for compiled code: options become numbers, plan by plan, description by description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.instructions import Description, Option, SoftInstruction
from pipeline.tasks.minigrid.guide import EXPLORE, GO_TO, IDLE, OPEN, PUT_DOWN, PUT_NEXT_TO, TAKE
from pipeline.tasks.minigrid.phrases import NUMBERS

OPERATIONS = {
    "go to": GO_TO,
    "pick up": TAKE,
    "drop": PUT_DOWN,
    "open": OPEN,
    "put next to": PUT_NEXT_TO,
}
LONGEST_PLAN = 16
"""Options of a plan beyond this many are never reached: they would have to terminate in one state all together."""


def compile_option(option: Option) -> tuple[int, int]:
    """An option's operation and phrase. Raises ValueError for an option that levels don't have."""
    if option.name == "explore":
        return EXPLORE, 0
    if option.name not in OPERATIONS:
        raise ValueError(f"levels have no option {option.name!r}")
    return OPERATIONS[option.name], NUMBERS[option.args[0]]


class Programs:
    """The programs of all descriptions met so far, for `guide.teach`; grows with them.

    steps   uint8[room, plans, length, 2]  operation and phrase
    shares  float32[room, plans]           probability of each plan
    counts  int32[room]                    plans of each description, -1 where it has no label
    """

    def __init__(self, instructions: Mapping[str, SoftInstruction] | None) -> None:
        self._instructions = dict(instructions or {})
        plans = [share.plan for found in self._instructions.values() for share in found.shares]
        self._plans = max((len(found.shares) + 1 for found in self._instructions.values()), default=1)
        self._length = min(max((len(plan.options) for plan in plans), default=1), LONGEST_PLAN)
        self._room(64)

    def _room(self, room: int) -> None:
        self.steps = np.full((room, self._plans, self._length, 2), (IDLE, 0), np.uint8)
        self.shares = np.zeros((room, self._plans), np.float32)
        self.counts = np.full(room, -1, np.int32)

    def write(self, descriptions: Sequence[Description], first: int) -> None:
        """Add the programs of descriptions[first:]."""
        if len(descriptions) > len(self.counts):
            self._room(2 * len(descriptions))
            first = 0
        for number in range(first, len(descriptions)):
            instruction = self._instructions.get(descriptions[number].state_id)
            if instruction is None:
                continue
            self.counts[number] = len(instruction.shares) + 1
            self.shares[number, -1 + self.counts[number]] = instruction.residual
            for k, share in enumerate(instruction.shares):
                self.shares[number, k] = share.prob
                for place, option in enumerate(share.plan.options[:LONGEST_PLAN]):
                    self.steps[number, k, place] = compile_option(option)
                # what follows idles, as an exhausted plan does
