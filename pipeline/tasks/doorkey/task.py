"""The four DoorKey tasks as the rest of the pipeline sees them: spaces, words, options, prompt.

MiniGrid is loaded only when a reference environment is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from pipeline.instructions import Description, Grammar, Option, OptionSpec, SoftInstruction, with_colour_roles
from pipeline.tasks.base import Batch, OptionStep, Task, TaskPrompt
from pipeline.tasks.doorkey import options
from pipeline.tasks.doorkey.description import Naming, Scene, read_scene
from pipeline.tasks.doorkey.observation import observation_space
from pipeline.tasks.doorkey.sketch import LEGEND, sketch
from pipeline.tasks.minigrid_numbers import ACTIONS, COLOURS, DONE
from pipeline.tasks.spaces import Space
from pipeline.tasks.splits import Split, split_of

if TYPE_CHECKING:
    from pipeline.tasks.doorkey.environment import DoorKeyEnv, Layout


class DoorKeyTask(Task):
    """One of the four tasks. Observations are `{"map": uint8[10, 10, 4]}`, see `environment.DoorKeyEnv`.

    naming          how objects are told apart in descriptions
    colours_matter  whether descriptions speak of colours, which then become the roles `color1`, `color2`
    """

    suite = "doorkey"
    held_out = "other worlds (rooms with their objects) than in training"
    space = Space("discrete", len(ACTIONS), ACTIONS)
    idle = DONE
    legend = LEGEND

    def __init__(self, name: str, horizon: int, naming: Naming, objects: tuple[str, ...], prompt: TaskPrompt) -> None:
        self.name = name
        self.horizon = horizon
        self.naming = naming
        self.colours_matter = naming == "coloured"
        self.grammar = grammar(objects)
        self.prompt = prompt

    @cached_property
    def observation_space(self) -> spaces.Dict:
        return observation_space(self.colours_matter)

    def make_env(self, render_mode: str | None = None) -> DoorKeyEnv:
        """The reference environment; `render_mode` may be `rgb_array` or `human`."""
        from pipeline.tasks.doorkey.environment import ENVIRONMENTS

        return ENVIRONMENTS[self.name](render_mode=render_mode)

    def canonical(self, raw: Description) -> tuple[Description, dict[str, str]]:
        """A description with colours as roles where they matter, and the role of each colour in it."""
        return with_colour_roles(raw, COLOURS) if self.colours_matter else (raw, {})

    def scene(self, observation: Mapping[str, Any]) -> Scene:
        """The canonical description of an observation, and where its objects are."""
        raw = read_scene(observation["map"], self.naming)
        return raw.renamed(*self.canonical(raw.description))

    def describe(self, observation: Mapping[str, Any]) -> Description:
        return self.scene(observation).description

    def follow(self, option: Option, observation: Mapping[str, Any]) -> OptionStep:
        return options.follow(option, observation["map"], self.scene(observation))

    def sketch(self, observation: Mapping[str, Any]) -> str:
        return f"{sketch(observation['map'])}\n{self.describe(observation).sentence}"

    def layout_code(self, seed: int) -> int:
        """`environment.Layout.code` of the layout that the seed draws."""
        return self._layout(seed).code

    def world_code(self, seed: int) -> int:
        """`environment.Layout.world_code` of the layout that the seed draws."""
        return self._layout(seed).world_code

    def splits(self, seeds: np.ndarray) -> list[Split]:
        """As `Task.splits`, from compiled code."""
        from pipeline.tasks.doorkey.engine import STARTS, layout_codes

        return [split_of(world) for world in (layout_codes(self.name, seeds) // STARTS).tolist()]

    def _layout(self, seed: int) -> Layout:
        self._scratch_env.reset(seed=int(seed))
        return self._scratch_env.layout

    def layout_seeds(self, split: Split, count: int, start: int = 0) -> np.ndarray:
        """As `Task.layout_seeds`, from compiled code."""
        from pipeline.tasks.doorkey.engine import layout_seeds

        return layout_seeds(self.name, split, count, start)

    @cached_property
    def _scratch_env(self) -> DoorKeyEnv:
        return self.make_env()

    def make_batch(
        self,
        size: int,
        seed: int,
        instructions: Mapping[str, SoftInstruction] | None = None,
        split: Split | None = "train",
    ) -> Batch:
        """The compiled engine; `pipeline.tasks.reference_batch` does the same with reference environments."""
        from pipeline.tasks.doorkey.engine import DoorKeyBatch

        return DoorKeyBatch(self, self.canonical, size, seed, instructions, split)


def grammar(objects: tuple[str, ...]) -> Grammar:
    """The five options about the given objects, with other ways in which models write them."""
    keys = ("key",)
    doors = tuple(sorted({thing.split()[-1] for thing in objects if "door" in thing}))
    return Grammar(
        (
            OptionSpec("explore", (), ("search", "look around", "wander")),
            OptionSpec("go to", keys + doors, ("goto", "go towards", "walk to", "move to", "navigate to", "approach")),
            OptionSpec("pick up", keys, ("pickup", "pick", "grab", "take", "get", "collect")),
            OptionSpec("drop", keys, ("put down", "release", "discard"), held=True),
            OptionSpec("open", doors, ("unlock", "toggle")),
        ),
        objects,
    )


_OPTIONS = (
    "It has five skills, and a plan is a list of them, separated by commas: explore (look at parts of the room that it "
    "has not seen yet), go to <object>, pick up <object>, drop <object>, open <object>."
)
_EXAMPLE = {
    "example_state": Description(("key",)).sentence,
    "example_summary": "The agent has seen a key and carries nothing. No door has been seen so far.",
    "example_reasoning": "A locked door can't be opened without a key, so the agent should go and take the key.",
    "example_plan": "go to <key>, pick up <key>",
}
_ONE_DOOR = TaskPrompt(
    rules=(
        "An agent is shut in a room laid out as a grid. Its task is to open the locked door of the room, which takes "
        "the key in its hand. It sees only the few cells in front of it, and remembers what it has seen. " + _OPTIONS
    ),
    **_EXAMPLE,
)
_TWO_DOORS = TaskPrompt(
    rules=(
        "An agent is shut in a room laid out as a grid. The room has two locked doors, called door1 and door2 in the "
        "order of their places. Its task is to open either of them, which takes the key in its hand. It sees only the "
        "few cells in front of it, and remembers what it has seen. " + _OPTIONS
    ),
    **_EXAMPLE,
)
_COLOURS = TaskPrompt(
    rules=(
        "An agent is shut in a room laid out as a grid. Its task is to open the locked door of the room, which takes a "
        "key of the same colour as the door in its hand. Colours are written as color1 and color2. There may be keys "
        "of other colours, and the agent can carry only one thing at a time. It sees only the few cells in front of "
        "it, and remembers what it has seen. " + _OPTIONS
    ),
    example_state=Description(("color1 key",)).sentence,
    example_summary="The agent has seen a color1 key and carries nothing. No door has been seen so far.",
    example_reasoning="Any door needs a key, so the agent should walk up to the key it knows of and take it.",
    example_plan="go to <color1 key>, pick up <color1 key>",
)


def simple() -> DoorKeyTask:
    """SimpleDoorKey: one key, one door; the options were made for it."""
    return DoorKeyTask("SimpleDoorKey", 150, "plain", ("key", "door"), _ONE_DOOR)


def lava() -> DoorKeyTask:
    """LavaDoorKey: SimpleDoorKey with a deadly cell that neither the teacher nor the options know of."""
    return DoorKeyTask("LavaDoorKey", 150, "plain", ("key", "door"), _ONE_DOOR)


def colored() -> DoorKeyTask:
    """ColoredDoorKey: two keys, and only the one of the door's colour opens it."""
    objects = tuple(f"{colour} {kind}" for colour in ("color1", "color2") for kind in ("key", "door"))
    return DoorKeyTask("ColoredDoorKey", 150, "coloured", objects, _COLOURS)


def diverged() -> DoorKeyTask:
    """DivergedDoorKey: two doors, a teacher that can't choose between them, and little time.

    It has 512 worlds: 414 for training, 41 for validation and 57 for tests. So 1000 test layouts share their worlds by
    eighteens, and differ in where the agent starts: they say how well a student does in 57 rooms that it hasn't met.
    """
    task = DoorKeyTask("DivergedDoorKey", 60, "numbered", ("key", "door1", "door2"), _TWO_DOORS)
    task.held_out = "41 validation and 57 test worlds of 512, with 252 starts each"
    return task
