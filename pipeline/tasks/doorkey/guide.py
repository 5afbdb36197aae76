"""The options' policies and the teacher policy of Eq. 1, compiled (the readable twin is `options`).

Shortest paths are found by spreading 64-bit boards of inner cells, one board per direction, back from the goal: a
layer of the search is a dozen integer operations, whatever the room's size.
"""

from __future__ import annotations

from pipeline.compiled import compiled
from pipeline.tasks.doorkey.generator import U
from pipeline.tasks.doorkey.vision import BOARD_BIT, COLUMN, STEP, in_sight
from pipeline.tasks.doorkey.worlds import OTHER_KEY
from pipeline.tasks.minigrid_numbers import DONE, DOOR, DROP, FORWARD, KEY, LEFT, RIGHT, WALL

IDLE = DONE
TERMINATED = -1

EXPLORE, DROP_HELD, GO_TO, ACT = 0, 1, 2, 6
"""What is left of an option once its description is known: a walk (GO_TO + an object's number), or ACT + an action."""

NONE = U(0)
NOT_FIRST_ROW = U(0xFEFEFEFEFEFEFEFE)
NOT_LAST_ROW = U(0x7F7F7F7F7F7F7F7F)


@compiled
def _behind(board, direction):
    """The cells one step behind those of a board, as seen facing `direction`."""
    if direction == 0:
        return board >> U(8)
    if direction == 1:
        return (board & NOT_FIRST_ROW) >> U(1)
    if direction == 2:
        return board << U(8)
    return (board & NOT_LAST_ROW) << U(1)


@compiled
def _towards(goal0, goal1, goal2, goal3, walkable, here, direction):
    """First action on a shortest path (forward before left before right) to a goal state, or IDLE if there is none.

    goalD: cells where facing D is a goal; none of them is the present state.
    """
    reached0, reached1, reached2, reached3 = goal0, goal1, goal2, goal3
    layer0, layer1, layer2, layer3 = goal0, goal1, goal2, goal3
    while layer0 | layer1 | layer2 | layer3:
        turned_even = layer1 | layer3
        turned_odd = layer0 | layer2
        next0 = ((_behind(layer0, 0) & walkable) | turned_even) & ~reached0
        next1 = ((_behind(layer1, 1) & walkable) | turned_odd) & ~reached1
        next2 = ((_behind(layer2, 2) & walkable) | turned_even) & ~reached2
        next3 = ((_behind(layer3, 3) & walkable) | turned_odd) & ~reached3
        facing = next0 if direction == 0 else next1 if direction == 1 else next2 if direction == 2 else next3
        if facing & here:
            ahead = reached0 if direction == 0 else reached1 if direction == 1 else reached2
            left = reached3 if direction == 0 else reached0 if direction == 1 else reached1
            if direction == 3:
                ahead, left = reached3, reached2
            if _behind(ahead, direction) & here:
                return FORWARD
            return LEFT if left & here else RIGHT
        reached0 |= next0
        reached1 |= next1
        reached2 |= next2
        reached3 |= next3
        layer0, layer1, layer2, layer3 = next0, next1, next2, next3
    return IDLE


@compiled
def go_to(w, cell):
    """Turn and walk until the cell is in front; TERMINATED there, IDLE if no known way leads there."""
    here = w.agent
    direction = w.direction
    if here + STEP[direction] == cell:
        return TERMINATED
    walkable = w.walkable
    goal0 = BOARD_BIT[cell - 10] & walkable if cell >= 10 else NONE
    goal1 = BOARD_BIT[cell - 1] & walkable if cell >= 1 else NONE
    goal2 = BOARD_BIT[cell + 10] & walkable if cell < 90 else NONE
    goal3 = BOARD_BIT[cell + 1] & walkable if cell < 99 else NONE
    return _towards(goal0, goal1, goal2, goal3, walkable, BOARD_BIT[here], direction)


@compiled
def drop_held(w):
    """Put down what is held on the nearest place that is known, empty, and not before a seen door."""
    here = BOARD_BIT[w.agent]
    direction = w.direction
    places = w.empty & ~here
    for thing in (2, 3):
        if in_sight(w, thing):
            door = w.place[thing]
            for direction_away in range(4):
                before = door + STEP[direction_away]
                if 0 <= before < 100:
                    places &= ~BOARD_BIT[before]
    walkable = w.walkable
    goal0 = _behind(places, 0) & walkable
    goal1 = _behind(places, 1) & walkable
    goal2 = _behind(places, 2) & walkable
    goal3 = _behind(places, 3) & walkable
    facing = goal0 if direction == 0 else goal1 if direction == 1 else goal2 if direction == 2 else goal3
    if facing & here:
        return DROP
    return _towards(goal0, goal1, goal2, goal3, walkable, here, direction)


