"""A hash of the code that decides a student's numbers: a checkpoint or trial that other code made is never taken up.

Comments, docstrings and layout change nothing. Besides this project's students and tasks it covers the modules of a
task, method or network of a user's own, and the versions of the libraries that do the arithmetic.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
PARTS = ("student", "tasks", "instructions.py", "compiled.py")
LIBRARIES = ("gymnasium", "minigrid", "numba", "numpy", "torch")


def sources_digest(*owners: object, more: tuple[str, ...] = ()) -> str:
    """sha256 (64 hex digits) over the code that trains a student.

    owners  what may be a user's own: the task, the method, the network
    more    further files or folders of this package (`evaluation.py`) that matter to the caller
    """
    others = {file for owner in owners for file in _own_modules(owner)}
    return _digest(PACKAGE, (*PARTS, *more), tuple(sorted(others)))


@cache
def _digest(package: Path, parts: tuple[str, ...], others: tuple[Path, ...]) -> str:
    digest = hashlib.sha256(repr([(name, _version(name)) for name in LIBRARIES]).encode())
    for path in [*sorted(_python_files(package / part for part in parts)), *others]:
        digest.update(path.name.encode())
        digest.update(meaning(path.read_text()).encode())
    return digest.hexdigest()


def meaning(source: str) -> str:
    """Python source as its syntax tree in text, without comments, docstrings and places."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
    return ast.dump(tree)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring, or text that stands alone like one."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _python_files(places: Iterable[Path]) -> list[Path]:
    """The files among some places, and those below the folders among them."""
    return [file for place in places for file in (place.rglob("*.py") if place.is_dir() else [place])]


def _own_modules(owner: object) -> set[Path]:
    """The files of an object's classes that are outside this package, each with its neighbours if it is in a package.

    Those of installed libraries are not: their versions count.
    """
    files: set[Path] = set()
    for kind in type(owner).__mro__:
        module = inspect.getmodule(kind)
        where = Path(getattr(module, "__file__", None) or PACKAGE)
        if where.suffix == ".py" and PACKAGE not in where.parents and kind.__module__ not in ("abc", "builtins"):
            files.update(where.parent.rglob("*.py") if getattr(module, "__package__", "") else [where])
    return files


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
