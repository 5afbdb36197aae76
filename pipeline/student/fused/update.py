"""The paper's Eq. 2 as it runs by default: acting, the loss's gradient and Adam, compiled, without autograd.

The same arithmetic as `student/losses.py` with torch's Adam, and proven equal to it by tests (gradients, and many
updates in a row). What it saves is everything between the multiplications: on two cores that is most of the time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.fused import convolutional, egocentric, relational
from pipeline.student.fused.layout import ACTIONS, OUTPUTS
from pipeline.student.student import BETA1, BETA2


class Experience(NamedTuple):
    """What the loss needs of a rollout besides the features; see `Rollout`."""

    actions: np.ndarray  # int64[rows]
    log_probs: np.ndarray  # float32[rows]: of those actions when they were taken
    advantages: np.ndarray  # float32[rows]
    returns: np.ndarray  # float32[rows]
    teacher: np.ndarray  # float32[rows, ACTIONS]
    labelled: np.ndarray  # bool[rows]


class Coefficients(NamedTuple):
    """What the loss is made of; see `UpdateSettings`."""

    clip: float
    policy: float
    value: float
    entropy: float
    teacher: float
    wasserstein: bool  # whether that, and not KL, is the distance to the teacher


class Adam(NamedTuple):
    """The optimiser's arrays, float32[parameters] each, and its settings for one update."""

    theta: np.ndarray
    gradient: np.ndarray
    first: np.ndarray
    second: np.ndarray
    lr: float
    epsilon: float
    grad_norm: float


NETWORKS = {
    egocentric.Parts: egocentric,
    relational.Parts: relational,
    convolutional.Parts: convolutional,
}
"""Whose layers are meant, by the parameters that are given."""


def _forward(p, work, features, rows):
    """A network's Layers for those rows (int64[n]) of the features."""
    return NETWORKS[type(p)].forward(p, work, features, rows)


def _backward(p, g, work, features, rows, layers, at_outputs):
    """Add to g the gradient of what has the gradient at_outputs by the outputs."""
    NETWORKS[type(p)].backward(p, g, work, features, rows, layers, at_outputs)


@overload(_forward)
def _compiled_forward(p, work, features, rows):  # noqa: ARG001 (compiled code tells networks apart by their types)
    forward = NETWORKS[p.instance_class].forward
    return lambda p, work, features, rows: forward(p, work, features, rows)


@overload(_backward)
def _compiled_backward(p, g, work, features, rows, layers, at_outputs):  # noqa: ARG001
    backward = NETWORKS[p.instance_class].backward
    return lambda p, g, work, features, rows, layers, at_outputs: backward(
        p, g, work, features, rows, layers, at_outputs
    )


@compiled_fast
def _softmax(outputs, k, probs):
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
def act(p, work, features, uniforms, greedy, actions, log_probs, values):
    """Choose an action per row: by inverting the cumulated probabilities at `uniforms`, or the most probable one.

    p, work, features  a network's Parts, its workspace, and the arrays that it feeds on
    uniforms float32[rows] in [0, 1); actions int64[rows]; log_probs (of the action) and values float32[rows].
    """
    outputs = _forward(p, work, features, np.arange(actions.shape[0])).outputs
    probs = np.empty(ACTIONS, np.float32)
    for row in range(outputs.shape[0]):
        shift = _softmax(outputs, row, probs)
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


@compiled_fast
def _kl_pull(probs, outputs, shift, teacher, pull, at_outputs):
    """KL(teacher || student) of one row; adds `pull` times its gradient to that of the outputs."""
    distance = 0.0
    for j in range(ACTIONS):
        wanted = teacher[j]
        at_outputs[j] += pull * (probs[j] - wanted)
        if wanted > 0:
            distance += wanted * (math.log(wanted) - outputs[j] + shift)
    return distance


@compiled_fast
def _wasserstein_pull(probs, teacher, pull, at_outputs):
    """W1 between teacher and student in one row, all actions one apart; adds `pull` times its gradient likewise."""
    distance, mean = 0.0, 0.0
    for j in range(ACTIONS):
        distance += 0.5 * abs(probs[j] - teacher[j])
        mean += 0.5 * np.sign(probs[j] - teacher[j]) * probs[j]
    for j in range(ACTIONS):
        at_outputs[j] += pull * probs[j] * (0.5 * np.sign(probs[j] - teacher[j]) - mean)
    return distance


