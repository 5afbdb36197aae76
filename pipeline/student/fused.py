"""PPO with the teacher's loss for the egocentric student, as one compiled call per iteration, without autograd.

The same arithmetic as `losses.py` with torch's Adam, and proven equal to it by tests (gradients, and many updates in
a row). What it saves is everything between the multiplications: on two cores that is most of the time.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.egocentric import (
    ACTIONS,
    HIDDEN,
    OUTPUTS,
    WIDTH,
    forward,
    softmax,
)

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-5
"""Adam's settings, of this update and of torch's."""

LOSSES = ("policy_loss", "value_loss", "teacher_loss", "entropy")


@compiled_fast
def _column_sums(values, sums):
    """Add the sums over rows of values (float32[n, width]) to sums (float32[width])."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            sums[j] += values[k, j]


@compiled_fast
def _pass_rectifier(gradient, values):
    """Zero the gradient (float32[n, width]) where the rectified values are zero."""
    for k in range(values.shape[0]):
        for j in range(values.shape[1]):
            gradient[k, j] = gradient[k, j] if values[k, j] > 0 else np.float32(0)


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
def _backward(p, g, tokens, counts, rows, layers, at_outputs, at_hidden, at_embedded):
    """Set g (Parts) from at_outputs (float32[n, OUTPUTS]); layers are forward's, the other two are scratch."""
    embedded, hidden = layers
    np.dot(at_outputs.T, hidden, g.heads)
    _column_sums(at_outputs, g.heads_bias)
    np.dot(at_outputs, p.heads, at_hidden)
    _pass_rectifier(at_hidden, hidden)
    np.dot(embedded.T, at_hidden, g.hidden)
    _column_sums(at_hidden, g.hidden_bias)
    np.dot(at_hidden, p.hidden.T, at_embedded)
    _pass_rectifier(at_embedded, embedded)
    _column_sums(at_embedded, g.embedding_bias)
    _embedding_gradient(g, tokens, counts, rows, at_embedded)


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
def minibatch_gradient(
    p, g, tokens, counts, actions, old_log_probs, advantages, returns, teacher, labelled, rows,
    clip, value_weight, entropy_weight, teacher_weight, wasserstein, losses,
):  # fmt: skip
    """Set g (Parts), given as zeros, to the gradient of the loss of `losses.py` over the given rows.

    wasserstein  whether that, and not KL, is the distance to the teacher
    losses float64[4]: the four parts of the loss are added to it.
    Advantages are normalised over the rows: mean 0, standard deviation 1.
    """
    n = rows.shape[0]
    mean = 0.0
    for k in range(n):
        mean += advantages[rows[k]]
    mean /= n
    variance = 0.0
    for k in range(n):
        variance += (advantages[rows[k]] - mean) ** 2
    scale = 1 / (np.sqrt(variance / max(n - 1, 1)) + 1e-8)
    embedded = np.empty((n, WIDTH), np.float32)
    hidden = np.empty((n, HIDDEN), np.float32)
    outputs = np.empty((n, OUTPUTS), np.float32)
    at_outputs = np.empty((n, OUTPUTS), np.float32)
    probs = np.empty(ACTIONS, np.float32)
    forward(p, tokens, counts, rows, embedded, hidden, outputs)
    for k in range(n):
        row = rows[k]
        shift = softmax(outputs, k, probs)
        entropy = shift
        for j in range(ACTIONS):
            entropy -= probs[j] * outputs[k, j]
        action = actions[row]
        advantage = (advantages[row] - mean) * scale
        ratio = math.exp(outputs[k, action] - shift - old_log_probs[row])
        clipped = min(max(ratio, 1 - clip), 1 + clip)
        losses[0] -= min(ratio * advantage, clipped * advantage) / n
        push = -advantage * ratio / n if ratio * advantage <= clipped * advantage else 0.0
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
    at_hidden = np.empty((n, HIDDEN), np.float32)
    at_embedded = np.empty((n, WIDTH), np.float32)
    _backward(p, g, tokens, counts, rows, (embedded, hidden), at_outputs, at_hidden, at_embedded)


@compiled_fast
def _adam(theta, gradient, first, second, step, lr, grad_norm):
    """One step of Adam on the gradient, scaled down to at most `grad_norm`."""
    squares = np.float32(0)
    for k in range(theta.shape[0]):
        squares += gradient[k] * gradient[k]
    scale = np.float32(min(1.0, grad_norm / (math.sqrt(squares) + 1e-6)))
    rate = np.float32(lr / (1 - BETA1**step))
    root = np.float32(1 / math.sqrt(1 - BETA2**step))
    # 1 - beta is taken in double precision: in single, 1 - 0.999 is wrong in its fifth digit.
    weight1, weight2, epsilon = np.float32(1 - BETA1), np.float32(1 - BETA2), np.float32(EPSILON)
    for k in range(theta.shape[0]):
        g = gradient[k] * scale
        first[k] += weight1 * (g - first[k])
        second[k] += weight2 * (g * g - second[k])
        theta[k] -= rate * first[k] / (math.sqrt(second[k]) * root + epsilon)


@compiled
def update(
    theta, p, gradient, g, first, second, step, tokens, counts, actions, old_log_probs, advantages, returns, teacher,
    labelled, orders, minibatch, lr, clip, grad_norm, value_weight, entropy_weight, teacher_weight, wasserstein, losses,
):  # fmt: skip
    """All epochs of one iteration, in place; returns Adam's step count afterwards.

    theta, gradient, first, second  float32[PARAMETERS]: parameters, scratch, Adam's moments; p and g are theta's and
                                    gradient's Parts
    orders int64[epochs, rows]: each epoch's order of rows; an incomplete last minibatch is left out.
    losses float64[4]: set to the means of LOSSES over all minibatches.
    """
    losses[:] = 0
    minibatches = 0
    for epoch in range(orders.shape[0]):
        for start in range(0, orders.shape[1] - minibatch + 1, minibatch):
            rows = orders[epoch, start : start + minibatch]
            gradient[:] = 0
            minibatch_gradient(
                p, g, tokens, counts, actions, old_log_probs, advantages, returns, teacher, labelled, rows,
                clip, value_weight, entropy_weight, teacher_weight, wasserstein, losses,
            )  # fmt: skip
            step += 1
            minibatches += 1
            _adam(theta, gradient, first, second, step, lr, grad_norm)
    losses /= minibatches
    return step
