"""`llm4teach tasks`: the tasks there are, and whether one is what it says it is."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from stages.plain import PlainGroup

app = typer.Typer(cls=PlainGroup, help="List the tasks there are, or check one.")


@app.callback(invoke_without_command=True)
def tasks(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")] = False,
    levels: Annotated[bool, typer.Option("--levels", help="The stock MiniGrid and BabyAI levels instead.")] = False,
) -> None:
    """List the tasks there are: this project's, and those of installed packages."""
    if levels:
        _list_levels(as_json)
        return
    from pipeline.registry import TASKS, Broken
    from pipeline.tasks.registry import get_task

    if context.invoked_subcommand is not None:
        return
    found = []
    for name in TASKS.names():
        try:
            found.append(get_task(name))
        except Broken as error:  # the others can be used all the same
            print(f"llm4teach: {error}", file=sys.stderr)
    if as_json:
        rows = [
            {"name": t.name, "suite": t.suite, "horizon": t.horizon, "actions": t.space.size, "held_out": t.held_out}
            for t in found
        ]
        print(json.dumps(rows))
    else:
        for task in found:
            actions = f"{task.space.size} {task.space.kind} actions"
            print(f"{task.name:20} {task.suite}, {task.horizon} steps, {actions}; held out: {task.held_out}")
        print("minigrid:<level>     any covered stock level; `llm4teach tasks --levels` lists them")


def _list_levels(as_json: bool) -> None:
    """The table of stock levels: the tasks' names, and why a level is no task."""
    from pipeline.tasks.minigrid.coverage import stock_levels

    found = stock_levels()
    if as_json:
        print(json.dumps([{"name": f"minigrid:{level.name}", "why_not": level.why or None} for level in found]))
        return
    for level in found:
        print(f"minigrid:{level.name}" + (f"  not covered: {level.why}" if level.why else ""))
    print(f"{sum(not level.why for level in found)} of {len(found)} levels are covered; `:roles` describes by roles")


@app.command()
def check(name: Annotated[str, typer.Argument(help="A task's name.")]) -> None:
    """Play a few hundred steps of a task, and say in words what is wrong with it."""
    from pipeline.instructions import options_of
    from pipeline.tasks.base import TaskFault
    from pipeline.tasks.check import check as thoroughly
    from pipeline.tasks.registry import get_task

    task = get_task(name)
    found = thoroughly(task, name)
    if found.faults:
        raise TaskFault("\n".join(f"{name}: {fault}" for fault in found.faults))
    options = len(options_of(task.grammar))
    print(f"{name}: fine ({found.steps} steps, {found.descriptions} descriptions, {options} options)")
