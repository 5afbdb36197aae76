"""What a description may call a thing, as numbers for compiled code and as words.

Coloured phrases come first: FAMILIES x 2 (within reach or not) x 6 roles of colours. The others follow in pairs, within
reach and not. Colours become roles (`color1`, ...), and only where they matter: of keys and of locked doors.

There are two ways to describe a state. `facts` tells what is seen, whether it can be reached, and what the mission
says of it. `roles` tells what things are good for: the key that fits, what stands in the way. The second is half a
plan already, and which of the two a teacher was asked with decides how much of its success is its own.
"""

from __future__ import annotations

from typing import Literal

from pipeline.instructions import Description

Wording = Literal["facts", "roles"]

FAMILIES = ("locked {} door", "locked {} door to open", "{} key")
LOCKED_DOOR, LOCKED_DOOR_TO_OPEN, COLOURED_KEY = range(3)
ROLES = 6
"""Colours at most, and so roles of colours."""

PLAIN = (
    "closed door",
    "ball",
    "box",
    "goal",
    "door to go to",
    "key to go to",
    "ball to go to",
    "box to go to",
    "key to pick up",
    "ball to pick up",
    "box to pick up",
    "door to open",
    "key to move",
    "ball to move",
    "box to move",
    "door to move it to",
    "key to move it to",
    "ball to move it to",
    "box to move it to",
    "place to explore",
    "locked door",
    "locked door to open",
    "fitting door",
    "fitting key",
    "key",
    "obstacle",
)
FIRST_PLAIN = len(FAMILIES) * 2 * ROLES
NO_PHRASE = 255
"""Of what a description doesn't mention: open doors."""

UNREACHABLE = "unreachable"


def plain(name: str) -> int:
    """The number of an uncoloured phrase about something within reach; the next one is for out of reach."""
    return FIRST_PLAIN + 2 * PLAIN.index(name)


def _texts() -> list[str]:
    coloured = [
        f"{away}{family.format(f'color{role + 1}')}"
        for family in FAMILIES
        for away in ("", f"{UNREACHABLE} ")
        for role in range(ROLES)
    ]
    return coloured + [f"{away}{name}" for name in PLAIN for away in ("", f"{UNREACHABLE} ")]


TEXTS = _texts()
"""The words of each phrase."""
NUMBERS = {text: number for number, text in enumerate(TEXTS)}

COLOUR_BITS = 2 * len(FAMILIES) + 1
"""Bits that tell what there is of one colour: a bit for each family and reach, the last one for a key in the hand."""
ROLES_ONLY = PLAIN.index("locked door")
"""The first of the phrases that only the wording `roles` has."""


def vocabulary(wording: Wording) -> tuple[str, ...]:
    """Every phrase of a wording."""
    first_of_roles = plain(PLAIN[ROLES_ONLY])
    numbers = range(first_of_roles) if wording == "facts" else range(FIRST_PLAIN, len(TEXTS))
    nowhere = plain("place to explore") + 1  # what is to be explored is within reach
    return tuple(TEXTS[number] for number in numbers if number != nowhere)


def description_of(colours: int, things: int) -> Description:
    """The description that a pair of 64-bit keys stands for; see `scene.describe`."""
    sees = [TEXTS[FIRST_PLAIN + bit] for bit in range(2 * len(PLAIN)) if things >> bit & 1]
    held = colours >> (ROLES * COLOUR_BITS)
    holds = TEXTS[held - 1] if held else None
    for role in range(ROLES):
        bits = colours >> (role * COLOUR_BITS) & ((1 << COLOUR_BITS) - 1)
        sees += [TEXTS[kind * ROLES + role] for kind in range(2 * len(FAMILIES)) if bits >> kind & 1]
        if bits >> (COLOUR_BITS - 1) & 1:
            holds = TEXTS[COLOURED_KEY * 2 * ROLES + role]
    return Description(tuple(sees), holds)
