"""`benchmarks/mutation.py`: which tests are asked about a change."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tiny import ROOT

from benchmarks.mutants import Mutation

ENGINE, FILMS, FILES = "tests/tasks/test_doorkey_engine.py", "tests/report/test_films.py", "tests/test_files.py"
PATH = "pipeline/tasks/doorkey/vision.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module, on the path that it finds when it is run."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), str(ROOT), *sys.path])
    import benchmarks.mutation

    return benchmarks.mutation


def chosen(script: Any, statement: int, limit: float = 100) -> list[str]:
    """For a change of a statement: all of them run line 1, the definition of a compiled function; FILMS runs line 9."""
    covers = {
        FILES: {"seconds": 1, "lines": {PATH: [1]}},
        FILMS: {"seconds": 2, "lines": {PATH: [1, 9]}},
        ENGINE: {"seconds": 8, "lines": {PATH: [1]}},
    }
    found: list[str] = script.chosen_tests(Mutation(PATH, statement, statement, 0, 0, "", ""), covers, limit)
    return found


def test_the_tests_that_run_a_line_are_asked(script: Any) -> None:
    assert chosen(script, 9) == [FILMS]


def test_of_compiled_code_those_named_after_its_folder_come_first(script: Any) -> None:
    assert chosen(script, 1) == [ENGINE, FILES, FILMS]
    assert chosen(script, 1, limit=9.5) == [ENGINE, FILES]
