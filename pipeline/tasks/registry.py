"""Where tasks are found by name: this project's own, families of levels, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from pipeline.tasks.base import Task


class UnknownTask(ValueError):
    """A task name that is not registered; the message lists those that are."""


class BrokenTask(ValueError):
    """An entry point that gives no usable task; the message names it, its package and what is wrong."""


BUILT_IN: dict[str, str] = {
    "SimpleDoorKey": "pipeline.tasks.doorkey.task:simple",
    "LavaDoorKey": "pipeline.tasks.doorkey.task:lava",
    "ColoredDoorKey": "pipeline.tasks.doorkey.task:colored",
    "DivergedDoorKey": "pipeline.tasks.doorkey.task:diverged",
}
"""Tasks of this project: name -> `module:factory`. Others come from entry points."""
FAMILIES: dict[str, str] = {}
"""Families of tasks: prefix -> `module:factory`. The factory makes the task `prefix:name` from `name`, or raises
ValueError."""
ENTRY_POINTS = "llm4teach.tasks"
"""The group in which installed packages name the factories of their tasks."""


def task_names() -> list[str]:
    """All registered names, the project's own first."""
    return [*BUILT_IN, *sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)} - BUILT_IN.keys())]


def is_known(name: str) -> bool:
    """Whether a task is registered under that name, or a family has its prefix; nothing is made."""
    prefix, colon, _ = name.partition(":")
    return name in task_names() or bool(colon and prefix in FAMILIES)


def get_task(name: str) -> Task:
    """The task of that name, `family:level` included. Raises UnknownTask, naming those there are, or BrokenTask."""
    prefix, colon, level = name.partition(":")
    if name in BUILT_IN:
        return _factory(BUILT_IN[name])()
    if colon and prefix in FAMILIES:
        try:
            return _factory(FAMILIES[prefix])(level)
        except ValueError as error:
            raise UnknownTask(f"unknown task {name!r}: {error}") from None
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name == name:
            return _made_by(entry)
    raise UnknownTask(f"unknown task {name!r}; there are {all_names()}")


def all_names() -> str:
    """What may be asked for, in words."""
    return ", ".join([*task_names(), *(f"{prefix}:<level>" for prefix in FAMILIES)])


def _factory(place: str) -> Callable[..., Task]:
    """What `module:factory` names."""
    module, _, factory = place.partition(":")
    made: Callable[..., Task] = getattr(import_module(module), factory)
    return made


def _made_by(entry: EntryPoint) -> Task:
    """The task that an entry point makes. Raises BrokenTask for whatever goes wrong in it."""
    try:
        task = entry.load()()
        if not isinstance(task, Task):
            raise TypeError(f"made {task!r}, which is no Task")
        for name in ("name", "suite", "horizon", "space", "grammar", "prompt"):
            getattr(task, name)
    except Exception as error:
        package = entry.dist.name if entry.dist else "unknown"
        why = " ".join(str(error).split())
        raise BrokenTask(
            f"task {entry.name!r} can't be made: its entry point {entry.value!r} (package {package}) fails with "
            f"{type(error).__name__}: {why}"
        ) from error
    return task
