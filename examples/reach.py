"""A task with continuous actions: a hand in a plane fetches a ball and brings it to a box.

An option's policy is a Gaussian: `follow` gives its mean, and its deviation if it has one of its own. What a teacher
makes of several plans is in `Task.teacher_policy`.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan
from pipeline.tasks.base import OptionStep, TaskPrompt
from pipeline.tasks.reference_batch import ReferenceTask
from pipeline.tasks.spaces import Space

HORIZON, SPEED, NEAR = 50, 0.1, 0.1


class ReachEnv(gymnasium.Env):
    """Places are in the square from -1 to 1; an action is a velocity, at most SPEED a step in each direction."""

    observation_space = gymnasium.spaces.Box(-1, 1, (7,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.hand, self.ball, self.box = draw(self.np_random)
        self.held, self.steps = False, 0
        return self._seen(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        self.hand = np.clip(self.hand + SPEED * np.clip(action, -1, 1), -1, 1)
        self.held |= near(self.hand, self.ball)
        success = self.held and near(self.hand, self.box)
        reward = 1 - 0.9 * self.steps / HORIZON if success else 0.0
        return self._seen(), reward, success, self.steps >= HORIZON, {"success": success}

    def _seen(self) -> np.ndarray:
        """The hand, the ball and the box, and whether the ball is in the hand."""
        return np.array([*self.hand, *self.ball, *self.box, self.held], np.float32)


def draw(rng: np.random.Generator) -> np.ndarray:
    """Where the hand, the ball and the box are at first; float64[3, 2], in hundredths."""
    return rng.integers(-100, 101, (3, 2)) / 100


def near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.hypot(*(one - other)) < NEAR)


class Reach(ReferenceTask):
    """What the pipeline is told about it."""

    name, suite, horizon = "Reach", "examples", HORIZON
    space = Space("continuous", 2, ("right", "up"), low=-1.0, high=1.0)
    idle = np.zeros(2, np.float32)
    grammar = Grammar((OptionSpec("reach for", ("ball", "box"), ("move to", "go to")),), ("ball", "box"))
    prompt = TaskPrompt(
        rules=(
            "A hand over a table has to put a ball into a box. It takes the ball by reaching for it. It has one skill, "
            "and a plan is a list of its uses, separated by commas: reach for <ball>, reach for <box>."
        ),
        example_state=Description(("ball", "box")).sentence,
        example_summary="There are a ball and a box; the hand is empty.",
        example_reasoning="The ball must be taken before it can be put anywhere.",
        example_plan="reach for <ball>, reach for <box>",
    )

    def make_env(self, render_mode: str | None = None) -> ReachEnv:  # noqa: ARG002 (there are no pictures)
        return ReachEnv()

    def describe(self, observation: np.ndarray) -> Description:
        held = observation[6] > 0
        return Description(("box",) if held else ("ball", "box"), "ball" if held else None)

    def follow(self, option: Option, observation: np.ndarray) -> OptionStep:
        hand, ball, box = observation[:6].reshape(3, 2)
        there = ball if option.args == ("ball",) else box
        if (there is ball and observation[6]) or near(hand, there):
            return OptionStep(None, done=True)
        return OptionStep(np.clip((there - hand) / SPEED, -1, 1), done=False, std=0.3)

    def scripted_plan(self, description: Description) -> Plan:
        """What the provider `scripted` answers, where no model is asked."""
        first = () if description.holds else ("ball",)
        return Plan(tuple(Option("reach for", (thing,)) for thing in (*first, "box")))

    def layout_code(self, seed: int) -> int:
        code = 0
        for place in np.rint(draw(np.random.default_rng(seed)) * 100).astype(int).ravel().tolist():
            code = code * 201 + place + 100
        return code
