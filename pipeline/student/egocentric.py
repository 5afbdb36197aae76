"""The egocentric student: what it feeds on, its parameters, and how it acts, compiled for the CPU.

Each cell that the agent has seen becomes a token: where it lies from where the agent stands and looks (11 x 11 places)
and what kind of cell it is. The first layer adds one learned vector per token; two small layers follow. `network.py`
has the same network in torch, and a test holds both to the same numbers.

| symbol | shape | meaning |
|---|---|---|
| tokens | uint16[rows, 100] | place * KINDS + kind - 1, for each seen cell in the window |
| counts | int32[rows] | how many of a row's tokens count |
| theta | float32[PARAMETERS] | all parameters, in the order of LAYOUT |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.compiled import compiled, compiled_fast

REACH = 5
SIDE = 2 * REACH + 1
KINDS = 5
TOKENS = SIDE * SIDE * KINDS
WIDTH = 32
HIDDEN = 64
ACTIONS = 7
OUTPUTS = ACTIONS + 1
GRID = 10
CELLS = GRID * GRID
OUTSIDE = 255

LAYOUT: dict[str, tuple[int, ...]] = {
    "embedding.weight": (TOKENS, WIDTH),
    "embedding_bias": (WIDTH,),
    "hidden.weight": (WIDTH, HIDDEN),
    "hidden.bias": (HIDDEN,),
    "heads.weight": (HIDDEN, OUTPUTS),
    "heads.bias": (OUTPUTS,),
}
"""Name and shape of each parameter; weights are [inputs, outputs], and the last output is the value."""

TRANSPOSED = ("hidden.weight", "heads.weight")

_SIZES = [int(np.prod(shape)) for shape in LAYOUT.values()]
_OFFSETS = [sum(_SIZES[:k]) for k in range(len(_SIZES) + 1)]
AT_EMBEDDING, AT_EMBEDDING_BIAS, AT_HIDDEN, AT_HIDDEN_BIAS, AT_HEADS, AT_HEADS_BIAS, PARAMETERS = _OFFSETS


def parts_of(theta: np.ndarray) -> dict[str, np.ndarray]:
    """Views of theta (float32[PARAMETERS]) under the names and shapes of LAYOUT."""
    return {
        name: theta[start : start + size].reshape(shape)
        for (name, shape), start, size in zip(LAYOUT.items(), _OFFSETS, _SIZES, strict=False)
    }


def initial_parameters(rng: np.random.Generator) -> np.ndarray:
    """float32[PARAMETERS]: small random vectors per token, orthogonal layers, a nearly uniform first policy."""
    theta = np.zeros(PARAMETERS, np.float32)
    parts = parts_of(theta)
    parts["embedding.weight"][:] = rng.normal(0, 0.1, (TOKENS, WIDTH))
    parts["hidden.weight"][:] = _orthogonal(rng, WIDTH, HIDDEN) * np.sqrt(2)
    parts["heads.weight"][:, :ACTIONS] = _orthogonal(rng, HIDDEN, ACTIONS) * 0.01
    parts["heads.weight"][:, ACTIONS:] = _orthogonal(rng, HIDDEN, 1)
    return theta


def to_state_dict(theta: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters as torch's `EgocentricNetwork.state_dict()` has them (linear weights [outputs, inputs])."""
    parts = parts_of(theta)
    return {name: part.T.copy() if name in TRANSPOSED else part.copy() for name, part in parts.items()}


def from_state_dict(state: Mapping[str, np.ndarray]) -> np.ndarray:
    """theta (float32[PARAMETERS]) from such a state dict. Raises ValueError for other names or shapes."""
    theta = np.zeros(PARAMETERS, np.float32)
    parts = parts_of(theta)
    if set(state) != set(parts):
        raise ValueError(f"wanted parameters {', '.join(parts)}; found {', '.join(state)}")
    for name, part in parts.items():
        value = state[name].T if name in TRANSPOSED else state[name]
        if value.shape != part.shape:
            raise ValueError(f"{name} has shape {state[name].shape}, not that of this network")
        part[:] = value
    return theta


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A random matrix with orthonormal rows or columns, whichever are fewer."""
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _window_places() -> np.ndarray:
    """uint8[100 agent cells, 4 directions, 100 cells]: place in the agent's window, OUTSIDE if beyond it."""
    ahead = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # [4, xy]
    cells = np.stack(np.divmod(np.arange(CELLS), GRID), -1)  # [100, xy]
    offset = cells[None, :] - cells[:, None]  # [agent, cell, xy]
    forward = np.einsum("acx,dx->adc", offset, ahead)
    aside = np.einsum("acx,dx->adc", offset, np.stack([-ahead[:, 1], ahead[:, 0]], -1))
    inside = (np.abs(forward) <= REACH) & (np.abs(aside) <= REACH)
    return np.where(inside, (forward + REACH) * SIDE + aside + REACH, OUTSIDE).astype(np.uint8)


