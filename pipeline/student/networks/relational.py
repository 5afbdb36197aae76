"""The relational network: what lies where from where the agent stands and looks, and which way leads there.

It is for levels of any size, whose maps are too large to be looked at cell by cell. Four kinds of tokens say what the
agent remembers; the layers over them are the egocentric network's.

- near:  place and kind of each seen cell in a window of 7 x 7 cells around the agent
- far:   place (one of 24 sectors) and kind of what lies beyond: things, lava, edges of the unseen
- ways:  direction of the first step of the shortest known way to the nearest of each kind
- hand:  kind of what is held

Ways are what the options' planner knows too: a student that sees them has to learn what to go for, more than how to get
there. Kinds are relations and not colours: a key of a locked door that has been seen, a door that the held key opens.

| symbol | shape | meaning |
|---|---|---|
| tokens | uint16[rows, MOST] | numbers of the tokens, without repetition |
| counts | int32[rows] | how many of a row's tokens count |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from pipeline.compiled import compiled
from pipeline.student.networks.egocentric import HIDDEN
from pipeline.student.networks.initial import orthogonal
from pipeline.student.networks.network import Network
from pipeline.tasks.minigrid_numbers import (
    BALL,
    BOX,
    DOOR,
    GOAL,
    KEY,
    LAVA,
    LOCKED,
    NO_AGENT,
    OPEN,
    UNSEEN,
    WALL,
)
from pipeline.tasks.spaces import MarkedMap

if TYPE_CHECKING:
    from pipeline.student.networks.modules import EgocentricTrunk

FREE, SOLID, EDGE, DEADLY, AIM, OPEN_DOOR, CLOSED_DOOR, LOCKED_DOOR, FITTING_DOOR, FITTING_KEY, OTHER_KEY = range(11)
A_BALL, A_BOX, TO_GO_TO, TO_PICK_UP, TO_OPEN, TO_MOVE, TO_MOVE_IT_TO, LOCKED_TO_OPEN = range(11, 19)
KINDS = 19
"""Kinds: free cell, wall, free cell next to an unseen one, lava, goal, doors, keys, ball, box; then the mission's."""

REACH = 3
NEAR = 2 * REACH + 1
SECTORS = 24
"""Beyond the window: five ranges ahead times five aside, without the window's own."""
FIRST_FAR = NEAR * NEAR * KINDS
FIRST_WAY = FIRST_FAR + SECTORS * KINDS
FIRST_HAND = FIRST_WAY + 4 * KINDS
TOKENS = FIRST_HAND + KINDS
WIDTH = 24
MOST = NEAR * NEAR + 110
"""Tokens of a state at most: beyond it the farthest things are left out."""
OPEN_MARK = 3

STATES = MarkedMap.STATES
AHEAD_X = np.array([1, 0, -1, 0])
AHEAD_Y = np.array([0, 1, 0, -1])


@compiled
def _kind(cell, held_key, locked_colours):
    """The kind of a seen cell (uint8[4] of the map), apart from edges. held_key: colour of the held key, or -1."""
    kind, colour, state, mark = cell[0], cell[1], cell[2] % STATES, cell[2] // STATES
    if mark == OPEN_MARK and state == LOCKED and held_key != colour:
        return LOCKED_TO_OPEN
    if mark:
        return TO_GO_TO + mark - 1
    if kind == DOOR:
        if state == LOCKED:
            return FITTING_DOOR if held_key == colour else LOCKED_DOOR
        return OPEN_DOOR if state == OPEN else CLOSED_DOOR
    if kind == KEY:
        return FITTING_KEY if (locked_colours >> colour) & 1 else OTHER_KEY
    if kind == BALL:
        return A_BALL
    if kind == BOX:
        return A_BOX
    if kind == WALL:
        return SOLID
    if kind == LAVA:
        return DEADLY
    return AIM if kind == GOAL else FREE


@compiled
def _far(offset):
    """Which of five ranges an offset is in."""
    if abs(offset) <= REACH:
        return 2
    size = 1 if abs(offset) <= 2 * REACH + 1 else 2
    return 2 + size if offset > 0 else 2 - size


@compiled
def _add(token, tokens, count, met):
    """Add a token that has not been met in this state; gives the new count."""
    if met[token] or count == tokens.shape[0]:
        return count
    met[token] = True
    tokens[count] = token
    return count + 1


