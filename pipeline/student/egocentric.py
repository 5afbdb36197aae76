"""The egocentric student: what it feeds on, its parameters, and how it acts, compiled for the CPU.

Each cell that the agent has seen becomes a token: where it lies from where the agent stands and looks (11 x 11 places)
and what kind of cell it is. The first layer adds one learned vector per token; two small layers follow. `network.py`
has the same network in torch, and a test holds both to the same numbers.

| symbol | shape | meaning |
|---|---|---|
| tokens | uint16[rows, 100] | place * KINDS + kind - 1, for each seen cell in the window |
| counts | int32[rows] | how many of a row's tokens count |
| theta | float32[PARAMETERS] | all parameters, in the order of `Parts` |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled, compiled_fast

REACH = 5
SIDE = 2 * REACH + 1
KINDS = 5
TOKENS = SIDE * SIDE * KINDS
WIDTH = 32
HIDDEN = 64
ACTIONS = 7
OUTPUTS = ACTIONS + 1
GRID = 10
CELLS = GRID * GRID
OUTSIDE = 255


class Parts(NamedTuple):
    """The network's parameters, or their gradient, by name; the last output is the value."""

    embedding: np.ndarray  # float32[TOKENS, WIDTH]
    embedding_bias: np.ndarray  # float32[WIDTH]
    hidden: np.ndarray  # float32[WIDTH, HIDDEN]
    hidden_bias: np.ndarray  # float32[HIDDEN]
    heads: np.ndarray  # float32[OUTPUTS, HIDDEN]
    heads_bias: np.ndarray  # float32[OUTPUTS]


SHAPES = ((TOKENS, WIDTH), (WIDTH,), (WIDTH, HIDDEN), (HIDDEN,), (OUTPUTS, HIDDEN), (OUTPUTS,))
"""Shape of each part, in order."""
PARAMETERS = sum(int(np.prod(shape)) for shape in SHAPES)
TORCH_NAMES = ("embedding.weight", "embedding_bias", "hidden.weight", "hidden.bias", "heads.weight", "heads.bias")
"""What torch's state dict calls each part."""
TRANSPOSED = ("hidden.weight",)
"""Torch keeps linear weights as [outputs, inputs]; here the layout follows the inner loops."""


def parts_of(theta: np.ndarray) -> Parts:
    """Views of a flat array (float32[PARAMETERS]) as the network's parts."""
    views = []
    start = 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        views.append(theta[start : start + size].reshape(shape))
        start += size
    return Parts(*views)


def initial_parameters(rng: np.random.Generator) -> np.ndarray:
    """float32[PARAMETERS]: small random vectors per token, orthogonal layers, a nearly uniform first policy."""
    theta = np.zeros(PARAMETERS, np.float32)
    parts = parts_of(theta)
    parts.embedding[:] = rng.normal(0, 0.1, (TOKENS, WIDTH))
    parts.hidden[:] = _orthogonal(rng, WIDTH, HIDDEN) * np.sqrt(2)
    parts.heads[:ACTIONS] = _orthogonal(rng, ACTIONS, HIDDEN) * 0.01
    parts.heads[ACTIONS:] = _orthogonal(rng, 1, HIDDEN)
    return theta


