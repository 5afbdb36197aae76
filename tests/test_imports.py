"""Imports point one way, and no two files need each other: CONTRIBUTING's rule, as the code has it."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tiny import ROOT

LAYERS = (
    ("cli",),
    ("stages",),
    ("pipeline.report",),
    ("pipeline.analysis",),
    ("pipeline.results", "pipeline.rounds"),
    ("pipeline.experiments", "pipeline.evaluation", "pipeline.collection", "pipeline.label_sets", "pipeline.export"),
    ("pipeline.tasks", "pipeline.teacher", "pipeline.student"),
)
"""Each may import those below it, and below all the rest of `pipeline`, which is of the language and of files."""
SHARED = ("pipeline.tasks", "pipeline.evaluation")
"""What the rest of its layer may import: what a task is, and how a policy is played."""


def modules() -> dict[str, Path]:
    """Every module of the program by its name."""
    paths = [ROOT / "cli.py", *(path for part in ("pipeline", "stages") for path in (ROOT / part).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the program that a file imports anywhere in it, also within a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known.keys()


def layer(module: str) -> tuple[int, str]:
    """The layer that a module belongs to, from the top, and its part of it."""
    for number, parts in enumerate(LAYERS):
        for part in parts:
            if module == part or module.startswith(part + "."):
                return number, part
    return len(LAYERS), ".".join(module.split(".")[:2])


def wrong_ways(graph: dict[str, set[str]]) -> list[str]:
    """The imports that point upward, or from one part of a layer to another."""
    found = []
    for one, others in graph.items():
        here, part = layer(one)
        for other in others:
            there, its = layer(other)
            sideways = there == here < len(LAYERS) and its != part and its not in SHARED
            if there < here or sideways:
                found.append(f"{one} imports {other}")
    return sorted(found)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Files that need each other, as a way back to the first one; empty if there is none."""
    try:
        TopologicalSorter({one: others - {one} for one, others in graph.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def graph_of_the_program() -> dict[str, set[str]]:
    known = modules()
    return {name: imported(path, known) for name, path in known.items()}


def test_imports_point_one_way() -> None:
    graph = graph_of_the_program()
    assert len(graph) > 100
    assert not wrong_ways(graph)


def test_no_two_files_need_each_other() -> None:
    assert circle(graph_of_the_program()) == []


def test_the_rule_notices_what_breaks_it() -> None:
    graph = {
        "stages.train": {"pipeline.student.runs.run"},
        "pipeline.student.runs.run": {"pipeline.tasks.base", "pipeline.params"},
        "pipeline.params": set[str](),
    }
    assert (wrong_ways(graph), circle(graph)) == ([], [])
    graph["pipeline.params"] = {"stages.train", "pipeline.teacher.teacher"}
    graph["pipeline.student.runs.run"] |= {"pipeline.teacher.teacher"}
    assert wrong_ways(graph) == [
        "pipeline.params imports pipeline.teacher.teacher",
        "pipeline.params imports stages.train",
        "pipeline.student.runs.run imports pipeline.teacher.teacher",
    ]
    assert set(circle(graph)) == {"stages.train", "pipeline.student.runs.run", "pipeline.params"}
