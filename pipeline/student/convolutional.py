"""The student over the remembered map: its parameters, its layers and their gradient, compiled for the CPU.

Each cell of the map is the sum of four learned vectors, one per channel. Three 3x3 convolutions follow, then a small
layer and the heads. `network.MapNetwork` is the same network in torch, and a test holds both to the same numbers.

The first convolution is linear in what a cell shows, and all the cells of a minibatch show few combinations of the
four channels: so what each one adds through each of the nine places of the kernel is worked out once per minibatch
(`table`), and the layer only adds up. The others are matrix products over the patches that their kernel covers.

| symbol | shape | meaning |
|---|---|---|
| maps | uint8[rows, 10, 10, 4] | object, colour, state and the agent's direction in each cell |
| kinds | uint8[m, 4] | the combinations that occur; the first stands for the padding |
| shown | uint16[n, 12, 12] | the number in `kinds` of what each cell shows; the outermost ones are padding |
| table | float32[m, 9 * FIRST] | what each of the kinds adds, by place in the kernel; nothing for the padding |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.egocentric import ACTIONS, GRID, OUTPUTS
from pipeline.student.layers import add_bias, column_sums, pass_rectifier, rectify
from pipeline.student.layout import Layout, Parameter, orthogonal

VALUES = (11, 6, 3, 5)
"""How many values each channel has: MiniGrid's objects, colours and states, and four directions or none."""
COMBINATIONS = 11 * 6 * 3 * 5
CELL = 8
FIRST, SECOND, THIRD, HIDDEN = 16, 16, 24, 72
"""Channels of the convolutions, and width of the layer after them."""
KERNEL = 3
PLACES = KERNEL * KERNEL
PADDED = GRID + 1
"""Cells on a side that the second convolution sees; it has a stride of 2 and padding before the first cell."""
SIDE = GRID // 2
"""Cells on a side after the second convolution (10 -> 5)."""
LAST = SIDE - KERNEL + 1
"""Cells on a side after the third one, which has no padding (5 -> 3)."""
FLAT = LAST * LAST * THIRD


class Parts(NamedTuple):
    """The network's parameters, or their gradient, by name; the last output is the value."""

    objects: np.ndarray  # float32[11, CELL]
    colours: np.ndarray  # float32[6, CELL]
    states: np.ndarray  # float32[3, CELL]
    directions: np.ndarray  # float32[5, CELL]
    first: np.ndarray  # float32[CELL, PLACES * FIRST]
    first_bias: np.ndarray  # float32[FIRST]
    second: np.ndarray  # float32[PLACES * FIRST, SECOND]
    second_bias: np.ndarray  # float32[SECOND]
    third: np.ndarray  # float32[PLACES * SECOND, THIRD]
    third_bias: np.ndarray  # float32[THIRD]
    hidden: np.ndarray  # float32[FLAT, HIDDEN]
    hidden_bias: np.ndarray  # float32[HIDDEN]
    heads: np.ndarray  # float32[OUTPUTS, HIDDEN]
    heads_bias: np.ndarray  # float32[OUTPUTS]


LAYOUT = Layout(
    *(Parameter(f"cells.{channel}", (values, CELL)) for channel, values in enumerate(VALUES)),
    Parameter("first.weight", (FIRST, CELL, KERNEL, KERNEL), (1, 2, 3, 0), (CELL, PLACES * FIRST)),
    Parameter("first.bias", (FIRST,)),
    Parameter("second.weight", (SECOND, FIRST, KERNEL, KERNEL), (2, 3, 1, 0), (PLACES * FIRST, SECOND)),
    Parameter("second.bias", (SECOND,)),
    Parameter("third.weight", (THIRD, SECOND, KERNEL, KERNEL), (2, 3, 1, 0), (PLACES * SECOND, THIRD)),
    Parameter("third.bias", (THIRD,)),
    Parameter("hidden.weight", (HIDDEN, FLAT), (1, 0)),
    Parameter("hidden.bias", (HIDDEN,)),
    Parameter("heads.weight", (OUTPUTS, HIDDEN)),
    Parameter("heads.bias", (OUTPUTS,)),
)


def parts_of(theta: np.ndarray) -> Parts:
    """Views of a flat array (float32[LAYOUT.size]) as the network's parts."""
    return Parts(*LAYOUT.views(theta))


