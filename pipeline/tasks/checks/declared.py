"""What a task says of itself: actions, idling, horizon, options, prompt. Nothing is played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pipeline.instructions import Description, Plan, Verdict, options_of
from pipeline.plan_reader import read_plan
from pipeline.tasks.base import Task


def faults(task: Task, name: str | None) -> Iterator[str]:
    """Sentences; name: under which the task is registered, if it is."""
    if name is not None and task.name != name:
        yield f"Task.name is {task.name!r}, but it is registered as {name!r}; its tables are found by the latter"
    if not isinstance(task.horizon, int) or task.horizon < 1:
        yield f"Task.horizon is {task.horizon!r}; wanted the number of steps after which an episode is cut off"
    if not isinstance(task.agents, int) or task.agents < 1:
        yield f"Task.agents is {task.agents!r}; wanted how many agents an environment has"
    yield from _actions(task)
    yield from _options(task)


def _actions(task: Task) -> Iterator[str]:
    """The action space, and the action that idles."""
    space, idle = task.space, task.idle
    if space.kind not in ("discrete", "continuous"):
        yield f"Space.kind is {space.kind!r}; wanted 'discrete' or 'continuous'"
        return
    if space.size != len(space.names):
        yield f"Space.size is {space.size}, but Space.names has {len(space.names)}: {', '.join(space.names)}"
    if double := [name for name, count in Counter(space.names).items() if count > 1]:
        yield f"Space.names has {double[0]!r} more than once"
    if space.kind == "discrete":
        if isinstance(idle, bool) or not isinstance(idle, int | np.integer) or not 0 <= idle < space.size:
            yield (
                f"Task.idle is {idle!r}; wanted the number of the action that stands for doing nothing, 0 to "
                f"{space.size - 1}"
            )
        return
    if not space.low < space.high:
        yield f"Space.low is {space.low} and Space.high {space.high}; wanted low below high"
    if idle is None or np.shape(idle) != (space.size,) or not np.all((space.low <= idle) & (idle <= space.high)):
        yield (
            f"Task.idle is {idle!r}; wanted the action that stands for doing nothing, {space.size} numbers from "
            f"{space.low} to {space.high}"
        )


def _options(task: Task) -> Iterator[str]:
    """The grammar, which must read what is written by it, and the prompt's example of it."""
    grammar = task.grammar
    if not grammar.options:
        yield "Grammar.options is empty; a teacher has nothing to choose from"
    for spec in grammar.options:
        if spec.about and not any(thing.endswith(spec.about) for thing in grammar.objects):
            things = ", ".join(grammar.objects) or "none"
            kinds = " or ".join(spec.about)
            yield f"the option {spec.name!r} is about {kinds}, but no object ends so; Grammar.objects: {things}"
    for option in options_of(grammar):
        spec = next(spec for spec in grammar.options if spec.name == option.name)
        held = option.args[0] if spec.held and option.args else None
        reading = read_plan(str(option), grammar, Description(option.args, held))
        if reading.plan != Plan((option,)):
            what = f"the plan {str(reading.plan)!r}" if reading.plan else f"no plan ({reading.why})"
            yield (
                f"the option {str(option)!r} is read back as {what}; its name, or one of its object, is taken for "
                "something else: lower case, without commas, numbers in front, 'then' or 'and'"
            )
    reading = read_plan(task.prompt.example_plan, grammar, Description(grammar.objects))
    if reading.verdict not in (Verdict.VALID, Verdict.NOT_EXECUTABLE):
        yield (
            f"the prompt's example plan {task.prompt.example_plan!r} is {reading.verdict.value}"
            f"{f' ({reading.why})' if reading.why else ''}; write it as a plan prints: {_example(task)!r}"
        )


def _example(task: Task) -> str:
    return str(Plan(options_of(task.grammar)[:2]))
