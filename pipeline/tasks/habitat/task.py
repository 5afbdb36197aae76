"""Nav & Pick as the rest of the pipeline sees it: spaces, words, options, prompt."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Option, SoftInstruction
from pipeline.tasks.base import Batch, OptionStep, Task, TaskPrompt
from pipeline.tasks.habitat.description import DESCRIPTIONS, SITUATION, describe
from pipeline.tasks.habitat.homes import LAYOUTS
from pipeline.tasks.habitat.options import GRAMMAR
from pipeline.tasks.habitat.robot import JOINTS
from pipeline.tasks.habitat.rules import Rules
from pipeline.tasks.habitat.world import ACTIONS, STOP
from pipeline.tasks.spaces import Space
from pipeline.tasks.splits import Split

DIMENSIONS = (*(f"arm {joint}" for joint in range(1, JOINTS + 1)), "grip", "forward", "turn", "stop")

PROMPT = TaskPrompt(
    rules=(
        "A mobile robot with an arm is in a home of two rooms with a doorway between them. Its task is to pick up one "
        "object, the target, and then to stop; stopping without the target in its hand fails. Receptacles (tables, "
        "shelves and the like) are called receptacle1, receptacle2 and receptacle3; the target lies on receptacle1. "
        "Things of no use lie there too, each of them called different object. The robot can hold one thing at a time, "
        "and its arm reaches less than a metre. It has four skills, and a plan is a list of them, separated by commas: "
        "navigate to <receptacle>, pick <object>, place <object> (let go of what it holds), stop."
    ),
    example_state=DESCRIPTIONS[-6].sentence,
    example_summary="The target is far away on receptacle1, and the robot's hand is empty.",
    example_reasoning="The arm can't reach that far, so the robot should first drive to receptacle1, then use its arm.",
    example_plan="navigate to <receptacle1>, pick <target>, stop",
)


class NavPickTask(Task):
    """Navigate through a home and pick up an object (paper 4.2). Actions are eleven numbers, each from -1 to 1.

    rules  the reward's coefficients, the stop rule, the teacher's deviation
    side   pixels on a side of the depth picture
    """

    suite = "habitat"
    horizon = 500
    held_out = "other homes than in training"
    space = Space("continuous", ACTIONS, DIMENSIONS)
    grammar = GRAMMAR
    prompt = PROMPT

    def __init__(self, name: str = "NavPick", rules: Rules | None = None, side: int = 32) -> None:
        self.name, self.rules, self.side = name, rules or Rules(), side
        self.idle = np.zeros(ACTIONS, np.float32)
        self.idle[STOP] = -1

    @cached_property
    def observation_space(self) -> spaces.Dict:
        """Habitat's names and units; metres and radians in the base's frame (x ahead, y left, z up).

        head_depth [side, side, 1]     depth of 0 to 10 m as 0 to 1
        joint [7], is_holding [1]      the arm's joints, and whether the grip holds anything
        ee_pos [3]                     the grip
        relative_resting_position [3]  from the grip to where it is when the arm is folded
        obj_start_sensor [3]           from the grip to the target (in the base's axes, not the grip's as in Habitat)
        obj_start_gps_compass [2]      the target's distance and direction (to the left is positive)
        route [3]                      over the remembered map: metres to go, and how far ahead and left it leads next
        contact [1]                    whether the last step touched something
        situation [11]                 what the description says, as indicators
        """
        sizes = {
            "joint": JOINTS, "is_holding": 1, "ee_pos": 3, "relative_resting_position": 3, "obj_start_sensor": 3,
            "obj_start_gps_compass": 2, "route": 3, "contact": 1, "situation": SITUATION,
        }  # fmt: skip
        vectors = {name: spaces.Box(-100, 100, (size,), np.float32) for name, size in sizes.items()}
        return spaces.Dict({"head_depth": spaces.Box(0, 1, (self.side, self.side, 1), np.float32), **vectors})

    def make_env(self, render_mode: str | None = None) -> Any:
        """One home as a gymnasium environment."""
        from pipeline.tasks.habitat.environment import NavPickEnv

        return NavPickEnv(self, render_mode)

    def describe(self, observation: Mapping[str, Any]) -> Description:
        return describe(observation)

    def follow(self, option: Option, observation: Mapping[str, Any]) -> OptionStep:
        from pipeline.tasks.habitat.environment import follow

        return follow(option, observation, self.rules.deviation)

    def layout_code(self, seed: int) -> int:
        """The seed itself: it is the number of a home, and which of its layouts."""
        return int(seed)

    def world_code(self, seed: int) -> int:
        """The home's number."""
        return int(seed) // LAYOUTS

    def make_batch(
        self,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> Batch:
        from pipeline.tasks.habitat.batch import NavPickBatch

        return NavPickBatch(self, self.rules, self.side, size, seed, instructions, split)


def lenient() -> NavPickTask:
    """NavPick: stopping counts only while the target is held."""
    return NavPickTask()


def strict() -> NavPickTask:
    """NavPickStrict: stopping ends the episode, whatever is held."""
    return NavPickTask("NavPickStrict", Rules(stop="strict"))
