"""The teacher's weight lambda over the iterations (paper Eq. 3)."""

from __future__ import annotations

from pipeline.params import Schedule


def teacher_weight(schedule: Schedule, iteration: int) -> float:
    """lambda_i of Eq. 3: a linear fall from lambda_0 that reaches lambda_c at i1, lambda_c until i2, then 0.

    The decay rate k of the paper follows from its ends, k = (lambda_0 - lambda_c) / i1. Iterations count from 0; where
    the schedule counts steps, an iteration stands where its first step does.
    """
    i = iteration * schedule.units
    if i >= schedule.i2:
        return 0.0
    if i >= schedule.i1:
        return schedule.lambda_c
    decay = (schedule.lambda_0 - schedule.lambda_c) / schedule.i1
    return schedule.lambda_0 - decay * i


def linear(start: float, end: float, iteration: int, iterations: int) -> float:
    """A value that falls (or rises) linearly from `start` at iteration 0 to `end` at the last of `iterations`."""
    if iterations <= 1:
        return start
    return start + (end - start) * min(iteration, iterations - 1) / (iterations - 1)
