"""A teacher that is a rule, and no language model: the plan that a careful person would make, with planted errors.

`python -m pipeline.tasks.habitat.scripted` writes what is shipped, data/published/navpick/plan_frequencies.json;
`pipeline.teacher.providers.published` makes label tables of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.instructions import Description
from pipeline.tasks.habitat.description import DESCRIPTIONS
from pipeline.tasks.habitat.options import DIFFERENT, PLACES, TARGET, TARGET_PLACES

ERRORS = 0.13
"""The share of wrong plans that is shipped."""
SHIPPED = Path("data/published/navpick/plan_frequencies.json")


def right_plan(state: Description) -> str:
    """What leads to success from a state."""
    if state.holds == TARGET:
        return "stop"
    there = f"pick <{TARGET}>, stop"
    first = f"place <{DIFFERENT}>, " if state.holds else ""
    near = TARGET_PLACES[0] in state.sees
    return first + (there if near else f"navigate to <{PLACES[0]}>, {there}")


def wrong_plan(state: Description) -> str:
    """What a careless reader of a state would say: another object, another receptacle, or that all is done."""
    if DIFFERENT in state.sees and state.holds is None:
        return f"pick <{DIFFERENT}>, stop"
    if PLACES[1] in state.sees:
        return f"navigate to <{PLACES[1]}>, pick <{TARGET}>, stop"
    return f"navigate to <{PLACES[0]}>, stop" if state.holds != TARGET else f"place <{TARGET}>"


def frequencies(errors: float = ERRORS) -> dict[str, Any]:
    """The rule's plans for every description, with that share of wrong ones, as a published label set has them."""
    entries = [
        {
            "sees": list(state.sees),
            "holds": state.holds,
            "plans": {right_plan(state): 1 - errors, wrong_plan(state): errors} if errors else {right_plan(state): 1.0},
        }
        for state in dict.fromkeys(DESCRIPTIONS)
    ]
    tables = [{"tasks": ["NavPick", "NavPickStrict"], "model": f"a rule, {errors:.0%} wrong", "entries": entries}]
    return {"tables": tables}


if __name__ == "__main__":
    SHIPPED.parent.mkdir(parents=True, exist_ok=True)
    SHIPPED.write_text(json.dumps(frequencies(), indent=1) + "\n")
