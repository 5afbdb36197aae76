"""The map network's parameters, its layers and their gradient, compiled for the CPU.

Each cell of the map is the sum of four learned vectors, one per channel. Three 3x3 convolutions follow, then a small
layer and the heads. `modules.MapTrunk` is the same network in torch, and a test holds both to the same numbers.

The first convolution is linear in what a cell shows, and all the cells of a minibatch show few combinations of the
four channels: so what each one adds through each of the nine places of the kernel is worked out once per minibatch
(`table`), and the layer only adds up. The others are matrix products over the patches that their kernel covers.

| symbol | shape | meaning |
|---|---|---|
| maps | uint8[rows, 10, 10, 4] | object, colour, state and the agent's direction in each cell |
| kinds | uint8[m, 4] | the combinations that occur; the first stands for the padding |
| shown | uint16[n, 12, 12] | the number in `kinds` of what each cell shows; the outermost ones are padding |
| table | float32[m, 9, FIRST] | what each of the kinds adds, by place in the kernel; nothing for the padding |
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pipeline.compiled import compiled, compiled_fast
from pipeline.student.fused.layers import add_bias, column_sums, pass_rectifier, rectify
from pipeline.student.fused.layout import OUTPUTS, Layout, Parameter
from pipeline.student.fused.patches import cut, put_back
from pipeline.student.networks.map import CELL, FIRST, HIDDEN, KERNEL, SECOND, THIRD, VALUES, last_side

GRID = 10
"""Cells on a side of the maps that this is compiled for."""
COMBINATIONS = math.prod(VALUES)
PLACES = KERNEL * KERNEL
PADDED = GRID + 1
"""Cells on a side that the second convolution sees; it has a stride of 2 and padding before the first cell."""
SIDE = GRID // 2
"""Cells on a side after the second convolution (10 -> 5)."""
LAST = last_side(GRID)
"""Cells on a side after the third one, which has no padding (5 -> 3)."""
FLAT = LAST * LAST * THIRD
BLOCK = 32
"""Rows whose patches are worked on at a time."""


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
    heads: np.ndarray  # float32[outputs, HIDDEN]
    heads_bias: np.ndarray  # float32[outputs]


def layout(outputs: int = OUTPUTS) -> Layout:
    """Of the network with so many outputs."""
    return Layout(
        *(Parameter(f"trunk.cells.{channel}", (values, CELL)) for channel, values in enumerate(VALUES)),
        Parameter("trunk.first.weight", (FIRST, CELL, KERNEL, KERNEL), (1, 2, 3, 0), (CELL, PLACES * FIRST)),
        Parameter("trunk.first.bias", (FIRST,)),
        Parameter("trunk.second.weight", (SECOND, FIRST, KERNEL, KERNEL), (2, 3, 1, 0), (PLACES * FIRST, SECOND)),
        Parameter("trunk.second.bias", (SECOND,)),
        Parameter("trunk.third.weight", (THIRD, SECOND, KERNEL, KERNEL), (2, 3, 1, 0), (PLACES * SECOND, THIRD)),
        Parameter("trunk.third.bias", (THIRD,)),
        Parameter("trunk.hidden.weight", (HIDDEN, FLAT), (1, 0)),
        Parameter("trunk.hidden.bias", (HIDDEN,)),
        Parameter("heads.weight", (outputs, HIDDEN)),
        Parameter("heads.bias", (outputs,)),
    )


def parts_of(theta: np.ndarray, outputs: int = OUTPUTS) -> Parts:
    """Views of a flat array (float32[parameters]) as the network's parts."""
    return Parts(*layout(outputs).views(theta))


