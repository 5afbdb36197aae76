"""PPO with the teacher's loss for the egocentric student, as one compiled call per iteration, without autograd.

The same arithmetic as `losses.py` with torch's Adam, and proven equal to it by tests (gradients, and many updates in
a row). What it saves is everything between the multiplications: on two cores that is most of the time.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.egocentric import (
    ACTIONS,
    AT_EMBEDDING,
    AT_EMBEDDING_BIAS,
    AT_HEADS,
    AT_HEADS_BIAS,
    AT_HIDDEN,
    AT_HIDDEN_BIAS,
    HIDDEN,
    OUTPUTS,
    WIDTH,
    forward,
    log_softmax,
)

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-5
"""Adam's settings, those of `losses.py`."""

LOSSES = ("policy_loss", "value_loss", "teacher_loss", "entropy")


@compiled_fast
def _backward(theta, gradient, tokens, counts, row, embedded, hidden, at_outputs, at_hidden, at_embedded):
    """Add one row's gradient, given at_outputs (float32[OUTPUTS]); the other two are scratch."""
    for j in range(OUTPUTS):
        gradient[AT_HEADS_BIAS + j] += at_outputs[j]
    for i in range(HIDDEN):
        at = AT_HEADS + i * OUTPUTS
        total = np.float32(0)
        if hidden[i] > 0:
            for j in range(OUTPUTS):
                total += theta[at + j] * at_outputs[j]
            for j in range(OUTPUTS):
                gradient[at + j] += hidden[i] * at_outputs[j]
        at_hidden[i] = total
        gradient[AT_HIDDEN_BIAS + i] += total
    for i in range(WIDTH):
        at = AT_HIDDEN + i * HIDDEN
        total = np.float32(0)
        if embedded[i] > 0:
            for j in range(HIDDEN):
                total += theta[at + j] * at_hidden[j]
            for j in range(HIDDEN):
                gradient[at + j] += embedded[i] * at_hidden[j]
        at_embedded[i] = total
        gradient[AT_EMBEDDING_BIAS + i] += total
    for k in range(counts[row]):
        at = AT_EMBEDDING + np.int64(tokens[row, k]) * WIDTH
        for j in range(WIDTH):
            gradient[at + j] += at_embedded[j]


@compiled
def minibatch_gradient(
    theta, gradient, tokens, counts, actions, old_log_probs, advantages, returns, teacher, labelled, rows,
    clip, value_weight, entropy_weight, teacher_weight, losses,
):  # fmt: skip
    """Set gradient to that of the loss of `losses.py` over the given rows; add the four mean losses to `losses`.

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
    gradient[:] = 0
    embedded = np.empty(WIDTH, np.float32)
    hidden = np.empty(HIDDEN, np.float32)
    outputs = np.empty(OUTPUTS, np.float32)
    log_probs = np.empty(ACTIONS, np.float32)
    probs = np.empty(ACTIONS, np.float32)
    at_outputs = np.empty(OUTPUTS, np.float32)
    at_hidden = np.empty(HIDDEN, np.float32)
    at_embedded = np.empty(WIDTH, np.float32)
    for k in range(n):
        row = rows[k]
        forward(theta, tokens, counts, row, embedded, hidden, outputs)
        log_softmax(outputs, log_probs)
        entropy = 0.0
        for j in range(ACTIONS):
            probs[j] = np.exp(log_probs[j])
            entropy -= probs[j] * log_probs[j]
        action = actions[row]
        advantage = (advantages[row] - mean) * scale
        ratio = np.exp(log_probs[action] - old_log_probs[row])
        clipped = min(max(ratio, 1 - clip), 1 + clip)
        losses[0] -= min(ratio * advantage, clipped * advantage) / n
        push = -advantage * ratio / n if ratio * advantage <= clipped * advantage else 0.0
        error = outputs[ACTIONS] - returns[row]
        losses[1] += 0.5 * error * error / n
        losses[3] += entropy / n
        pull = teacher_weight / n if labelled[row] else 0.0
        for j in range(ACTIONS):
            chosen = 1.0 if j == action else 0.0
            at_outputs[j] = push * (chosen - probs[j]) + entropy_weight / n * probs[j] * (log_probs[j] + entropy)
            if labelled[row]:
                at_outputs[j] += pull * (probs[j] - teacher[row, j])
                if teacher[row, j] > 0:
                    losses[2] += teacher[row, j] * (np.log(teacher[row, j]) - log_probs[j]) / n
        at_outputs[ACTIONS] = value_weight * error / n
        _backward(theta, gradient, tokens, counts, row, embedded, hidden, at_outputs, at_hidden, at_embedded)


@compiled_fast
def _adam(theta, gradient, first, second, step, lr, grad_norm):
    """One step of Adam on the gradient, scaled down to at most `grad_norm`."""
    squares = np.float32(0)
    for k in range(theta.shape[0]):
        squares += gradient[k] * gradient[k]
    scale = np.float32(min(1.0, grad_norm / (np.sqrt(squares) + 1e-6)))
    rate = np.float32(lr / (1 - BETA1**step))
    root = np.float32(1 / np.sqrt(1 - BETA2**step))
    beta1, beta2, epsilon = np.float32(BETA1), np.float32(BETA2), np.float32(EPSILON)
    for k in range(theta.shape[0]):
        g = gradient[k] * scale
        first[k] += (np.float32(1) - beta1) * (g - first[k])
        second[k] += (np.float32(1) - beta2) * (g * g - second[k])
        theta[k] -= rate * first[k] / (np.sqrt(second[k]) * root + epsilon)


@compiled
def update(
    theta, gradient, first, second, step, tokens, counts, actions, old_log_probs, advantages, returns, teacher,
    labelled, orders, minibatch, lr, clip, grad_norm, value_weight, entropy_weight, teacher_weight, losses,
):  # fmt: skip
    """All epochs of one iteration, in place; returns Adam's step count afterwards.

    orders int64[epochs, rows]: each epoch's order of rows; an incomplete last minibatch is left out.
    losses float64[4]: set to the means of LOSSES over all minibatches.
    """
    losses[:] = 0
    minibatches = 0
    for epoch in range(orders.shape[0]):
        for start in range(0, orders.shape[1] - minibatch + 1, minibatch):
            rows = orders[epoch, start : start + minibatch]
            minibatch_gradient(
                theta, gradient, tokens, counts, actions, old_log_probs, advantages, returns, teacher, labelled, rows,
                clip, value_weight, entropy_weight, teacher_weight, losses,
            )  # fmt: skip
            step += 1
            minibatches += 1
            _adam(theta, gradient, first, second, step, lr, grad_norm)
    losses /= minibatches
    return step
