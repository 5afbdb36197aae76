"""A student's run from its inputs to its folder: checkpoints, weights on disk, curves, and the code that made them."""