@compiled
def encode(maps, tokens, counts):
    """Fill tokens and counts from maps, uint8[rows, width, height, 4] of a MarkedMap."""
    width, height = maps.shape[1:3]
    kinds = np.zeros((width, height), np.int64)
    reached = np.zeros((width, height), np.bool_)
    queue = np.zeros((width * height, 3), np.int64)  # x, y, direction of the first step
    met = np.zeros(TOKENS, np.bool_)
    for row in range(maps.shape[0]):
        shown = maps[row]
        x, y, direction, locked = 0, 0, 0, 0
        for i in range(width):
            for j in range(height):
                if shown[i, j, 3] != NO_AGENT:
                    x, y, direction = i, j, int(shown[i, j, 3])
                if shown[i, j, 0] == DOOR and shown[i, j, 2] % STATES == LOCKED:
                    locked |= 1 << shown[i, j, 1]
        held_key = int(shown[x, y, 1]) if shown[x, y, 0] == KEY else -1
        met[:] = False
        count = 0
        if shown[x, y, 0] >= KEY:
            count = _add(FIRST_HAND + _kind(shown[x, y], held_key, locked), tokens[row], count, met)
        for i in range(width):
            for j in range(height):
                kinds[i, j] = -1 if shown[i, j, 0] == UNSEEN else _kind(shown[i, j], held_key, locked)
        kinds[x, y] = FREE
        for i in range(1, width - 1):
            for j in range(1, height - 1):
                if kinds[i, j] == FREE and (
                    kinds[i - 1, j] < 0 or kinds[i + 1, j] < 0 or kinds[i, j - 1] < 0 or kinds[i, j + 1] < 0
                ):
                    kinds[i, j] = EDGE
        count = _add_ways(shown, kinds, x, y, direction, reached, queue, tokens[row], count, met)
        counts[row] = _add_places(kinds, x, y, direction, tokens[row], count, met)


@compiled
def _add_ways(shown, kinds, x, y, direction, reached, queue, tokens, count, met):
    """Tokens of the first steps to the nearest of each kind: a search over free cells and open doors."""
    reached[:] = False
    reached[x, y] = True
    queue[0, 0], queue[0, 1] = x, y
    head, tail = 0, 1
    found = 1 << FREE | 1 << SOLID  # bits of the kinds that need no way, or have one
    while head < tail:
        here_x, here_y, way = queue[head]
        for turn in (0, 3, 1, 2):
            towards = (direction + turn) & 3
            i, j = here_x + AHEAD_X[towards], here_y + AHEAD_Y[towards]
            if i < 0 or j < 0 or i >= kinds.shape[0] or j >= kinds.shape[1] or reached[i, j] or kinds[i, j] < 0:
                continue
            kind = kinds[i, j]
            first = turn if head == 0 else way
            if not (found >> kind) & 1:
                found |= 1 << kind
                count = _add(FIRST_WAY + first * KINDS + kind, tokens, count, met)
            open_door = shown[i, j, 0] == DOOR and shown[i, j, 2] % STATES == OPEN
            if kind == FREE or kind == EDGE or open_door:
                reached[i, j] = True
                queue[tail, 0], queue[tail, 1], queue[tail, 2] = i, j, first
                tail += 1
        head += 1
    return count


@compiled
def _add_places(kinds, x, y, direction, tokens, count, met):
    """Tokens of what lies where, as the agent looks; gives the count of all."""
    for near in (True, False):
        for i in range(kinds.shape[0]):
            for j in range(kinds.shape[1]):
                kind = kinds[i, j]
                if kind < 0 or (not near and (kind == FREE or kind == SOLID)):
                    continue
                right, down = i - x, j - y
                ahead = right * AHEAD_X[direction] + down * AHEAD_Y[direction]
                aside = -right * AHEAD_Y[direction] + down * AHEAD_X[direction]
                if (abs(ahead) <= REACH and abs(aside) <= REACH) != near:
                    continue
                if near:
                    place = (ahead + REACH) * NEAR + aside + REACH
                    count = _add(place * KINDS + kind, tokens, count, met)
                else:
                    place = _far(ahead) * 5 + _far(aside)
                    sector = place if place < 12 else place - 1
                    count = _add(FIRST_FAR + sector * KINDS + kind, tokens, count, met)
    return count


class Relational(Network):
    """For one marked map (`MarkedMap`) of any size."""

    @classmethod
    def misfit(cls, space: spaces.Dict) -> str | None:
        """See `Network.misfit`."""
        fits = len(space) == 1 and all(isinstance(part, MarkedMap) for part in space.values())
        return None if fits else "anything but a single marked map"

    def __init__(self, space: spaces.Dict) -> None:
        super().__init__(space)
        (self._key,) = space

    def features(self, rows: int) -> dict[str, np.ndarray]:
        """Tokens and counts."""
        return {"tokens": np.zeros((rows, MOST), np.uint16), "counts": np.zeros(rows, np.int32)}

    def encode(self, observation: Mapping[str, np.ndarray], features: Mapping[str, np.ndarray]) -> None:
        """See `encode` of this module."""
        encode(observation[self._key], features["tokens"], features["counts"])

    def trunk(self, frames: int = 1) -> EgocentricTrunk:
        """Each of several frames has vectors of its own."""
        from pipeline.student.networks.modules import EgocentricTrunk

        return EgocentricTrunk(TOKENS, WIDTH, HIDDEN, frames)

    def trunk_state(self, rng: np.random.Generator, frames: int = 1) -> dict[str, np.ndarray]:
        """Small random vectors per token, orthogonal layers; older frames say nothing at first."""
        embedding = np.zeros((frames * TOKENS, WIDTH), np.float32)
        embedding[:TOKENS] = rng.normal(0, 0.1, (TOKENS, WIDTH))
        hidden = np.ascontiguousarray((orthogonal(rng, WIDTH, HIDDEN) * np.sqrt(2)).T, np.float32)
        return {
            "embedding.weight": embedding,
            "embedding_bias": np.zeros(WIDTH, np.float32),
            "hidden.weight": hidden,
            "hidden.bias": np.zeros(HIDDEN, np.float32),
        }