def initial_state(rng: np.random.Generator, frames: int = 1) -> dict[str, np.ndarray]:
    """Torch's state dict at first, for so many frames: normal cells, orthogonal layers, a nearly uniform policy."""
    state = {f"cells.{k}": rng.normal(0, 0.5, (values, CELL)) for k, values in enumerate(VALUES)}
    for name, outputs, inputs in (
        ("first", FIRST, (CELL * frames, KERNEL, KERNEL)),
        ("second", SECOND, (FIRST, KERNEL, KERNEL)),
        ("third", THIRD, (SECOND, KERNEL, KERNEL)),
        ("hidden", HIDDEN, (FLAT,)),
        ("heads", OUTPUTS, (HIDDEN,)),
    ):
        weight = orthogonal(rng, outputs, int(np.prod(inputs))) * np.sqrt(2)
        state |= {f"{name}.weight": weight.reshape(outputs, *inputs), f"{name}.bias": np.zeros(outputs)}
    state["heads.weight"][:ACTIONS] *= 0.01
    return {name: value.astype(np.float32) for name, value in state.items()}


class Layers(NamedTuple):
    """What a forward pass over n rows leaves for the backward pass."""

    kinds: np.ndarray  # uint8[m, 4]: the combinations that occur; the first stands for the padding
    shown: np.ndarray  # uint16[n, 12, 12]
    cells: np.ndarray  # float32[m, CELL]: each combination's vector
    first: np.ndarray  # float32[n * PADDED * PADDED, FIRST]
    first_patches: np.ndarray  # float32[n * SIDE * SIDE, PLACES * FIRST]: what the second convolution's kernel covers
    second: np.ndarray  # float32[n * SIDE * SIDE, SECOND]
    second_patches: np.ndarray  # float32[n * LAST * LAST, PLACES * SECOND]
    third: np.ndarray  # float32[n * LAST * LAST, THIRD]
    hidden: np.ndarray  # float32[n, HIDDEN]
    outputs: np.ndarray  # float32[n, OUTPUTS]


@compiled
def _show(maps, rows, shown):
    """Fill shown (zeros) with the number of the combination in each cell of the given rows; gives the `kinds`."""
    kinds = np.zeros((COMBINATIONS + 1, len(VALUES)), np.uint8)
    numbers = np.zeros(COMBINATIONS, np.uint16)
    count = 1
    for k in range(rows.shape[0]):
        row = rows[k]
        for x in range(GRID):
            for y in range(GRID):
                combination = np.int64(0)
                for channel in range(maps.shape[3]):
                    combination = combination * VALUES[channel] + maps[row, x, y, channel]
                if numbers[combination] == 0:
                    numbers[combination] = count
                    for channel in range(maps.shape[3]):
                        kinds[count, channel] = maps[row, x, y, channel]
                    count += 1
                shown[k, x + 1, y + 1] = numbers[combination]
    return kinds[:count]


@compiled
def _cells(p, kinds):
    """Each combination's vector: the sum of its channels'; the padding has none."""
    cells = np.zeros((len(kinds), CELL), np.float32)
    for k in range(1, len(kinds)):
        thing, colour, state, direction = kinds[k]
        cells[k] = (p.objects[thing] + p.colours[colour]) + (p.states[state] + p.directions[direction])
    return cells


@compiled
def _cells_gradient(g, kinds, at_cells):
    """Add each combination's gradient to its channels' vectors."""
    for k in range(1, len(kinds)):
        thing, colour, state, direction = kinds[k]
        g.objects[thing] += at_cells[k]
        g.colours[colour] += at_cells[k]
        g.states[state] += at_cells[k]
        g.directions[direction] += at_cells[k]


@compiled_fast
def _first_layer(table, bias, shown, first):
    """Fill first (zeros, which its padding stays) with what the cells under the kernel add up to, rectified."""
    width = first.shape[1]
    for k in range(shown.shape[0]):
        for x in range(GRID):
            for y in range(GRID):
                at = (k * PADDED + x + 1) * PADDED + y + 1
                for c in range(width):
                    first[at, c] = bias[c]
                for i in range(KERNEL):
                    one, two, three = shown[k, x + i, y], shown[k, x + i, y + 1], shown[k, x + i, y + 2]
                    start = i * KERNEL * width
                    for c in range(width):
                        first[at, c] += (
                            table[one, start + c] + table[two, start + width + c] + table[three, start + 2 * width + c]
                        )
                for c in range(width):
                    first[at, c] = max(first[at, c], np.float32(0))


@compiled_fast
def _table_gradient(at_first, shown, at_table):
    """Add to at_table the gradient of what each combination adds."""
    width = at_first.shape[1]
    for k in range(shown.shape[0]):
        for x in range(GRID):
            for y in range(GRID):
                at = (k * PADDED + x + 1) * PADDED + y + 1
                for i in range(KERNEL):
                    for j in range(KERNEL):
                        number, start = shown[k, x + i, y + j], (i * KERNEL + j) * width
                        for c in range(width):
                            at_table[number, start + c] += at_first[at, c]


