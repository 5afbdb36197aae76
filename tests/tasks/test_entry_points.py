"""Tasks of installed packages, sound and broken ones: a broken one is a line that names it, and hides no other."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import write_params
from typer.testing import CliRunner

from cli import app
from pipeline.registry import TASKS

MODULE = """
from dataclasses import replace
from pipeline.instructions import Description
from pipeline.tasks.base import Task
from pipeline.tasks.doorkey.task import DoorKeyTask, simple
from pipeline.tasks.reference_batch import ReferenceBatch

def sound(name="Sound"):
    task = simple()
    task.make_env, task.name = simple().make_env, name
    task.make_batch = lambda *arguments: ReferenceBatch(task, *arguments)
    return task

def raising():
    raise KeyError("a\\nthing")

def repeating():
    grammar = sound().grammar
    return replace(grammar, objects=(*grammar.objects, "key"))

def wording():
    grammar = sound().grammar
    return replace(grammar, options=(*grammar.options, grammar.options[0]))

def twins():
    # two of everything, which share a name
    task, describe = sound("Twins"), sound().describe
    task.describe = lambda observation: Description(describe(observation).sees * 2, describe(observation).holds)
    return task

def no_task():
    return 7

class Abstract(Task):
    pass

class Unfinished(DoorKeyTask):
    def __init__(self):
        pass
"""
SOUND = {"Sound": "others_tasks:sound", "Twins": "others_tasks:twins"}
BROKEN = {
    "Absent": ("others_tasks:absent", "AttributeError: module 'others_tasks' has no attribute 'absent'"),
    "Abstract": ("others_tasks:Abstract", "TypeError: Can't instantiate abstract class Abstract"),
    "Importing": ("no_such_module:make", "ModuleNotFoundError: No module named 'no_such_module'"),
    "NoTask": ("others_tasks:no_task", "TypeError: made 7, which is no Task"),
    "Raising": ("others_tasks:raising", r"KeyError: 'a\nthing'"),
    "Repeating": ("others_tasks:repeating", "ValueError: the grammar names the object 'key' 2 times"),
    "Unfinished": ("others_tasks:Unfinished", "AttributeError: 'Unfinished' object has no attribute 'name'"),
    "Wording": ("others_tasks:wording", "ValueError: the grammar names the option 'explore' 2 times"),
}
"""Name -> its entry point, and what is wrong with it."""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with sound tasks and broken ones, in the current folder with tiny params."""
    (tmp_path / "others_tasks.py").write_text(MODULE)
    about = tmp_path / "others_tasks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others-tasks\nVersion: 1.0\n")
    entries = {**SOUND, **{name: place for name, (place, _) in BROKEN.items()}}
    lines = [f"{name} = {place}" for name, place in entries.items()]
    (about / "entry_points.txt").write_text("\n".join(["[llm4teach.tasks]", *lines]))
    write_params(tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "others_tasks", raising=False)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def said_of(name: str) -> str:
    place, why = BROKEN[name]
    return f"llm4teach: task {name!r} can't be made: its entry point {place!r} (package others-tasks) fails with {why}"


def test_broken_tasks_hide_no_others() -> None:
    listed = run("tasks", "--json")
    assert listed.exit_code == 0
    assert [task["name"] for task in json.loads(listed.stdout)] == [*TASKS.built_in, *SOUND]
    for line, name in zip(listed.stderr.splitlines(), BROKEN, strict=True):
        assert line.startswith(said_of(name))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_task_is_one_line(name: str) -> None:
    result = run("collect", "--task", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(said_of(name))
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_one_can_be_used(name: str) -> None:
    assert run("collect", "--task", name).exit_code == 0
    assert Path(f"data/states/{name}.parquet").is_file()
