"""A stock level as the rest of the pipeline sees it: spaces, words, options, prompt.

`minigrid:MiniGrid-KeyCorridorS3R3-v0` is that level described by facts; with `:roles` behind it, by roles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan, SoftInstruction
from pipeline.tasks.base import Batch, OptionStep, Task, TaskPrompt
from pipeline.tasks.minigrid import options, rules
from pipeline.tasks.minigrid.coverage import level
from pipeline.tasks.minigrid.description import Map, Scene, read_scene
from pipeline.tasks.minigrid.layouts import start_code
from pipeline.tasks.minigrid.levels import NotCovered
from pipeline.tasks.minigrid.phrases import Wording, vocabulary
from pipeline.tasks.minigrid.pool import BLOCK, layouts
from pipeline.tasks.minigrid_numbers import ACTIONS, DONE
from pipeline.tasks.spaces import MarkedMap, Space
from pipeline.tasks.splits import Split, distinct_layouts

if TYPE_CHECKING:
    from pipeline.tasks.minigrid.environment import LevelEnv

FAMILY = "minigrid"
"""The prefix of these tasks' names."""
SEEDS = 8191
"""Layouts that batches draw from: a prime, so that streams of candidates of any stride meet them all."""


class LevelTask(Task):
    """One level. Observations are `{"map": uint8[width, height, 4]}`, see `description`.

    level    gymnasium id
    wording  how states are described, see `phrases`
    seeds    how many layouts batches draw from
    """

    suite = FAMILY
    held_out = "other worlds (grid, objects and mission) than in training"
    space = Space("discrete", len(ACTIONS), ACTIONS)
    idle = DONE

    def __init__(self, name: str, wording: Wording = "facts", seeds: int = SEEDS) -> None:
        """Raises NotCovered for a level that the compiled world can't play."""
        why = level(name).why
        if why:
            raise NotCovered(f"the level {name!r} is not covered: {why}")
        self.level = name
        self.wording = wording
        self.seeds = seeds
        self.name = f"{FAMILY}:{name}" + (":roles" if wording == "roles" else "")
        self.horizon = int(layouts(name, np.arange(BLOCK)).records["horizon"].max())
        self.grammar = grammar(wording)
        self.prompt = PROMPTS[wording]

    def make_env(self, render_mode: str | None = None) -> LevelEnv:
        """The stock environment; `render_mode` may be `rgb_array` or `human`."""
        from pipeline.tasks.minigrid.environment import LevelEnv

        return LevelEnv(self.level, render_mode)

    @cached_property
    def observation_space(self) -> spaces.Dict:
        record = layouts(self.level, np.arange(1)).records[0]
        return spaces.Dict({"map": MarkedMap(int(record["width"]), int(record["height"]))})

    def scene(self, observation: Mapping[str, Any]) -> tuple[Map, Scene]:
        """The map that an observation shows, its description, and what its things are called."""
        cells = observation["map"]
        return _scene(cells.tobytes(), cells.shape, self.wording)

    def describe(self, observation: Mapping[str, Any]) -> Description:
        return self.scene(observation)[1].description

    def follow(self, option: Option, observation: Mapping[str, Any]) -> OptionStep:
        return options.follow(option, *self.scene(observation))

    def scripted_plan(self, description: Description) -> Plan:
        return rules.plan_for(description)

    def layout_code(self, seed: int) -> int:
        return start_code(layouts(self.level, np.array([seed])).records[0])

    def world_code(self, seed: int) -> int:
        return int(layouts(self.level, np.array([seed])).records[0]["world"])

    def layout_seeds(self, split: Split, count: int, start: int = 0) -> np.ndarray:
        """As `Task.layout_seeds`, from layouts that are drawn in blocks."""

        def candidates() -> Iterator[tuple[int, int, int]]:
            for first in range(start, start + 200 * count, BLOCK):
                for record in layouts(self.level, np.arange(first, first + BLOCK)).records:
                    yield int(record["seed"]), start_code(record), int(record["world"])

        return distinct_layouts(candidates(), split, count)

    def make_batch(
        self,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> Batch:
        from pipeline.tasks.minigrid.engine import LevelBatch

        return LevelBatch(self, size, seed, instructions, split)


@lru_cache(maxsize=64)
def _scene(cells: bytes, shape: tuple[int, ...], wording: Wording) -> tuple[Map, Scene]:
    """One state is asked about many times: once for each option of each plan."""
    remembered = Map(np.frombuffer(cells, np.uint8).reshape(shape))
    return remembered, read_scene(remembered, wording)


def make(name: str) -> LevelTask:
    """The task of a name without its prefix: a level's id, and `:roles` for that wording."""
    level_name, _, wording = name.partition(":")
    if wording not in ("", "facts", "roles"):
        raise NotCovered(f"no wording {wording!r}; there are facts (also without a word) and roles")
    return LevelTask(level_name, "roles" if wording == "roles" else "facts")


THINGS = ("key", "ball", "box", "obstacle", "to pick up", "to move", "to go to", "to move it to")
"""Last words of what can be carried."""


def grammar(wording: Wording) -> Grammar:
    """The options about all that a wording names, with other ways in which models write them."""
    return Grammar(
        (
            OptionSpec("explore", (), ("search", "look around")),
            OptionSpec("go to", ("door", "goal", "to open", *THINGS), ("goto", "walk to", "move to", "approach")),
            OptionSpec("pick up", THINGS, ("pickup", "take", "grab")),
            OptionSpec("drop", THINGS, ("put down", "release"), held=True),
            OptionSpec("open", ("door", "box", "to open"), ("unlock", "toggle")),
            OptionSpec("put next to", ("to move it to",), ("put beside",)),
        ),
        vocabulary(wording),
    )


_RULES = (
    "An agent is in a house of rooms laid out as a grid. Doors may be closed, or locked: a locked door takes the key "
    "of its colour in the agent's hand. Boxes may hide something, which opening them shows, and the box is gone then. "
    "The agent can carry one thing at a time, can't walk through things, sees only what lies before it, and remembers "
    "what it has seen. 'Unreachable' is what it knows of no free way to. What the mission asks for is named with it: a "
    "'ball to pick up' is to be picked up, a 'ball to move' is to be put next to the 'box to move it to'. As long as "
    "nothing of the kind has been seen, it has to be found. It has six skills, and a plan is a list of them, separated "
    "by commas: explore (look at what can be reached and has not been seen), go to <object>, pick up <object>, drop "
    "<object> (where it is in nobody's way), open <object> (a door or a box), put next to <object> (what is held). All "
    "of them walk there first."
)
_ROLES_RULES = (
    " A 'fitting key' opens a locked door that has been seen, a 'fitting door' is opened by the key in the hand, and "
    "an 'obstacle' stands in the way of something."
)
PROMPTS: dict[Wording, TaskPrompt] = {
    "facts": TaskPrompt(
        rules=_RULES,
        example_state=Description(("color1 key", "locked color1 door", "ball")).sentence,
        example_summary="The agent has seen a locked door, the key of its colour and a ball, and carries nothing.",
        example_reasoning="The locked door takes the key of its colour, which is within reach.",
        example_plan="pick up <color1 key>, open <locked color1 door>",
    ),
    "roles": TaskPrompt(
        rules=_RULES + _ROLES_RULES,
        example_state=Description(("fitting key", "locked door", "ball")).sentence,
        example_summary="The agent has seen a locked door, the key that opens it and a ball, and carries nothing.",
        example_reasoning="The locked door takes the fitting key, which is within reach.",
        example_plan="pick up <fitting key>, open <locked door>",
    ),
}