@compiled
def _lies(unseen_columns, unseen_rows, x, y, direction, distance):
    """Whether an unseen cell lies at least `distance` columns or rows beyond (x, y) in a direction."""
    if direction == 0:
        return (unseen_columns >> (x + distance)) != 0
    if direction == 1:
        return (unseen_rows >> (y + distance)) != 0
    if direction == 2:
        return (unseen_columns & ((1 << max(x - distance + 1, 0)) - 1)) != 0
    return (unseen_rows & ((1 << max(y - distance + 1, 0)) - 1)) != 0


@compiled
def explore(w):
    """Walk towards what is unseen, until the walls seen close the room; see `options` for the exact rule."""
    here = w.agent
    direction = w.direction
    x = COLUMN[here]
    y = here - 10 * x
    front = w.cells[here + STEP[direction]]
    if front == KEY or front == OTHER_KEY:
        beside = w.cells[here + STEP[(direction + 3) % 4]]
        return RIGHT if beside == WALL or beside == DOOR or beside == KEY or beside == OTHER_KEY else LEFT
    right = 9
    corners = 0
    for column in range(8, 0, -1):
        walls = w.walls[column]
        if walls & (walls >> 1) & 0x1FE:
            right = column
        corners |= walls & w.walls[column + 1]
    bottom = 9
    for row in range(8, 0, -1):
        if (corners >> row) & 1:
            bottom = row
    unseen_columns = 0
    unseen_rows = 0
    for column in range(right + 1):
        unseen = ~w.seen[column] & ((1 << (bottom + 1)) - 1)
        unseen_rows |= unseen
        if unseen:
            unseen_columns |= 1 << column
    if not unseen_columns:
        return TERMINATED
    if _lies(unseen_columns, unseen_rows, x, y, direction, 2):
        return FORWARD
    if _lies(unseen_columns, unseen_rows, x, y, (direction + 3) % 4, 2):
        return LEFT
    if _lies(unseen_columns, unseen_rows, x, y, (direction + 1) % 4, 2):
        return RIGHT
    if _lies(unseen_columns, unseen_rows, x, y, (direction + 2) % 4, 1):
        return LEFT
    return TERMINATED


@compiled
def _walk(w, step):
    """The action of an option that walks: EXPLORE, DROP_HELD, or GO_TO + the object's number."""
    if step == EXPLORE:
        return explore(w)
    if step == DROP_HELD:
        return drop_held(w)
    return go_to(w, w.place[step - GO_TO])


@compiled
def teach(w, number, programs, shares, counts, policies, i):
    """Fill policies[i] (float32[7]) with Eq. 1 for a world whose description id is `number`; False if unlabelled.

    programs int8[ids, plans, length], shares float32[ids, plans], counts int32[ids]: see `programs.Programs`.
    """
    for action in range(policies.shape[1]):
        policies[i, action] = 0
    if counts[number] < 0:
        return False
    found = 0  # walks that several plans share are worked out once: four bits each, the action + 2, or 0
    for plan in range(counts[number]):
        action = IDLE
        for k in range(programs.shape[2]):
            step = int(programs[number, plan, k])
            if step >= ACT:
                action = step - ACT
                break
            action = (found >> (4 * step) & 15) - 2
            if action == -2:
                action = _walk(w, step)
                found |= (action + 2) << (4 * step)
            if action != TERMINATED:
                break
        policies[i, action] += shares[number, plan]
    return True


@compiled
def follow_all(w, steps, policies):
    """Fill policies (float32[options, 7]) with each option's own policy, zero where it idles or has terminated.

    steps int8[options]: what each comes down to in a world so described; see `programs.compile_options`.
    """
    for k in range(steps.shape[0]):
        for j in range(policies.shape[1]):
            policies[k, j] = 0
        step = int(steps[k])
        action = step - ACT if step >= ACT else _walk(w, step)
        if action != TERMINATED and action != IDLE:
            policies[k, action] = 1
