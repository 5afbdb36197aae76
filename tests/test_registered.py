"""What is found by name: the project's own without importing it, and what installed packages bring or break."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.params import Train
from pipeline.registry import METHODS, NETWORKS, TASKS, Broken, Registry, Unknown
from pipeline.student.make import network_for
from pipeline.student.methods.method import get_method, method_names
from pipeline.tasks.registry import get_task

MODULE = """
from pipeline.student.methods.method import Method
from pipeline.student.networks.egocentric import Egocentric

class Own(Method):
    name, title = "own", "A method of one's own"

class Misnamed(Method):
    name, title = "another", "Another"

class Near(Egocentric):
    pass

def seven():
    return 7
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with methods and a network."""
    (tmp_path / "others_parts.py").write_text(MODULE)
    about = tmp_path / "others_parts-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others_parts\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[llm4teach.methods]\nown = others_parts:Own\nmisnamed = others_parts:Misnamed\nseven = others_parts:seven\n"
        "absent = others_parts:Absent\nrl = others_parts:Own\n[llm4teach.networks]\nnear = others_parts:Near\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("others_parts", None)


def test_names_are_the_projects_own_and_then_the_others() -> None:
    assert method_names() == ["llm", "hierarchical", "rl", "llm4teach", "absent", "misnamed", "own", "seven"]
    assert method_names(trained_only=True) == method_names()[1:]
    assert NETWORKS.names() == [*NETWORKS.built_in, "near"]
    assert "others_parts" not in sys.modules  # nothing was imported for that


@pytest.mark.parametrize("name", ["llm", "hierarchical", "rl", "llm4teach", "own"])
def test_a_method_has_the_name_under_which_it_is_found(name: str) -> None:
    method = get_method(name)
    assert (method.name, method.trained) == (name, name != "llm")
    assert method.title


def test_what_an_entry_point_may_not_bring() -> None:
    for name, why in {
        "misnamed": "ValueError: its name is 'another'; wanted that of the entry point, 'misnamed'",
        "seven": "TypeError: made 7, which is no Method",
        "absent": "AttributeError: module 'others_parts' has no attribute 'Absent'",
    }.items():
        with pytest.raises(Broken, match=rf"method '{name}' can't be made: .*package others_parts.*{why}"):
            get_method(name)


def test_the_projects_own_come_first() -> None:
    assert get_method("rl").title == "RL, no teacher"


def test_a_network_of_ones_own() -> None:
    network = network_for(get_task("SimpleDoorKey"), Train(schedule="", network="near"))
    assert type(network).__name__ == "Near"


def test_a_network_that_is_named_needs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is broken is nobody's business but of who asks for it, or for the first that fits."""
    monkeypatch.setitem(NETWORKS.built_in, "broken", "no_such_module:Network")
    network = network_for(get_task("SimpleDoorKey"), Train(schedule="", network="map"))
    assert type(network).__name__ == "Map"


def test_unknown_names_are_told_with_those_there_are() -> None:
    with pytest.raises(Unknown, match=r"unknown method 'ppo'; there are llm, hierarchical, rl, llm4teach, absent"):
        get_method("ppo")


@pytest.mark.parametrize("registry", [METHODS, NETWORKS, TASKS])
def test_everything_of_the_projects_own_is_there(registry: Registry) -> None:
    for name in registry.built_in:
        assert name in registry
        registry.get(name)