def to_state_dict(theta: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters as torch's `EgocentricNetwork.state_dict()` has them (linear weights [outputs, inputs])."""
    named = zip(TORCH_NAMES, parts_of(theta), strict=True)
    return {name: part.T.copy() if name in TRANSPOSED else part.copy() for name, part in named}


def from_state_dict(state: Mapping[str, np.ndarray]) -> np.ndarray:
    """theta (float32[PARAMETERS]) from such a state dict. Raises ValueError for other names or shapes."""
    theta = np.zeros(PARAMETERS, np.float32)
    if set(state) != set(TORCH_NAMES):
        raise ValueError(f"wanted parameters {', '.join(TORCH_NAMES)}; found {', '.join(state)}")
    for name, part in zip(TORCH_NAMES, parts_of(theta), strict=True):
        value = state[name].T if name in TRANSPOSED else state[name]
        if value.shape != part.shape:
            raise ValueError(f"{name} has shape {state[name].shape}, not that of this network")
        part[:] = value
    return theta


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A random matrix with orthonormal rows or columns, whichever are fewer."""
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _window_places() -> np.ndarray:
    """uint8[100 agent cells, 4 directions, 100 cells]: place in the agent's window, OUTSIDE if beyond it."""
    ahead = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # [4, xy]
    cells = np.stack(np.divmod(np.arange(CELLS), GRID), -1)  # [100, xy]
    offset = cells[None, :] - cells[:, None]  # [agent, cell, xy]
    forward = np.einsum("acx,dx->adc", offset, ahead)
    aside = np.einsum("acx,dx->adc", offset, np.stack([-ahead[:, 1], ahead[:, 0]], -1))
    inside = (np.abs(forward) <= REACH) & (np.abs(aside) <= REACH)
    return np.where(inside, (forward + REACH) * SIDE + aside + REACH, OUTSIDE).astype(np.uint8)


PLACES = _window_places()


@compiled
def encode(maps, cell_kinds, places, tokens, counts):
    """Fill tokens and counts from maps (uint8[rows, 10, 10, 4]).

    cell_kinds  uint8[objects, colours]: 1..KINDS, or 0 for cells that say nothing (unseen ones)
    places      uint8[100, 4, 100]: PLACES
    """
    for row in range(maps.shape[0]):
        agent = 0
        direction = 0
        for x in range(GRID):
            for y in range(GRID):
                if maps[row, x, y, 3] < 4:
                    agent = x * GRID + y
                    direction = maps[row, x, y, 3]
        count = 0
        for x in range(GRID):
            for y in range(GRID):
                kind = cell_kinds[maps[row, x, y, 0], maps[row, x, y, 1]]
                place = places[agent, direction, x * GRID + y]
                if kind and place != OUTSIDE:
                    tokens[row, count] = place * KINDS + kind - 1
                    count += 1
        counts[row] = count


@compiled_fast
def _embed(p, tokens, counts, rows, embedded):
    """Fill embedded (float32[n, WIDTH]) with the first layer's outputs for the given rows."""
    for k in range(rows.shape[0]):
        row = rows[k]
        for j in range(embedded.shape[1]):  # lengths the compiler doesn't know become vector code, known ones don't
            embedded[k, j] = p.embedding_bias[j]
        for c in range(counts[row]):
            token = tokens[row, c]
            for j in range(embedded.shape[1]):
                embedded[k, j] += p.embedding[token, j]
        for j in range(embedded.shape[1]):
            embedded[k, j] = max(embedded[k, j], np.float32(0))


@compiled_fast
def add_bias(values, bias):
    """Add bias (float32[width]) to each row of values (float32[n, width])."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[k, j] += bias[j]


@compiled_fast
def _rectify(values):
    """Replace negative values (float32[n, width]) by zero."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[k, j] = max(values[k, j], np.float32(0))


@compiled
def forward(p, tokens, counts, rows, embedded, hidden, outputs):
    """The network on n rows (int64[n]); fills each layer: float32[n, WIDTH], [n, HIDDEN] and [n, OUTPUTS]; p: Parts."""
    _embed(p, tokens, counts, rows, embedded)
    np.dot(embedded, p.hidden, hidden)
    add_bias(hidden, p.hidden_bias)
    _rectify(hidden)
    np.dot(hidden, p.heads.T, outputs)
    add_bias(outputs, p.heads_bias)


@compiled_fast
def softmax(outputs, k, probs):
    """Fill probs (float32[ACTIONS]) for row k of outputs; returns what an output exceeds its log-probability by."""
    top = outputs[k, 0]
    for j in range(1, ACTIONS):
        top = max(top, outputs[k, j])
    total = np.float32(0)
    for j in range(ACTIONS):
        probs[j] = math.exp(outputs[k, j] - top)
        total += probs[j]
    share = np.float32(1) / total
    for j in range(ACTIONS):
        probs[j] *= share
    return top + math.log(total)


@compiled
def act(p, tokens, counts, uniforms, greedy, actions, log_probs, values):
    """Choose an action per row: by inverting the cumulated probabilities at `uniforms`, or the most probable one.

    uniforms float32[rows] in [0, 1); actions int64[rows]; log_probs (of the action) and values float32[rows].
    """
    n = counts.shape[0]
    embedded = np.empty((n, WIDTH), np.float32)
    hidden = np.empty((n, HIDDEN), np.float32)
    outputs = np.empty((n, OUTPUTS), np.float32)
    probs = np.empty(ACTIONS, np.float32)
    forward(p, tokens, counts, np.arange(n), embedded, hidden, outputs)
    for row in range(n):
        shift = softmax(outputs, row, probs)
        action = 0
        if greedy:
            for j in range(1, ACTIONS):
                if outputs[row, j] > outputs[row, action]:
                    action = j
        else:
            left = uniforms[row] - probs[0]
            while left >= 0 and action < ACTIONS - 1:
                action += 1
                left -= probs[action]
        actions[row] = action
        log_probs[row] = outputs[row, action] - shift
        values[row] = outputs[row, ACTIONS]
