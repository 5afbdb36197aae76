"""Numbers for descriptions, in the order in which they are met: a hash table that compiled code reads and fills."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled

MIX = np.uint64(0x9E3779B97F4A7C15)


@compiled
def number_of(key, keys, slots, count):
    """The number of a key (uint64[2]), which is added if it is new.

    keys   uint64[room, 2]   all keys by number
    slots  int64[a power of 2]  number of the key in each slot, -1 for none; more than half of them must be free
    count  int64[1]          how many keys there are
    """
    mask = slots.shape[0] - 1
    mixed = (key[0] * MIX) ^ (key[1] + MIX)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * MIX
    slot = np.int64(mixed >> np.uint64(32)) & mask
    while slots[slot] >= 0:
        number = slots[slot]
        if keys[number, 0] == key[0] and keys[number, 1] == key[1]:
            return number
        slot = (slot + 1) & mask
    number = count[0]
    slots[slot] = number
    keys[number, 0] = key[0]
    keys[number, 1] = key[1]
    count[0] = number + 1
    return number


@compiled
def _fill(known, keys, slots, count):
    for k in range(known.shape[0]):
        number_of(known[k], keys, slots, count)


class Numbering:
    """The arrays of a table, with room for at least `spare` more keys than it has."""

    def __init__(self, spare: int) -> None:
        self._spare = spare
        self.count = np.zeros(1, np.int64)
        self._make(4 * spare)

    def _make(self, room: int) -> None:
        self.keys = np.zeros((room, 2), np.uint64)
        self.slots = np.full(1 << int(2 * room).bit_length(), -1, np.int64)

    def grow(self) -> None:
        """Make room again, after keys have been added."""
        if len(self.keys) - self.count[0] < self._spare:
            self.replace(self.keys[: self.count[0]].copy())

    def replace(self, keys: np.ndarray) -> None:
        """Hold these keys (uint64[count, 2]) in their order and no others."""
        self._make(2 * len(keys) + 4 * self._spare)
        self.count[0] = 0
        _fill(keys, self.keys, self.slots, self.count)