@compiled_fast
def _cut(cells, side, stride, patches_side, patches):
    """Fill patches (float32[n * patches_side^2, PLACES * width]) with what the kernel covers of cells.

    cells  float32[n * side^2, width]; neighbours in a row are neighbours here, so that a patch is KERNEL runs
    """
    width = cells.shape[1]
    flat = cells.reshape(-1)
    for at in range(patches.shape[0]):
        k, x, y = at // patches_side**2, at // patches_side % patches_side, at % patches_side
        for i in range(KERNEL):
            start = ((k * side + stride * x + i) * side + stride * y) * width
            for c in range(KERNEL * width):
                patches[at, i * KERNEL * width + c] = flat[start + c]


@compiled_fast
def _put_back(at_patches, side, stride, patches_side, at_cells):
    """Add the patches' gradient to that of the cells that they were cut from; arguments as for `_cut`."""
    width = at_cells.shape[1]
    flat = at_cells.reshape(-1)
    for at in range(at_patches.shape[0]):
        k, x, y = at // patches_side**2, at // patches_side % patches_side, at % patches_side
        for i in range(KERNEL):
            start = ((k * side + stride * x + i) * side + stride * y) * width
            for c in range(KERNEL * width):
                flat[start + c] += at_patches[at, i * KERNEL * width + c]


@compiled
def _layer(inputs, weight, bias):
    """Rectified outputs of a layer (float32[rows, width])."""
    outputs = np.dot(inputs, weight)
    add_bias(outputs, bias)
    rectify(outputs)
    return outputs


@compiled
def forward(p, maps, rows):
    """The network on n rows (int64[n]) of maps; gives its Layers. p: Parts."""
    n = rows.shape[0]
    shown = np.zeros((n, GRID + 2, GRID + 2), np.uint16)
    kinds = _show(maps, rows, shown)
    cells = _cells(p, kinds)
    first = np.zeros((n * PADDED * PADDED, FIRST), np.float32)
    _first_layer(np.dot(cells, p.first), p.first_bias, shown, first)
    first_patches = np.empty((n * SIDE * SIDE, PLACES * FIRST), np.float32)
    _cut(first, PADDED, 2, SIDE, first_patches)
    second = _layer(first_patches, p.second, p.second_bias)
    second_patches = np.empty((n * LAST * LAST, PLACES * SECOND), np.float32)
    _cut(second, SIDE, 1, LAST, second_patches)
    third = _layer(second_patches, p.third, p.third_bias)
    hidden = _layer(third.reshape(n, FLAT), p.hidden, p.hidden_bias)
    outputs = np.dot(hidden, p.heads.T)
    add_bias(outputs, p.heads_bias)
    return Layers(kinds, shown, cells, first, first_patches, second, second_patches, third, hidden, outputs)


@compiled
def backward(p, g, layers, at_outputs):
    """Add to g (Parts, given as zeros) the gradient of what has the gradient at_outputs (float32[n, OUTPUTS])."""
    n = at_outputs.shape[0]
    np.dot(at_outputs.T, layers.hidden, g.heads)
    column_sums(at_outputs, g.heads_bias)
    at_hidden = np.dot(at_outputs, p.heads)
    pass_rectifier(at_hidden, layers.hidden)
    np.dot(layers.third.reshape(n, FLAT).T, at_hidden, g.hidden)
    column_sums(at_hidden, g.hidden_bias)
    at_third = np.dot(at_hidden, p.hidden.T).reshape(n * LAST * LAST, THIRD)
    pass_rectifier(at_third, layers.third)
    np.dot(layers.second_patches.T, at_third, g.third)
    column_sums(at_third, g.third_bias)
    at_second = np.zeros_like(layers.second)
    _put_back(np.dot(at_third, p.third.T), SIDE, 1, LAST, at_second)
    pass_rectifier(at_second, layers.second)
    np.dot(layers.first_patches.T, at_second, g.second)
    column_sums(at_second, g.second_bias)
    at_first = np.zeros_like(layers.first)
    _put_back(np.dot(at_second, p.second.T), PADDED, 2, SIDE, at_first)
    pass_rectifier(at_first, layers.first)
    column_sums(at_first, g.first_bias)
    at_table = np.zeros((len(layers.kinds), PLACES * FIRST), np.float32)
    _table_gradient(at_first, layers.shown, at_table)
    np.dot(layers.cells.T, at_table, g.first)
    _cells_gradient(g, layers.kinds, np.dot(at_table, p.first.T))
