"""Command groups that say a user's mistakes in plain words: exit code 2, no traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer


class PlainGroup(typer.core.TyperGroup):
    """Turns errors of this project's own into their message on stderr and their exit code."""

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            if not type(error).__module__.startswith("pipeline."):
                raise
            for line in str(error).splitlines():
                print(f"llm4teach: {line}", file=sys.stderr)
            raise typer.Exit(getattr(error, "exit_code", 2)) from None
