"""Which rules of stock levels are covered, and what the others are.

A level is a gymnasium id whose environment is a MiniGridEnv. Its layouts come from its own generator, so all that
counts is whether something beyond the shared rules happens in its steps: rows of the tables below.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any


class NotCovered(ValueError):
    """A level that the compiled world can't play; the message says why."""


PICK_UP_ITS_OBJECT = {
    "KeyCorridorEnv": "obj",
    "UnlockPickupEnv": "obj",
    "BlockedUnlockPickupEnv": "obj",
    "ObstructedMazeEnv": "obj",
    "UnlockEnv": "door",
}
"""Environments whose own `step` only adds that picking up (or, for a door, opening) one thing succeeds: class name ->
the attribute that holds it."""

COVERED_STEPS = {*PICK_UP_ITS_OBJECT, "MiniGridEnv", "RoomGridLevel", "FetchEnv"}
"""Classes whose `step` the compiled rules reproduce."""

OWN_RULES = {
    "DynamicObstaclesEnv": "its obstacles move by themselves",
    "MemoryEnv": "standing on a cell ends it, and `pickup` is `toggle`",
    "GoToDoorEnv": "`done` and `toggle` end it",
    "GoToObjectEnv": "`done` and `toggle` end it",
    "PutNearEnv": "what is dropped ends it, also diagonally next to its target",
    "RedBlueDoorEnv": "opening its doors in the wrong order ends it",
}
"""Classes whose `step` has rules of its own that are not covered, and what they are."""

OVERRIDES = ("step", "gen_obs", "gen_obs_grid", "process_vis", "_reward")
"""Methods that a covered level leaves as they are."""


def make_stock(name: str, **settings: Any) -> Any:
    """The stock environment, without gymnasium's wrappers. Raises NotCovered if it can't be made."""
    import gymnasium
    import minigrid  # noqa: F401 (registers its levels)

    try:
        return gymnasium.make(name, disable_env_checker=True, **settings).unwrapped
    except gymnasium.error.DependencyNotInstalled as error:
        raise NotCovered(f"it needs a package that is not installed: {error}") from error
    except gymnasium.error.UnregisteredEnv as error:
        raise NotCovered(f"gymnasium knows no level of this name: {error}") from error
    except ImportError as error:
        raise NotCovered(f"it can't be imported: {error}") from error


def check_covered(env: Any) -> None:
    """Raises NotCovered, with the reason, for an environment (without wrappers) that has rules of its own."""
    from minigrid.minigrid_env import MiniGridEnv

    if not isinstance(env, MiniGridEnv):
        raise NotCovered(f"it is a {type(env).__name__}, not a MiniGridEnv")
    for cls in type(env).__mro__:
        if cls is MiniGridEnv:
            break
        if cls.__name__ in OWN_RULES:
            raise NotCovered(OWN_RULES[cls.__name__])
        for method in OVERRIDES:
            if method in vars(cls) and not (method == "step" and cls.__name__ in COVERED_STEPS):
                raise NotCovered(f"{cls.__name__} overrides `{method}`")


def package_version() -> str:
    """The version of the installed minigrid package, which decides what its generators draw."""
    return metadata.version("minigrid")