class Layers(NamedTuple):
    """What a forward pass over n rows leaves for the backward pass."""

    kinds: np.ndarray  # uint8[m, 4]: the combinations that occur; the first stands for the padding
    cells: np.ndarray  # float32[m, CELL]: each combination's vector
    shown: np.ndarray  # uint16[n, 12, 12]
    first: np.ndarray  # float32[n * PADDED^2, FIRST]
    second: np.ndarray  # float32[n * SIDE^2, SECOND]
    third: np.ndarray  # float32[n * LAST^2, THIRD]
    hidden: np.ndarray  # float32[n, HIDDEN]
    outputs: np.ndarray  # float32[n, outputs]


class Workspace(NamedTuple):
    """Arrays that are used again, since memory fresh from the system costs more than the arithmetic in it.

    The patches are those of BLOCK rows at a time, which stay in the processor's cache.
    """

    shown: np.ndarray  # the layers, for up to as many rows as asked for
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    hidden: np.ndarray
    outputs: np.ndarray
    first_patches: np.ndarray  # float32[BLOCK * SIDE^2, PLACES * FIRST]: what the second convolution's kernel covers
    second_patches: np.ndarray  # float32[BLOCK * LAST^2, PLACES * SECOND]
    at_first: np.ndarray  # float32[BLOCK * PADDED^2, FIRST]
    at_second: np.ndarray  # float32[BLOCK * SIDE^2, SECOND]


def make_workspace(rows: int, outputs: int = OUTPUTS) -> Workspace:
    """For `forward` over at most so many rows."""
    shapes = (
        (rows * PADDED**2, FIRST), (rows * SIDE**2, SECOND), (rows * LAST**2, THIRD), (rows, HIDDEN), (rows, outputs),
        (BLOCK * SIDE**2, PLACES * FIRST), (BLOCK * LAST**2, PLACES * SECOND),
        (BLOCK * PADDED**2, FIRST), (BLOCK * SIDE**2, SECOND),
    )  # fmt: skip
    shown = np.zeros((rows, GRID + 2, GRID + 2), np.uint16)
    return Workspace(shown, *(np.zeros(shape, np.float32) for shape in shapes))


@compiled
def _show(maps, rows, shown):
    """Fill shown, but for its padding, with each cell's combination in the given rows; gives the `kinds`."""
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
def _add_up(table, shown, first):
    """Set first to the sums of what the cells under the kernel add; its padding to zero."""
    first[:] = 0
    for k in range(shown.shape[0]):
        here = shown[k]
        for x in range(GRID):
            for y in range(GRID):
                total = first[(k * PADDED + x + 1) * PADDED + y + 1]
                for i in range(KERNEL):
                    left, middle = table[here[x + i, y], i * KERNEL], table[here[x + i, y + 1], i * KERNEL + 1]
                    right = table[here[x + i, y + 2], i * KERNEL + 2]
                    for c in range(total.shape[0]):
                        total[c] += left[c] + middle[c] + right[c]


@compiled_fast
def _table_gradient(at_first, shown, at_table):
    """Add to at_table the gradient of what each combination adds."""
    for k in range(shown.shape[0]):
        here = shown[k]
        for x in range(GRID):
            for y in range(GRID):
                at_total = at_first[(k * PADDED + x + 1) * PADDED + y + 1]
                for i in range(KERNEL):
                    left, middle = at_table[here[x + i, y], i * KERNEL], at_table[here[x + i, y + 1], i * KERNEL + 1]
                    right = at_table[here[x + i, y + 2], i * KERNEL + 2]
                    for c in range(at_total.shape[0]):  # three places at a time cost little more than one
                        left[c] += at_total[c]
                        middle[c] += at_total[c]
                        right[c] += at_total[c]


@compiled
def _layer(inputs, weight, bias, outputs):
    """Fill the rectified outputs of a layer (float32[rows, width])."""
    np.dot(inputs, weight, outputs)
    add_bias(outputs, bias)
    rectify(outputs)


