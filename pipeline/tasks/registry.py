"""Tasks by name: this project's own, families of levels, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.registry import TASKS
from pipeline.tasks.base import Task


def get_task(name: str) -> Task:
    """The task of that name, `family:level` included. Raises Unknown, naming those there are, or Broken."""

    def usable(factory: Callable[[], Task]) -> Task:
        task = factory()
        if not isinstance(task, Task):
            raise TypeError(f"made {task!r}, which is no Task")
        for attribute in ("name", "suite", "horizon", "space", "grammar", "prompt"):
            getattr(task, attribute)
        return task

    task: Task = TASKS.get(name, usable)
    return task
