"""Reading the layout that a stock environment has drawn: grid, things, mission."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from pipeline.tasks.minigrid.cells import NOTHING, PORTABLE, code_of
from pipeline.tasks.minigrid.levels import PICK_UP_ITS_OBJECT, NotCovered
from pipeline.tasks.minigrid.world import (
    GO_TO,
    LAYOUT,
    NOWHERE,
    OPEN,
    PICK_UP,
    PUT_NEXT,
    SIDE,
    THINGS,
)


def draw(env: Any, seed: int) -> tuple[np.ndarray, str]:
    """The layout (LAYOUT, a scalar record) and the mission that a seed draws in a stock environment.

    Raises NotCovered for a layout that a record can't hold.
    """
    from gymnasium.error import DependencyNotInstalled

    try:
        with redirect_stdout(io.StringIO()):  # BabyAI's generators report each draw that they reject
            env.reset(seed=int(seed))
    except DependencyNotInstalled as error:
        raise NotCovered(f"it needs a package that is not installed: {error}") from error
    layout = np.zeros((), LAYOUT)
    layout["seed"] = seed
    things = _read_grid(env, layout)
    _read_mission(env, layout, things)
    layout["world"] = _world_code(layout, env.mission)
    layout["agent"] = int(env.agent_pos[0]) * SIDE + int(env.agent_pos[1])
    layout["direction"] = env.agent_dir
    return layout, env.mission


def _read_grid(env: Any, layout: np.ndarray) -> dict[int, int]:
    """Fill in cells and things; gives the number of each thing by its object's `id`."""
    if max(env.width, env.height) > SIDE:
        raise NotCovered(f"it has {env.width} x {env.height} cells; at most {SIDE} x {SIDE} are covered")
    numbers: dict[int, int] = {}
    layout["place"] = layout["noted"] = layout["goal"] = NOWHERE
    layout["width"], layout["height"] = env.width, env.height
    layout["sight"], layout["sees_through"] = env.agent_view_size, env.see_through_walls
    layout["horizon"] = env.max_steps
    for x in range(env.width):
        for y in range(env.height):
            cell, content = x * SIDE + y, env.grid.get(x, y)
            layout["cells"][cell] = NOTHING if content is None else code_of(*content.encode())
            if content is not None and content.type == "goal":
                if layout["goal"] != NOWHERE:
                    raise NotCovered("it has several goals")
                layout["goal"] = cell
            number = _add(content, layout, numbers)
            layout["thing"][cell] = number
            if number:
                layout["place"][number] = layout["noted"][number] = cell
    layout["held"] = _add(env.carrying, layout, numbers)
    layout["things"] = len(numbers)
    return numbers


def _add(content: Any, layout: np.ndarray, numbers: dict[int, int]) -> int:
    """Number a thing, and what is in it; 0 for what is none."""
    if content is None:
        return 0
    code = code_of(*content.encode())
    if content.type != "door" and not PORTABLE[code]:
        return 0
    if id(content) not in numbers:
        if len(numbers) == THINGS - 1:
            raise NotCovered(f"it has more than {THINGS - 1} things")
        number = numbers[id(content)] = len(numbers) + 1
        layout["code"][number] = code
        if content.contains is not None:
            layout["inside"][number] = _add(content.contains, layout, numbers)
            if not layout["inside"][number]:
                raise NotCovered(f"a box holds a {content.contains.type}")
    return numbers[id(content)]


def _mask(things: Iterable[Any], numbers: dict[int, int]) -> int:
    return sum({1 << numbers[id(thing)] for thing in things})


def _read_mission(env: Any, layout: np.ndarray, numbers: dict[int, int]) -> None:
    """Fill in the clauses that the environment's success depends on."""
    name = PICK_UP_ITS_OBJECT.get(next((c.__name__ for c in type(env).__mro__ if c.__name__ in PICK_UP_ITS_OBJECT), ""))
    if name is not None:
        target = getattr(env, name)
        layout["clause"][0] = OPEN if target.type == "door" else PICK_UP
        layout["wanted"][0] = _mask([target], numbers)
    elif hasattr(env, "targetType"):  # Fetch: any other thing in the hand fails
        cells = env.grid.grid
        fitting = [c for c in cells if c and (c.type, c.color) == (env.targetType, env.targetColor)]
        layout["clause"][0], layout["strict"][0] = PICK_UP, 1
        layout["wanted"][0] = _mask(fitting, numbers)
    elif hasattr(env, "instrs"):
        _read_instructions(env.instrs, layout, numbers)


def _read_instructions(instruction: Any, layout: np.ndarray, numbers: dict[int, int]) -> None:
    """Fill in the clauses of a BabyAI instruction, in the order in which they are to be done."""
    kind = type(instruction).__name__
    groups = [instruction]
    if kind in ("BeforeInstr", "AfterInstr"):
        groups = [instruction.instr_a, instruction.instr_b][:: 1 if kind == "BeforeInstr" else -1]
        layout["strict_order"] = instruction.strict
    for number, group in enumerate(groups):
        both = type(group).__name__ == "AndInstr"
        for k, clause in enumerate([group.instr_a, group.instr_b] if both else [group]):
            _read_clause(clause, layout, numbers, 2 * number + k)


CLAUSE_KINDS = {"GoToInstr": GO_TO, "PickupInstr": PICK_UP, "OpenInstr": OPEN, "PutNextInstr": PUT_NEXT}


def _read_clause(clause: Any, layout: np.ndarray, numbers: dict[int, int], k: int) -> None:
    kind = CLAUSE_KINDS.get(type(clause).__name__)
    if kind is None:
        raise NotCovered(f"its mission has a {type(clause).__name__}")
    wanted = clause.desc_move if kind == PUT_NEXT else clause.desc
    layout["clause"][k] = kind
    layout["strict"][k] = getattr(clause, "strict", False)
    layout["wanted"][k] = _mask(wanted.obj_set, numbers)
    if kind == PUT_NEXT:
        layout["beside"][k] = _mask(clause.desc_fixed.obj_set, numbers)
    for described in [wanted] + ([clause.desc_fixed] if kind == PUT_NEXT else []):
        for thing, (x, y) in zip(described.obj_set, described.obj_poss, strict=True):
            layout["noted"][numbers[id(thing)]] = x * SIDE + y  # also of one that has been put in the hand since


def _world_code(layout: np.ndarray, mission: str) -> int:
    """A 63-bit hash of the layout without the agent's start (and without the seed that drew it)."""
    digest = hashlib.blake2b(mission.encode(), digest_size=8)
    for name in ("cells", "thing", "code", "inside", "clause", "strict", "wanted", "beside"):
        digest.update(np.ascontiguousarray(layout[name]).tobytes())
    digest.update(bytes([int(layout[name]) for name in ("strict_order", "width", "height", "held")]))
    return int.from_bytes(digest.digest(), "little") >> 1


def start_code(layout: np.ndarray) -> int:
    """A 63-bit number that is equal for two layouts exactly if they are, up to collisions of the hash."""
    start = int(layout["agent"]) * 4 + int(layout["direction"])
    digest = hashlib.blake2b(int(layout["world"]).to_bytes(8, "little") + start.to_bytes(4, "little"), digest_size=8)
    return int.from_bytes(digest.digest(), "little") >> 1
