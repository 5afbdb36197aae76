"""The changes that `make mutation` makes: which there are, and that each is a program that differs in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.mutants import find, optional_arguments

ROOT = Path(__file__).resolve().parents[2]


def changed(source: str, **optional: set[str]) -> set[str]:
    """Every changed form of a source."""
    return {one.apply(source) for place in find("a.py", source, optional) for one in place}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"(a <= b)", "(a >= b)", "True", "False"}),
        ("x = a - b", {"x = (a + b)"}),
        ("x = 'é' + a - b", {"x = ('é' + a + b)"}),  # places are counted in bytes
        ("a and b", {"(a or b)", "a", "b", "True", "False"}),
        ("not a", {"a", "True", "False"}),
        ("x = 2", {"x = 3", "x = 1"}),
        ("x = 0.5", {"x = 1.0", "x = 0.25"}),
        ("x = a if b else c", {"x = a", "x = c"}),
        ("x = [a for a in b if c]", {"x = ([a for a in b])"}),
        ("x = min(a, b)", {"x = max(a, b)"}),
        ("x = a.mean(axis=b)", {"x = a.sum(axis=b)", "x = a.mean()"}),
        ("f(a, b, c=d, e=g)", {"pass", "f(b, a, c=d, e=g)", "f(a, b, e=g)"}),
        ("a += b", {"pass", "a -= b"}),
        ("a.b = c", {"pass"}),
        ("for a in b: continue", {"for a in b: break"}),
    ],
)
def test_the_changes_of_a_statement(source: str, expected: set[str]) -> None:
    found = changed(source, f={"c"})
    assert {ast.unparse(ast.parse(one)) for one in found} == {ast.unparse(ast.parse(one)) for one in expected}


@pytest.mark.parametrize(
    "source",
    [
        '"""What it does: 1 + 1."""',
        "import a",
        "raise ValueError(1 < 2)",
        "x = f'{a + 1}'",
        "x: Literal[1]",
        "x = 'text' + a",
        "x = path / 'name'",
        "@lru_cache(maxsize=4096)\ndef f(): pass",
        "def draw(axes: Axes): x = 1",
    ],
)
def test_wording_types_and_looks_are_left_alone(source: str) -> None:
    assert changed(source) == set()


def test_every_change_of_the_pipeline_is_another_program_that_differs_in_one_place() -> None:
    sources = {path: path.read_text() for path in sorted((ROOT / "pipeline").rglob("*.py"))}
    optional = optional_arguments(sources.values())
    for path in (ROOT / "pipeline/instructions.py", ROOT / "pipeline/tasks/doorkey/guide.py"):
        source = sources[path]
        original = ast.dump(ast.parse(source))
        for one in (one for place in find("a.py", source, optional) for one in place):
            content = source.encode()
            mutated = one.apply(source)
            assert ast.dump(ast.parse(mutated)) != original
            assert mutated.encode().startswith(content[: one.start])
            assert mutated.encode().endswith(content[one.end :])
            assert one.end - one.start < 2000


def test_a_change_is_known_by_its_statement_or_its_compiled_function() -> None:
    source = "def f(a):\n    x = g(\n        a < 1)\n\n@compiled\ndef h(b):\n    x = b\n    return x < 2\n"
    lines = {one.before: (one.line, one.statement) for place in find("a.py", source, {}) for one in place}
    assert lines["a < 1"] == (3, 2)
    assert lines["x < 2"] == (8, 6)


def test_arguments_that_may_be_left_away() -> None:
    source = "def f(a, b=1, *, c, d=2): pass\nclass K:\n    e: int\n    g: int = 3\n"
    assert optional_arguments([source]) == {"f": {"b", "d"}, "K": {"g"}}
