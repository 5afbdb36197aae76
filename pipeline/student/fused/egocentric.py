"""The egocentric network's parameters, its layers and their gradient, compiled for the CPU.

What it feeds on is in `networks/egocentric.py`. The first layer adds one learned vector per token; two small layers
follow. `networks/modules.py` has the same network in torch, and a test holds both to the same numbers.

| symbol | shape | meaning |
|---|---|---|
| tokens | uint16[rows, 100] | place * KINDS + kind - 1, for each seen cell in the window |
| counts | int32[rows] | how many of a row's tokens count |
| theta | float32[parameters] | all parameters, in the order of `Parts` |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.fused.layers import add_bias, column_sums, pass_rectifier, rectify
from pipeline.student.fused.layout import OUTPUTS, Layout, Parameter
from pipeline.student.networks.egocentric import HIDDEN, TOKENS, WIDTH


class Parts(NamedTuple):
    """The network's parameters, or their gradient, by name; the last output is the value."""

    embedding: np.ndarray  # float32[TOKENS, WIDTH]
    embedding_bias: np.ndarray  # float32[WIDTH]
    hidden: np.ndarray  # float32[WIDTH, HIDDEN]
    hidden_bias: np.ndarray  # float32[HIDDEN]
    heads: np.ndarray  # float32[outputs, HIDDEN]
    heads_bias: np.ndarray  # float32[outputs]


def layout(outputs: int = OUTPUTS) -> Layout:
    """Of the network with so many outputs."""
    return Layout(
        Parameter("trunk.embedding.weight", (TOKENS, WIDTH)),
        Parameter("trunk.embedding_bias", (WIDTH,)),
        Parameter("trunk.hidden.weight", (HIDDEN, WIDTH), (1, 0)),
        Parameter("trunk.hidden.bias", (HIDDEN,)),
        Parameter("heads.weight", (outputs, HIDDEN)),
        Parameter("heads.bias", (outputs,)),
    )


def parts_of(theta: np.ndarray, outputs: int = OUTPUTS) -> Parts:
    """Views of a flat array (float32[parameters]) as the network's parts."""
    return Parts(*layout(outputs).views(theta))


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


def make_workspace(rows: int, outputs: int = OUTPUTS) -> None:
    """These layers keep nothing between calls."""


class Layers(NamedTuple):
    """What a forward pass over n rows leaves for the backward pass."""

    embedded: np.ndarray  # float32[n, WIDTH]
    hidden: np.ndarray  # float32[n, HIDDEN]
    outputs: np.ndarray  # float32[n, outputs]


@compiled
def forward(p, work, features, rows):  # noqa: ARG001 (work: for networks that keep arrays between calls)
    """The network on n rows (int64[n]) of features, which are tokens and counts; gives its Layers. p: Parts."""
    tokens, counts = features
    embedded = np.empty((rows.shape[0], p.embedding_bias.shape[0]), np.float32)
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
    """Add to g (Parts, given as zeros) the gradient of what has the gradient at_outputs (float32[n, outputs])."""
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
