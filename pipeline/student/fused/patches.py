"""Convolutions as matrix products: what a square kernel covers in each of its positions, side by side, compiled."""

from __future__ import annotations

from pipeline.compiled import compiled_fast


@compiled_fast
def cut(cells, kernel, side, stride, patches_side, patches):
    """Fill patches (float32[n * patches_side^2, kernel^2 * width]) with what the kernel covers of cells.

    cells  float32[n * side^2, width]; neighbours in a row are neighbours here, so that a patch is `kernel` runs
    """
    flat, run = cells.reshape(-1), kernel * cells.shape[1]
    at = 0
    for k in range(patches.shape[0] // patches_side**2):
        for x in range(patches_side):
            for y in range(patches_side):
                for i in range(kernel):
                    start = ((k * side + stride * x + i) * side + stride * y) * cells.shape[1]
                    source, target = flat[start : start + run], patches[at, i * run : (i + 1) * run]
                    for c in range(run):
                        target[c] = source[c]
                at += 1


@compiled_fast
def put_back(at_patches, kernel, side, stride, patches_side, at_cells):
    """Set the gradient of the cells that patches were cut from to that of the patches; arguments as for `cut`."""
    at_cells[:] = 0
    flat, run = at_cells.reshape(-1), kernel * at_cells.shape[1]
    at = 0
    for k in range(at_patches.shape[0] // patches_side**2):
        for x in range(patches_side):
            for y in range(patches_side):
                for i in range(kernel):
                    start = ((k * side + stride * x + i) * side + stride * y) * at_cells.shape[1]
                    target, source = flat[start : start + run], at_patches[at, i * run : (i + 1) * run]
                    for c in range(run):
                        target[c] += source[c]
                at += 1
