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
    flat = values.reshape(-1)
    for k in range(flat.shape[0]):
        flat[k] = max(flat[k], np.float32(0))


@compiled_fast
def pass_rectifier(gradient, values):
    """Zero the gradient where the rectified values are zero."""
    flat, passed = gradient.reshape(-1), values.reshape(-1)
    for k in range(flat.shape[0]):
        flat[k] = flat[k] if passed[k] > 0 else np.float32(0)


@compiled_fast
def column_sums(values, sums):
    """Add the sums over rows of values to sums (float32[width])."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            sums[j] += values[k, j]
