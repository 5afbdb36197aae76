"""What MiniGrid's numbers mean: objects, colours, states and directions on a map, and actions.

Plain numbers, so that compiled code can use them, and without loading MiniGrid.
"""

from __future__ import annotations

OBJECTS = ("unseen", "empty", "wall", "floor", "door", "key", "ball", "box", "goal", "lava", "agent")
"""By index, as in the first channel of a map."""
UNSEEN, EMPTY, WALL, FLOOR, DOOR, KEY, BALL, BOX, GOAL, LAVA, AGENT = range(11)

COLOURS = ("red", "green", "blue", "purple", "yellow", "grey")
"""By index, as in the second channel."""
RED, GREEN, BLUE, PURPLE, YELLOW, GREY = range(6)

OPEN, CLOSED, LOCKED = range(3)
"""A door's state, as in the third channel."""

STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""The cell ahead, relative to the agent's (x, y), by its direction: right, down, left, up."""
NO_AGENT = 4
"""What the fourth channel of a remembered map holds where the agent is not."""

ACTIONS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
"""By number."""
LEFT, RIGHT, FORWARD, PICK_UP, DROP, TOGGLE, DONE = range(7)
