"""What layers of a network have in common, forwards and backwards, compiled; arrays are float32[rows, width]."""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled_fast


@compiled_fast
def add_bias(values, bias):
    """Add bias (float32[width]) to each row of values."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[k, j] += bias[j]


@compiled_fast
def rectify(values):
    """Replace negative values by zero."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[k, j] = max(values[k, j], np.float32(0))


@compiled_fast
def pass_rectifier(gradient, values):
    """Zero the gradient where the rectified values are zero."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            gradient[k, j] = gradient[k, j] if values[k, j] > 0 else np.float32(0)


@compiled_fast
def column_sums(values, sums):
    """Add the sums over rows of values to sums (float32[width])."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            sums[j] += values[k, j]
