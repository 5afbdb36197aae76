"""Which network's layers are meant: those of the Parts that are given, known when the caller is compiled."""

from __future__ import annotations

from numba.extending import overload

from pipeline.student.fused import convolutional, egocentric, relational

NETWORKS = {egocentric.Parts: egocentric, relational.Parts: relational, convolutional.Parts: convolutional}
"""Whose layers are meant, by the parameters that are given."""


def forward(p, work, features, rows):
    """A network's Layers for those rows (int64[n]) of the features."""
    return NETWORKS[type(p)].forward(p, work, features, rows)


def backward(p, g, work, features, rows, layers, at_outputs):
    """Add to g the gradient of what has the gradient at_outputs by the outputs."""
    NETWORKS[type(p)].backward(p, g, work, features, rows, layers, at_outputs)


@overload(forward)
def _compiled_forward(p, work, features, rows):  # noqa: ARG001 (compiled code tells networks apart by their types)
    forward = NETWORKS[p.instance_class].forward
    return lambda p, work, features, rows: forward(p, work, features, rows)


@overload(backward)
def _compiled_backward(p, g, work, features, rows, layers, at_outputs):  # noqa: ARG001
    backward = NETWORKS[p.instance_class].backward
    return lambda p, g, work, features, rows, layers, at_outputs: backward(
        p, g, work, features, rows, layers, at_outputs
    )