@compiled
def forward(p, work, features, rows):
    """The network on n rows (int64[n]) of features, the maps; gives its Layers, views of the workspace. p: Parts."""
    (maps,) = features
    n = rows.shape[0]
    shown, hidden, outputs = work.shown[:n], work.hidden[:n], work.outputs[:n]
    first, second, third = work.first[: n * PADDED**2], work.second[: n * SIDE**2], work.third[: n * LAST**2]
    kinds = _show(maps, rows, shown)
    cells = _cells(p, kinds)
    table = np.dot(cells, p.first).reshape(-1, PLACES, FIRST)
    table[1:, PLACES // 2] += p.first_bias  # the middle of the kernel is never in the padding
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        first_block = first[start * PADDED**2 : stop * PADDED**2]
        second_block = second[start * SIDE**2 : stop * SIDE**2]
        first_patches = work.first_patches[: (stop - start) * SIDE**2]
        second_patches = work.second_patches[: (stop - start) * LAST**2]
        _add_up(table, shown[start:stop], first_block)
        rectify(first_block)
        cut(first_block, KERNEL, PADDED, 2, SIDE, first_patches)
        _layer(first_patches, p.second, p.second_bias, second_block)
        cut(second_block, KERNEL, SIDE, 1, LAST, second_patches)
        _layer(second_patches, p.third, p.third_bias, third[start * LAST**2 : stop * LAST**2])
    _layer(third.reshape(n, FLAT), p.hidden, p.hidden_bias, hidden)
    np.dot(hidden, p.heads.T, outputs)
    add_bias(outputs, p.heads_bias)
    return Layers(kinds, cells, shown, first, second, third, hidden, outputs)


@compiled
def backward(p, g, work, features, rows, layers, at_outputs):  # noqa: ARG001 (the layers tell what was shown)
    """Add to g (Parts, given as zeros) the gradient of what has the gradient at_outputs (float32[n, outputs])."""
    n = at_outputs.shape[0]
    np.dot(at_outputs.T, layers.hidden, g.heads)
    column_sums(at_outputs, g.heads_bias)
    at_hidden = np.dot(at_outputs, p.heads)
    pass_rectifier(at_hidden, layers.hidden)
    np.dot(layers.third.reshape(n, FLAT).T, at_hidden, g.hidden)
    column_sums(at_hidden, g.hidden_bias)
    at_third = np.dot(at_hidden, p.hidden.T).reshape(n * LAST**2, THIRD)
    pass_rectifier(at_third, layers.third)
    column_sums(at_third, g.third_bias)
    at_table = np.zeros((len(layers.kinds), PLACES, FIRST), np.float32)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        first = layers.first[start * PADDED**2 : stop * PADDED**2]
        second = layers.second[start * SIDE**2 : stop * SIDE**2]
        at_third_block = at_third[start * LAST**2 : stop * LAST**2]
        patches = work.second_patches[: len(at_third_block)]
        cut(second, KERNEL, SIDE, 1, LAST, patches)
        g.third[:] += np.dot(patches.T, at_third_block)
        np.dot(at_third_block, p.third.T, patches)
        at_second = work.at_second[: len(second)]
        put_back(patches, KERNEL, SIDE, 1, LAST, at_second)
        pass_rectifier(at_second, second)
        column_sums(at_second, g.second_bias)
        patches = work.first_patches[: len(second)]
        cut(first, KERNEL, PADDED, 2, SIDE, patches)
        g.second[:] += np.dot(patches.T, at_second)
        np.dot(at_second, p.second.T, patches)
        at_first = work.at_first[: len(first)]
        put_back(patches, KERNEL, PADDED, 2, SIDE, at_first)
        pass_rectifier(at_first, first)
        column_sums(at_first, g.first_bias)
        _table_gradient(at_first, layers.shown[start:stop], at_table)
    at_products = at_table.reshape(-1, PLACES * FIRST)
    np.dot(layers.cells.T, at_products, g.first)
    _cells_gradient(g, layers.kinds, np.dot(at_products, p.first.T))
