"""Tasks by name: registered ones, and families by their prefix."""

from __future__ import annotations

import pytest
from tiny import params

from pipeline.registry import TASKS, Unknown
from pipeline.tasks.registry import get_task


def level(name):
    """A family with one level."""
    if name != "Level-v0":
        raise ValueError(f"no level {name!r}; there is Level-v0")
    return get_task("SimpleDoorKey")


@pytest.fixture(autouse=True)
def family(monkeypatch):
    monkeypatch.setitem(TASKS.families, "family", f"{__name__}:level")


def test_a_family_makes_the_tasks_of_its_prefix():
    assert get_task("family:Level-v0").name == "SimpleDoorKey"
    assert "family:Level-v0" in TASKS
    assert params({"tasks": ["family:Level-v0"]}).tasks == ["family:Level-v0"]


def test_unknown_names():
    with pytest.raises(Unknown, match="unknown task 'family:None': no level 'None'; there is Level-v0"):
        get_task("family:None")
    for name in ("Nothing", "other:Level-v0", "family"):
        assert name not in TASKS
        with pytest.raises(Unknown, match=r"there are SimpleDoorKey, .*minigrid:<level>, family:<level>"):
            get_task(name)
        with pytest.raises(ValueError, match=r"unknown task .* allowed: SimpleDoorKey, .*family:<level>"):
            params({"tasks": [name]})
