"""Text that others wrote, for a terminal."""

from __future__ import annotations


def printable(text: object, most: int = 200) -> str:
    """Text that a terminal shows and does not obey: what is not to be seen, such as escapes, is spelled out."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"
