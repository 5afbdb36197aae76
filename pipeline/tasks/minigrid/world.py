"""A layout and a running episode on it, each as one record of plain numbers.

Cells are numbered x * SIDE + y whatever the level's size, so that one compiled program serves all levels. Things
(doors, keys, balls, boxes) are numbered from 1; 0 is no thing, and a set of things is a 64-bit mask. One record per
world, and not a tuple of arrays over all worlds: the prototype of this engine was 22-35 times slower with the latter.
"""

from __future__ import annotations

import numpy as np

from pipeline.compiled import compiled

SIDE = 25
"""Levels have at most this many columns and rows."""
CELLS = SIDE * SIDE
THINGS = 64
"""Levels have fewer things than this."""
CLAUSES = 4
"""A mission has at most this many clauses: two groups of two."""
NOWHERE = -1

GO_TO, PICK_UP, OPEN, PUT_NEXT = 1, 2, 3, 4
"""Kinds of clauses; 0 stands for none."""

LAYOUT = np.dtype(
    [
        ("cells", np.uint8, (CELLS,)),  # code of what is where, see `cells`
        ("thing", np.uint8, (CELLS,)),  # number of the thing there
        ("code", np.uint8, (THINGS,)),  # code of each thing
        ("inside", np.uint8, (THINGS,)),  # what each box holds
        ("place", np.int16, (THINGS,)),  # cell of each thing, NOWHERE if it is in a box or in the hand
        ("noted", np.int16, (THINGS,)),  # cell where the mission last looked for it, see `missions`
        ("wanted", np.uint64, (CLAUSES,)),  # things that each clause is about
        ("beside", np.uint64, (CLAUSES,)),  # things that they are to be put next to
        ("clause", np.uint8, (CLAUSES,)),  # kind of each; the first two may come in any order, then the other two
        ("strict", np.uint8, (CLAUSES,)),  # whether acting on another thing fails
        ("strict_order", np.uint8),  # whether doing the second group first fails
        ("width", np.uint8),
        ("height", np.uint8),
        ("things", np.uint8),  # how many there are
        ("goal", np.int16),  # cell of the goal, NOWHERE if there is none
        ("held", np.uint8),  # the thing in the hand
        ("direction", np.uint8),  # 0 right, 1 down, 2 left, 3 up
        ("agent", np.int16),  # its cell
        ("sight", np.uint8),  # cells along a side of the agent's view
        ("sees_through", np.uint8),  # whether walls are transparent
        ("horizon", np.int32),  # steps until the episode is cut off
        ("seed", np.uint32),
        ("world", np.int64),  # hash of everything but the agent's start
    ],
    align=True,
)
"""One layout as the level's own generator made it."""

WORLD = np.dtype(
    [
        *[(name, *field[:1]) for name, field in LAYOUT.fields.items()],  # type: ignore[union-attr]
        ("known", np.uint8, (CELLS,)),  # code of each cell that the agent has seen, as it is now; 0 for the others
        ("done", np.uint8, (CLAUSES,)),  # clauses of a group that are done
        ("held_before", np.uint8, (CLAUSES,)),  # what was held when each clause was last looked at
        ("first_done", np.uint8),  # whether the first group is done
        ("steps", np.int32),  # since the episode began
        ("total", np.float32),  # return so far
        ("changed", np.uint8),  # whether anything but the agent's place has changed since `changed` was last reset
        ("phrase", np.uint8, (THINGS,)),  # what the description calls each thing, see `phrases`
        ("held_phrase", np.uint8),  # the same of what is held
        ("goal_phrase", np.uint8),  # the same of the goal
        ("description", np.int32),  # number of the description
        ("next", np.int64),  # place in the pool's order of the next layout
    ],
    align=True,
)
"""One running episode: its layout as it is now, and what the agent has seen and done."""


@compiled
def begin(w, layout):
    """Start an episode on a layout: w (WORLD) becomes a fresh copy of it."""
    w.cells[:] = layout.cells
    w.thing[:] = layout.thing
    w.code[:] = layout.code
    w.inside[:] = layout.inside
    w.place[:] = layout.place
    w.noted[:] = layout.noted
    w.wanted[:] = layout.wanted
    w.beside[:] = layout.beside
    w.clause[:] = layout.clause
    w.strict[:] = layout.strict
    w.strict_order = layout.strict_order
    w.width = layout.width
    w.height = layout.height
    w.things = layout.things
    w.goal = layout.goal
    w.held = layout.held
    w.direction = layout.direction
    w.agent = layout.agent
    w.sight = layout.sight
    w.sees_through = layout.sees_through
    w.horizon = layout.horizon
    w.seed = layout.seed
    w.world = layout.world
    w.known[:] = 0
    w.done[:] = 0
    w.held_before[:] = 0
    w.first_done = 0
    w.steps = 0
    w.total = 0
    w.changed = 1
