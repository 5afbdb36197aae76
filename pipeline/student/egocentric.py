"""The egocentric student: what it feeds on, its parameters, its layers and their gradient, compiled for the CPU.

Each cell that the agent has seen becomes a token: where it lies from where the agent stands and looks (11 x 11 places)
and what kind of cell it is. The first layer adds one learned vector per token; two small layers follow. `network.py`
has the same network in torch, and a test holds both to the same numbers.

| symbol | shape | meaning |
|---|---|---|
| tokens | uint16[rows, 100] | place * KINDS + kind - 1, for each seen cell in the window |
| counts | int32[rows] | how many of a row's tokens count |
| theta | float32[LAYOUT.size] | all parameters, in the order of `Parts` |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.layers import add_bias, column_sums, pass_rectifier, rectify
from pipeline.student.layout import Layout, Parameter, orthogonal

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


LAYOUT = Layout(
    Parameter("embedding.weight", (TOKENS, WIDTH)),
    Parameter("embedding_bias", (WIDTH,)),
    Parameter("hidden.weight", (HIDDEN, WIDTH), (1, 0)),
    Parameter("hidden.bias", (HIDDEN,)),
    Parameter("heads.weight", (OUTPUTS, HIDDEN)),
    Parameter("heads.bias", (OUTPUTS,)),
)


def parts_of(theta: np.ndarray) -> Parts:
    """Views of a flat array (float32[LAYOUT.size]) as the network's parts."""
    return Parts(*LAYOUT.views(theta))


def initial_parameters(rng: np.random.Generator) -> np.ndarray:
    """float32[LAYOUT.size]: small random vectors per token, orthogonal layers, a nearly uniform first policy."""
    theta = np.zeros(LAYOUT.size, np.float32)
    parts = parts_of(theta)
    parts.embedding[:] = rng.normal(0, 0.1, (TOKENS, WIDTH))
    parts.hidden[:] = orthogonal(rng, WIDTH, HIDDEN) * np.sqrt(2)
    parts.heads[:ACTIONS] = orthogonal(rng, ACTIONS, HIDDEN) * 0.01
    parts.heads[ACTIONS:] = orthogonal(rng, 1, HIDDEN)
    return theta


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


class Layers(NamedTuple):
    """What a forward pass over n rows leaves for the backward pass."""

    embedded: np.ndarray  # float32[n, WIDTH]
    hidden: np.ndarray  # float32[n, HIDDEN]
    outputs: np.ndarray  # float32[n, OUTPUTS]


@compiled
def forward(p, work, features, rows):  # noqa: ARG001 (work: for networks that keep arrays between calls)
    """The network on n rows (int64[n]) of features, which are tokens and counts; gives its Layers. p: Parts."""
    tokens, counts = features
    embedded = np.empty((rows.shape[0], WIDTH), np.float32)
    _embed(p, tokens, counts, rows, embedded)
    hidden = np.dot(embedded, p.hidden)
    add_bias(hidden, p.hidden_bias)
    rectify(hidden)
    outputs = np.dot(hidden, p.heads.T)
    add_bias(outputs, p.heads_bias)
    return Layers(embedded, hidden, outputs)


@compiled_fast
def _embedding_gradient(g, tokens, counts, rows, at_embedded):
    """Add each row's gradient to the vectors of its tokens."""
    for k in range(rows.shape[0]):
        row = rows[k]
        for c in range(counts[row]):
            token = tokens[row, c]
            for j in range(at_embedded.shape[1]):
                g.embedding[token, j] += at_embedded[k, j]


@compiled
def backward(p, g, work, features, rows, layers, at_outputs):  # noqa: ARG001
    """Add to g (Parts, given as zeros) the gradient of what has the gradient at_outputs (float32[n, OUTPUTS])."""
    tokens, counts = features
    np.dot(at_outputs.T, layers.hidden, g.heads)
    column_sums(at_outputs, g.heads_bias)
    at_hidden = np.dot(at_outputs, p.heads)
    pass_rectifier(at_hidden, layers.hidden)
    np.dot(layers.embedded.T, at_hidden, g.hidden)
    column_sums(at_hidden, g.hidden_bias)
    at_embedded = np.dot(at_hidden, p.hidden.T)
    pass_rectifier(at_embedded, layers.embedded)
    column_sums(at_embedded, g.embedding_bias)
    _embedding_gradient(g, tokens, counts, rows, at_embedded)
