"""What the sections of params.yaml have in common: they are frozen, strict, and refuse keys that nobody reads."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class ParamsError(ValueError):
    """Something in params.yaml (or the file itself) that can't be used; the message is one line per fault."""


T = TypeVar("T")


def _once(items: list[T]) -> list[T]:
    for item in items:
        if items.count(item) > 1:
            raise ValueError(f"{item!r} is listed twice")
    return items


Distinct = Annotated[list[T], Field(min_length=1), AfterValidator(_once)]


class Section(BaseModel):
    """A section: no key more, none of another type, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
