"""How compiled code runs: what it asks of the library that multiplies matrices."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BLAS = "OPENBLAS_NUM_THREADS"


@pytest.mark.parametrize(("given", "threads"), [({}, "1"), ({BLAS: "3"}, "3")])
def test_matrices_are_multiplied_by_one_thread_unless_told_otherwise(given: dict[str, str], threads: str) -> None:
    script = f"import pipeline.compiled, os; print(os.environ['{BLAS}'])"
    environment = {name: value for name, value in os.environ.items() if name != BLAS} | given
    assert subprocess.check_output([sys.executable, "-c", script], env=environment, text=True) == f"{threads}\n"