PLACES = _window_places()


@compiled
def encode(maps, cell_kinds, places, tokens, counts):
    """Fill tokens and counts from maps (uint8[rows, 10, 10, 4]).

    cell_kinds  uint8[objects, colours]: 1..KINDS, or 0 for cells that say nothing (unseen ones)
    places      uint8[100, 4, 100]: PLACES
    """
    for row in range(maps.shape[0]):
        agent = 0
        direction = 0
        for x in range(GRID):
            for y in range(GRID):
                if maps[row, x, y, 3] < 4:
                    agent = x * GRID + y
                    direction = maps[row, x, y, 3]
        count = 0
        for x in range(GRID):
            for y in range(GRID):
                kind = cell_kinds[maps[row, x, y, 0], maps[row, x, y, 1]]
                place = places[agent, direction, x * GRID + y]
                if kind and place != OUTSIDE:
                    tokens[row, count] = place * KINDS + kind - 1
                    count += 1
        counts[row] = count


@compiled_fast
def forward(theta, tokens, counts, row, embedded, hidden, outputs):
    """Fill embedded (float32[WIDTH]), hidden (float32[HIDDEN]) and outputs (float32[OUTPUTS]) for one row."""
    for j in range(WIDTH):
        embedded[j] = theta[AT_EMBEDDING_BIAS + j]
    for k in range(counts[row]):
        at = AT_EMBEDDING + np.int64(tokens[row, k]) * WIDTH
        for j in range(WIDTH):
            embedded[j] += theta[at + j]
    for j in range(HIDDEN):
        hidden[j] = theta[AT_HIDDEN_BIAS + j]
    for i in range(WIDTH):
        embedded[i] = max(embedded[i], np.float32(0))
        at = AT_HIDDEN + i * HIDDEN
        for j in range(HIDDEN):
            hidden[j] += embedded[i] * theta[at + j]
    for j in range(OUTPUTS):
        outputs[j] = theta[AT_HEADS_BIAS + j]
    for i in range(HIDDEN):
        hidden[i] = max(hidden[i], np.float32(0))
        at = AT_HEADS + i * OUTPUTS
        for j in range(OUTPUTS):
            outputs[j] += hidden[i] * theta[at + j]


@compiled_fast
def log_softmax(outputs, log_probs):
    """Fill log_probs (float32[ACTIONS]) from the first ACTIONS outputs."""
    top = outputs[0]
    for j in range(1, ACTIONS):
        top = max(top, outputs[j])
    total = np.float32(0)
    for j in range(ACTIONS):
        total += np.exp(outputs[j] - top)
    shift = top + np.log(total)
    for j in range(ACTIONS):
        log_probs[j] = outputs[j] - shift


@compiled
def act(theta, tokens, counts, uniforms, greedy, actions, log_probs, values):
    """Choose an action per row: by inverting the cumulated probabilities at `uniforms`, or the most probable one.

    uniforms float32[rows] in [0, 1); actions int64[rows]; log_probs (of the action) and values float32[rows].
    """
    embedded = np.empty(WIDTH, np.float32)
    hidden = np.empty(HIDDEN, np.float32)
    outputs = np.empty(OUTPUTS, np.float32)
    all_log_probs = np.empty(ACTIONS, np.float32)
    for row in range(counts.shape[0]):
        forward(theta, tokens, counts, row, embedded, hidden, outputs)
        log_softmax(outputs, all_log_probs)
        action = 0
        if greedy:
            for j in range(1, ACTIONS):
                if outputs[j] > outputs[action]:
                    action = j
        else:
            left = uniforms[row] - np.exp(all_log_probs[0])
            while left >= 0 and action < ACTIONS - 1:
                action += 1
                left -= np.exp(all_log_probs[action])
        actions[row] = action
        log_probs[row] = all_log_probs[action]
        values[row] = outputs[ACTIONS]
