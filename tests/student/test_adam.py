"""The compiled update's optimiser against its definition."""

from __future__ import annotations

import numpy as np

from pipeline.student import fused


def test_adam_by_hand():
    """Kingma and Ba 2015, Algorithm 1, with the settings of PPO's common implementations, on gradients cut at 0.5."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=6).astype(np.float32)
    first, second = np.zeros((2, 6), np.float32)
    expected, m, v = theta.astype(float), np.zeros(6), np.zeros(6)
    for step, size in enumerate((1e-8, 1, 1e-3, 10, 1e-2), 1):
        gradient = (size * rng.normal(size=6) * np.logspace(-3, 0, 6)).astype(np.float32)
        g = gradient.astype(float) * min(1, 0.5 / np.linalg.norm(gradient))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        expected -= 0.01 * m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-5)
        fused._adam(theta, gradient, first, second, step, 0.01, 0.5)
        np.testing.assert_allclose(theta, expected, atol=2e-6)
