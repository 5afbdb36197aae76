"""What pydantic found wrong, in words for whoever wrote the file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel


def explain(fault: Any, model: type[BaseModel]) -> str:
    """One line for one fault of a model: the key, what is wrong with it, and what is allowed."""
    where = [str(part) for part in fault["loc"]]
    key = ".".join(where)
    if fault["type"] == "extra_forbidden":
        allowed = _keys_beside(fault["loc"], model)
        close = difflib.get_close_matches(where[-1], allowed, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"unknown key {key}; {hint}allowed here: {', '.join(allowed)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message[0].lower()}{message[1:]} (got {fault['input']!r})"


def _keys_beside(loc: Sequence[Any], model: type[BaseModel]) -> list[str]:
    """The keys that are allowed where an unknown one was found."""
    inside: Any = model
    for part in loc[:-1]:
        inside = get_args(inside)[1] if get_origin(inside) is dict else inside.model_fields[part].annotation
    return list(inside.model_fields)
