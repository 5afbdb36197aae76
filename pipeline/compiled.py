"""Compilation of hot loops with numba, and where the machine code is kept between processes.

The cache lives in `$XDG_CACHE_HOME/llm4teach/compiled/` (else `~/.cache/...`), or where NUMBA_CACHE_DIR says. numba
notices a change of a function's own file but not of a function it calls in another one, so the folder is named after
a hash of every source file that compiles anything: an edited source never meets stale machine code.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

# One thread per process: the matrices here are small, and runs share the cores among themselves.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba

CONSTANTS = ("minigrid_numbers.py",)
"""Sources that compile nothing, but whose numbers are built into machine code."""

Function = TypeVar("Function", bound=Callable)


def _sources_hash() -> str:
    """16 hex digits over the sources below this package that import this module, and CONSTANTS."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        content = source.read_bytes()
        if b"from pipeline.compiled import" in content or source.name in CONSTANTS:
            digest.update(content)
    return digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    numba.config.CACHE_DIR = str(home / "llm4teach" / "compiled" / _sources_hash())  # type: ignore[attr-defined]


def compiled(function: Function) -> Function:
    """Compile to machine code at the first call, with IEEE arithmetic kept exact (the parity tests rely on it)."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def compiled_fast(function: Function) -> Function:
    """Like `compiled`, but sums may be reordered and multiply-adds fused: for dense arithmetic, not for bookkeeping."""
    options: dict[str, Any] = {
        "cache": True,
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    }
    return cast(Function, numba.njit(**options)(function))
