"""The relational network's parameters, compiled: the layers are those of `egocentric`, over other tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.student.fused.egocentric import backward, forward, make_workspace
from pipeline.student.fused.layout import OUTPUTS, Layout, Parameter
from pipeline.student.networks.egocentric import HIDDEN
from pipeline.student.networks.relational import TOKENS, WIDTH

__all__ = ["HIDDEN", "Parts", "backward", "forward", "layout", "make_workspace", "parts_of"]


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
