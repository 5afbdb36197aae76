"""What the agent sees (`MiniGridEnv.gen_obs_grid` and `Grid.process_vis` of the installed package), compiled.

A row of the view is a few bits, the agent's leftmost cell first. What is visible in it spreads through transparent
cells to both sides, and from there to the row beyond.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled
from pipeline.tasks.minigrid.cells import CONTENTS, NOTHING, OPAQUE, WALL_CODE
from pipeline.tasks.minigrid.world import SIDE

AHEAD_X = np.array([1, 0, -1, 0])
AHEAD_Y = np.array([0, 1, 0, -1])


@compiled
def _spread_up(seen, clear):
    """Bits of `seen` spread through bits of `clear` towards higher ones, and one further."""
    going = seen & clear
    for shift in (1, 2, 4, 8):
        going |= clear & (going << shift)
        clear &= clear << shift
    return seen | going << 1


@compiled
def _spread_down(seen, clear):
    """The same towards lower bits."""
    going = seen & clear
    for shift in (1, 2, 4, 8):
        going |= clear & (going >> shift)
        clear &= clear >> shift
    return seen | going >> 1


@compiled
def look(w, image=None):
    """Add what is visible to what the agent has seen, and draw its view.

    image  uint8[view, view, 3], indexed [from left to right, from far to near] as in MiniGrid; None: none is drawn
    """
    view = np.int64(w.sight)
    half = view // 2
    all_bits = (1 << view) - 1
    ahead_x, ahead_y = AHEAD_X[w.direction], AHEAD_Y[w.direction]
    here_x, here_y = w.agent // SIDE, w.agent % SIDE
    visible = 1 << half
    for distance in range(view):
        clear = 0
        for aside in range(view):
            x = here_x + distance * ahead_x - (aside - half) * ahead_y
            y = here_y + distance * ahead_y + (aside - half) * ahead_x
            inside = 0 <= x < w.width and 0 <= y < w.height
            if inside and (w.sees_through or not OPAQUE[w.cells[x * SIDE + y]]):
                clear |= 1 << aside
        if w.sees_through:
            visible, beyond = all_bits, all_bits
        else:
            up = clear & (all_bits >> 1)  # MiniGrid's passes leave out the last cell of their direction
            visible = _spread_up(visible, up) & all_bits
            going_up = visible & up
            down = clear & ~1
            visible = _spread_down(visible, down) & all_bits
            going_down = visible & down
            beyond = (going_up | going_up << 1 | going_down | going_down >> 1) & all_bits
        for aside in range(view):
            x = here_x + distance * ahead_x - (aside - half) * ahead_y
            y = here_y + distance * ahead_y + (aside - half) * ahead_x
            inside = 0 <= x < w.width and 0 <= y < w.height
            shown = (visible >> aside) & 1
            if inside and shown and w.known[x * SIDE + y] == 0:
                w.known[x * SIDE + y] = w.cells[x * SIDE + y]
                w.changed = 1
            if image is not None:
                code = 0
                if shown:
                    code = w.cells[x * SIDE + y] if inside else WALL_CODE
                for channel in range(3):
                    image[aside, view - 1 - distance, channel] = CONTENTS[code, channel]
        visible = beyond
    if image is not None:
        code = w.code[w.held] if w.held else NOTHING
        for channel in range(3):
            image[half, view - 1, channel] = CONTENTS[code, channel]
