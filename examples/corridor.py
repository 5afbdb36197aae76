"""A task that is no grid: a dark corridor with a key and a chest somewhere in it, seen as four numbers.

The agent walks left and right. It takes the key by standing where it lies, and opens the chest by standing there with
the key. Two options walk to the things; a teacher has to know which to visit first.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan
from pipeline.tasks.base import OptionStep, TaskPrompt
from pipeline.tasks.reference_batch import ReferenceTask
from pipeline.tasks.spaces import Space

LENGTH, HORIZON = 21, 60
STAY, LEFT, RIGHT = range(3)


class CorridorEnv(gymnasium.Env):
    """The environment, with gymnasium's API: all chance comes from the seed."""

    observation_space = gymnasium.spaces.Box(0, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.place, self.key, self.chest = draw(self.np_random)
        self.held, self.steps = False, 0
        return self._seen(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        self.place = min(max(self.place + (0, -1, 1)[action], 0), LENGTH - 1)
        self.held |= self.place == self.key
        success = self.held and self.place == self.chest
        reward = 1 - 0.9 * self.steps / HORIZON if success else 0.0
        return self._seen(), reward, success, self.steps >= HORIZON, {"success": success}

    def _seen(self) -> np.ndarray:
        """Where the agent, the key and the chest are, from 0 to 1, and whether it holds the key."""
        return np.array([*np.array([self.place, self.key, self.chest]) / (LENGTH - 1), self.held], np.float32)


def draw(rng: np.random.Generator) -> list[int]:
    """Where the agent, the key and the chest are at first."""
    places: list[int] = rng.choice(LENGTH, 3, replace=False).tolist()
    return places


class Corridor(ReferenceTask):
    """What the pipeline is told about it; `llm4teach tasks check Corridor` says whether it is right."""

    name, suite, horizon = "Corridor", "examples", HORIZON
    space = Space("discrete", 3, ("stay", "left", "right"))
    idle = STAY
    held_out = "other places of key and chest than in training"
    # What plans may say, and what each option may be about.
    grammar = Grammar((OptionSpec("go to", ("key", "chest"), aliases=("walk to", "visit")),), ("key", "chest"))
    prompt = TaskPrompt(
        rules=(
            "An agent is in a dark corridor with a key and a locked chest. Its task is to open the chest. It takes the "
            "key by going there, and opens the chest by going there with the key. It has one skill, and a plan is a "
            "list of its uses, separated by commas: go to <key>, go to <chest>."
        ),
        example_state=Description(("chest", "key")).sentence,
        example_summary="The agent knows where a key and a chest are and carries nothing.",
        example_reasoning="A locked chest can't be opened without its key, so the key comes first.",
        example_plan="go to <key>, go to <chest>",
    )

    def make_env(self, render_mode: str | None = None) -> CorridorEnv:  # noqa: ARG002 (there are no pictures)
        return CorridorEnv()

    def describe(self, observation: np.ndarray) -> Description:
        """What the agent can say; states in which the same plans are good should be described alike."""
        held = observation[3] > 0
        return Description(("chest",) if held else ("chest", "key"), "key" if held else None)

    def follow(self, option: Option, observation: np.ndarray) -> OptionStep:
        """One step of an option: an action, or that the option is done."""
        (thing,) = option.args
        here, there = observation[0], observation[1 if thing == "key" else 2]
        if (thing == "key" and observation[3]) or here == there:
            return OptionStep(None, done=True)
        return OptionStep(LEFT if there < here else RIGHT, done=False)

    def scripted_plan(self, description: Description) -> Plan:
        """What the provider `scripted` answers, where no model is asked."""
        first = () if description.holds else ("key",)
        return Plan(tuple(Option("go to", (thing,)) for thing in (*first, "chest")))

    def layout_code(self, seed: int) -> int:
        """Equal exactly for seeds that draw the same layout, in any process."""
        place, _, _ = draw(np.random.default_rng(seed))
        return self.world_code(seed) * LENGTH + place

    def world_code(self, seed: int) -> int:
        """The layout without where the agent starts: that is what is held out."""
        _, key, chest = draw(np.random.default_rng(seed))
        return key * LENGTH + chest