@compiled
def minibatch_gradient(p, g, work, features, experience, rows, coefficients, losses):
    """Set g (Parts), given as zeros, to the gradient of the loss of `losses.py` over the given rows (int64[n]).

    experience, coefficients  Experience and Coefficients
    losses  float64[4]: the four parts of the loss are added to it
    Advantages are normalised over the rows: mean 0, standard deviation 1.
    """
    actions, old_log_probs, advantages, returns, teacher, labelled = experience
    clip, policy_weight, value_weight, entropy_weight, teacher_weight, wasserstein = coefficients
    n = rows.shape[0]
    mean = 0.0
    for k in range(n):
        mean += advantages[rows[k]]
    mean /= n
    variance = 0.0
    for k in range(n):
        variance += (advantages[rows[k]] - mean) ** 2
    scale = 1 / (np.sqrt(variance / max(n - 1, 1)) + 1e-8)
    layers = _forward(p, work, features, rows)
    outputs = layers.outputs
    at_outputs = np.empty((n, OUTPUTS), np.float32)
    probs = np.empty(ACTIONS, np.float32)
    for k in range(n):
        row = rows[k]
        shift = _softmax(outputs, k, probs)
        entropy = shift
        for j in range(ACTIONS):
            entropy -= probs[j] * outputs[k, j]
        action = actions[row]
        advantage = (advantages[row] - mean) * scale
        ratio = math.exp(outputs[k, action] - shift - old_log_probs[row])
        clipped = min(max(ratio, 1 - clip), 1 + clip)
        losses[0] -= min(ratio * advantage, clipped * advantage) / n
        push = -policy_weight * advantage * ratio / n if ratio * advantage <= clipped * advantage else 0.0
        error = outputs[k, ACTIONS] - returns[row]
        losses[1] += 0.5 * error * error / n
        losses[3] += entropy / n
        for j in range(ACTIONS):
            chosen = 1.0 if j == action else 0.0
            spread = probs[j] * (outputs[k, j] - shift + entropy)
            at_outputs[k, j] = push * (chosen - probs[j]) + entropy_weight / n * spread
        if labelled[row] and teacher_weight > 0:
            pull = teacher_weight / n
            if wasserstein:
                losses[2] += _wasserstein_pull(probs, teacher[row], pull, at_outputs[k]) / n
            else:
                losses[2] += _kl_pull(probs, outputs[k], shift, teacher[row], pull, at_outputs[k]) / n
        at_outputs[k, ACTIONS] = value_weight * error / n
    _backward(p, g, work, features, rows, layers, at_outputs)


@compiled_fast
def adam_step(adam, step):
    """Adam's step number `step` (from 1 on) on the gradient, scaled down to at most `grad_norm`, in place."""
    theta, gradient, first, second, lr, _, grad_norm = adam
    squares = np.float32(0)
    for k in range(theta.shape[0]):
        squares += gradient[k] * gradient[k]
    scale = np.float32(min(1.0, grad_norm / (math.sqrt(squares) + 1e-6)))
    rate = np.float32(lr / (1 - BETA1**step))
    root = np.float32(1 / math.sqrt(1 - BETA2**step))
    # 1 - beta is taken in double precision: in single, 1 - 0.999 is wrong in its fifth digit.
    weight1, weight2, epsilon = np.float32(1 - BETA1), np.float32(1 - BETA2), np.float32(adam.epsilon)
    for k in range(theta.shape[0]):
        g = gradient[k] * scale
        first[k] += weight1 * (g - first[k])
        second[k] += weight2 * (g * g - second[k])
        theta[k] -= rate * first[k] / (math.sqrt(second[k]) * root + epsilon)


@compiled
def update(p, g, work, features, experience, orders, minibatch, coefficients, adam, step, losses):
    """All epochs of one iteration, in place; returns Adam's step count afterwards.

    p, g    Parts of adam's theta and gradient
    orders  int64[epochs, rows]: each epoch's order of rows; an incomplete last minibatch is left out
    losses  float64[4]: set to the means of LOSSES over all minibatches
    """
    losses[:] = 0
    minibatches = 0
    for epoch in range(orders.shape[0]):
        for start in range(0, orders.shape[1] - minibatch + 1, minibatch):
            adam.gradient[:] = 0
            rows = orders[epoch, start : start + minibatch]
            minibatch_gradient(p, g, work, features, experience, rows, coefficients, losses)
            step += 1
            minibatches += 1
            adam_step(adam, step)
    losses /= minibatches
    return step
