"""A stock level with the map that the agent remembers: the reference, slow and trusted."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from pipeline.tasks.minigrid.layouts import draw
from pipeline.tasks.minigrid.levels import make_stock
from pipeline.tasks.minigrid.scene import BESIDE
from pipeline.tasks.minigrid.world import GO_TO, OPEN, PICK_UP, PUT_NEXT, SIDE
from pipeline.tasks.minigrid_numbers import NO_AGENT
from pipeline.tasks.spaces import MarkedMap

SIGHT_EMPTY = (1, 0, 0)


class LevelEnv(gymnasium.Env):
    """A stock environment whose observation is `{"map": uint8[width, height, 4]}`, see `description`.

    The map is put together from the stock environment's own images; what the mission says of a thing is asked of its
    own verifier. The stock environment plays, rewards and ends the episode.
    """

    metadata = {"render_modes": ["rgb_array", "human"]}  # noqa: RUF012 (gymnasium's interface)

    def __init__(self, name: str, render_mode: str | None = None) -> None:
        self.stock = make_stock(name, render_mode=render_mode)
        self.render_mode = render_mode
        self.action_space = self.stock.action_space
        self.shape = (self.stock.width, self.stock.height, 4)
        self.observation_space = spaces.Dict({"map": MarkedMap(*self.shape[:2])})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        layout, _ = draw(self.stock, int(self.np_random.integers(2**32)) if seed is None else seed)
        self._pick_up_or_open = int(layout["clause"][0])
        self._target = self._target_object(layout)
        self._map = np.zeros(self.shape, np.uint8)
        self._map[..., 3] = NO_AGENT
        self._look(self.stock.gen_obs()["image"])
        return {"map": self._show()}, {"mission": self.stock.mission}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, _ = self.stock.step(int(action))
        self._look(observation["image"])
        return {"map": self._show()}, float(reward), bool(terminated), bool(truncated), {"success": bool(reward > 0)}

    def render(self) -> Any:
        return self.stock.render()

    def close(self) -> None:
        self.stock.close()

    def _look(self, image: np.ndarray) -> None:
        """Remember what an image shows: MiniGrid's view coordinates turned back into the grid's."""
        stock = self.stock
        view = stock.agent_view_size
        ahead, right = np.array(stock.dir_vec), np.array(stock.right_vec)
        for i in range(view):
            for j in range(view):
                x, y = np.array(stock.agent_pos) + (view - 1 - j) * ahead + (i - view // 2) * right
                if image[i, j, 0] and 0 <= x < stock.width and 0 <= y < stock.height:
                    self._map[x, y, :3] = image[i, j]
        x, y = stock.agent_pos  # the image shows there what is held
        below = stock.grid.get(x, y)
        self._map[x, y, :3] = SIGHT_EMPTY if below is None else below.encode()

    def _show(self) -> np.ndarray:
        """The map with marks and with the agent on it."""
        stock, shown = self.stock, self._map.copy()
        for x, y in np.argwhere(shown[:, :, 0]).tolist():
            content = stock.grid.get(x, y)
            if content is not None:
                shown[x, y, 2] += MarkedMap.STATES * self._mark(content)
        x, y = stock.agent_pos
        held = stock.carrying
        shown[x, y] = (*SIGHT_EMPTY, stock.agent_dir)
        if held is not None:
            kind, colour, state = held.encode()
            shown[x, y, :3] = kind, colour, state + MarkedMap.STATES * self._mark(held)
        return shown

    def _mark(self, thing: Any) -> int:
        """What the present clause of the mission says of a thing, see `scene.mark_of`."""
        if self._target is not None:
            return self._pick_up_or_open if any(thing is target for target in self._target) else 0
        clause = _present_clause(getattr(self.stock, "instrs", None))
        if clause is None:
            return 0
        kind = type(clause).__name__
        moved = clause.desc_move if kind == "PutNextInstr" else clause.desc
        if any(thing is wanted for wanted in moved.obj_set):
            return {"GoToInstr": GO_TO, "PickupInstr": PICK_UP, "OpenInstr": OPEN, "PutNextInstr": PUT_NEXT}[kind]
        if kind == "PutNextInstr" and any(thing is fixed for fixed in clause.desc_fixed.obj_set):
            return BESIDE
        return 0

    def _target_object(self, layout: np.ndarray) -> list[Any] | None:
        """The things that a level without BabyAI's instructions is about; None for one that has them."""
        if hasattr(self.stock, "instrs"):
            return None
        cells = [int(place) for k, place in enumerate(layout["place"]) if int(layout["wanted"][0]) >> k & 1]
        return [self.stock.grid.get(cell // SIDE, cell % SIDE) for cell in cells]


def _present_clause(instruction: Any) -> Any | None:
    """The first clause of a BabyAI instruction that is to be done now, by what its verifier has noted."""
    kind = type(instruction).__name__
    if kind in ("BeforeInstr", "AfterInstr"):
        parts = [(instruction.instr_a, instruction.a_done), (instruction.instr_b, instruction.b_done)]
        first, second = parts if kind == "BeforeInstr" else parts[::-1]
        return _present_clause(second[0] if first[1] == "success" else first[0])
    if kind == "AndInstr":
        return instruction.instr_b if instruction.a_done == "success" else instruction.instr_a
    return instruction
