"""An event loop whose clock jumps to the next thing that happens, so that hours of waiting are tested at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _NoWaiting(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Tells the loop's clock how long it would have waited."""

    clock = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        assert found or timeout is not None, "nothing will ever happen any more"
        if not found:
            self.clock += timeout or 0.0
        return found


def run_virtually(scenario: Coroutine[Any, Any, Result]) -> tuple[Result, float]:
    """What a coroutine returns, and the seconds it would have taken; work itself takes none."""
    selector = _NoWaiting()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.clock  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(scenario), selector.clock
    finally:
        loop.close()
