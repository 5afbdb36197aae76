"""A level of stock MiniGrid by itself, `MiniGrid-FourRooms-v0`: only the words and two options are our own.

The student sees what the level shows, the 7 x 7 cells before the agent; nothing is remembered.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

import gymnasium
import minigrid  # noqa: F401 (registers its levels)
import numpy as np
from minigrid.wrappers import ImgObsWrapper

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan
from pipeline.tasks.base import OptionStep, TaskPrompt
from pipeline.tasks.doorkey.options import first_action
from pipeline.tasks.minigrid_numbers import ACTIONS, DONE, EMPTY, FORWARD, GOAL, LEFT, NO_AGENT
from pipeline.tasks.reference_batch import ReferenceTask
from pipeline.tasks.spaces import Space

VIEW = 7
AGENT, UP = (VIEW // 2, VIEW - 1), 3
"""Where the agent stands in its own view, and looks."""


class FourRooms(ReferenceTask):
    """Four rooms, a goal in one of them; the agent knows nothing but what is before it."""

    name, suite, horizon = "FourRooms", "examples", 100
    space = Space("discrete", len(ACTIONS), ACTIONS)
    idle = DONE
    held_out = "other rooms and goals than in training"
    grammar = Grammar((OptionSpec("explore", (), ("wander",)), OptionSpec("go to", ("goal",), ("walk to",))), ("goal",))
    prompt = TaskPrompt(
        rules=(
            "An agent is in a building of four rooms. Its task is to reach the goal. It sees only what is before it. "
            "It has two skills, and a plan is a list of them, separated by commas: explore (walk until the goal is in "
            "sight), go to <goal>."
        ),
        example_state=Description(("goal",)).sentence,
        example_summary="The goal is in sight.",
        example_reasoning="What is in sight can be walked to.",
        example_plan="go to <goal>",
    )

    def make_env(self, render_mode: str | None = None) -> gymnasium.Env:
        return ImgObsWrapper(gymnasium.make("MiniGrid-FourRooms-v0", render_mode=render_mode))

    def describe(self, observation: np.ndarray) -> Description:
        return Description(("goal",) if (observation[:, :, 0] == GOAL).any() else ())

    def follow(self, option: Option, observation: np.ndarray) -> OptionStep:
        goals = np.argwhere(observation[:, :, 0] == GOAL).tolist()
        if option.name == "explore":
            if goals:
                return OptionStep(None, done=True)
            ahead = observation[AGENT[0], AGENT[1] - 1, 0]
            return OptionStep(FORWARD if ahead == EMPTY else LEFT, done=False)
        if not goals:
            return OptionStep(None, done=False)
        cells = np.concatenate([observation, np.full((VIEW, VIEW, 1), NO_AGENT, np.uint8)], axis=2)
        cells[AGENT][3] = UP
        return OptionStep(first_action(cells, {(x, y, d) for x, y in goals for d in range(4)}), done=False)

    def scripted_plan(self, description: Description) -> Plan:
        """What the provider `scripted` answers, where no model is asked."""
        return Plan((Option("go to", ("goal",)) if description.sees else Option("explore"),))

    def layout_code(self, seed: int) -> int:
        """63 bits of a hash of everything; Python's own `hash` would differ from process to process."""
        level = self._level(seed)
        return _number(level.grid.encode(), np.array([*level.agent_pos, level.agent_dir]))

    def world_code(self, seed: int) -> int:
        return _number(self._level(seed).grid.encode())

    def _level(self, seed: int) -> Any:
        self._scratch.reset(seed=seed)
        return self._scratch.unwrapped

    @cached_property
    def _scratch(self) -> gymnasium.Env:
        return self.make_env()


def _number(*arrays: np.ndarray) -> int:
    digest = hashlib.sha256(b"".join(array.astype(np.uint8).tobytes() for array in arrays)).digest()
    return int.from_bytes(digest[:8], "big") >> 1
