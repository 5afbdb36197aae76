"""The plans whose scores are asked for: those that make sense in a state."""

from __future__ import annotations

from pipeline.instructions import Description, Option, Plan
from pipeline.tasks.base import Task
from pipeline.teacher.prompts.prompt import LETTERS


def candidate_plans(task: Task, description: Description, most: int = len(LETTERS)) -> list[Plan]:
    """Plans that make sense in a state, at most `most`: the candidates that scores are asked for.

    All can be carried out there: nothing is gone to or picked up that is held.
    For each object in sight, the task's options about it one after the other in the grammar's order (`go to <key>, pick
    up <key>`), alone and with what is held put down first; two objects' sequences in a row; and each option alone.
    """
    grammar = task.grammar
    nothing = [Plan((Option(spec.name),)) for spec in grammar.options if not spec.about]
    put_down = [Option(s.name, (description.holds,)) for s in grammar.options if s.held and description.holds]
    runs: list[Plan] = []
    singles: list[Plan] = []
    for thing in dict.fromkeys(description.sees):
        if thing == description.holds:
            continue
        about = [
            Option(s.name, (thing,)) for s in grammar.options if s.about and not s.held and thing.endswith(s.about)
        ]
        singles += [Plan((option,)) for option in about]
        if len(about) > 1:
            runs.append(Plan(tuple(about)))
    after = [Plan((drop, *run.options)) for drop in put_down for run in runs]
    chains = [Plan(one.options + two.options) for one in runs for two in runs if one != two]
    ordered = [*nothing, *runs, *after, *(Plan((drop,)) for drop in put_down), *singles, *chains]
    return list(dict.fromkeys(ordered))[:most]
