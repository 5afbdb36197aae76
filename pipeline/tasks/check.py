"""Is a task what it says it is? It is played for a few hundred steps, and every fault is said in words.

A fault is a sentence that says what was found and what would be right. The quick part comes before a model is paid or
students are trained.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.tasks.base import Task, TaskFault
from pipeline.tasks.checks import batches, declared, layouts, options
from pipeline.tasks.checks.played import Play

STEPS, SECONDS = 500, 30.0
"""Of random play in a thorough check, and for each option that is followed alone."""
QUICK_STEPS, QUICK_SECONDS = 50, 2.0


@dataclass(frozen=True)
class Findings:
    """What a check has found.

    faults        sentences, in the order in which they are best mended
    steps         of the reference environment that were played
    descriptions  different ones that were met
    """

    faults: list[str] = field(default_factory=list)
    steps: int = 0
    descriptions: int = 0


def check(task: Task, name: str | None = None, thorough: bool = True) -> Findings:
    """Look for faults.

    name      under which the task is registered, if it is
    thorough  play some hundred steps, follow the options, compare a fast batch with the reference and layout codes with
              those of another process; else only what takes a moment
    """
    found = list(_guarded(declared.faults(task, name)))
    if found:
        return Findings(found)  # what is declared wrongly can't be played
    play = Play(task)
    found += _guarded(_played(play, thorough))
    if not found:
        found += _guarded(layouts.faults(task, name, thorough))
        found += _guarded(options.faults(task, play.visited if thorough else play.visited[:20], thorough, SECONDS))
        found += _guarded(options.faults_of_script(task, play.descriptions.values()))
        found += _guarded(batches.faults(task, thorough))
    return Findings(found, play.steps, len(play.descriptions))


def require_sound(task: Task, name: str | None = None) -> None:
    """The quick part. Raises TaskFault."""
    if found := check(task, name, thorough=False).faults:
        raise TaskFault("\n".join(f"{task.name}: {fault}" for fault in found))


def _played(play: Play, thorough: bool) -> Iterator[str]:
    """Faults that show in play."""
    try:
        play.at_random(*(STEPS, SECONDS) if thorough else (QUICK_STEPS, QUICK_SECONDS))
        if thorough:
            play.to_the_end(SECONDS)
    finally:
        yield from play.faults.values()


def _guarded(sentences: Iterable[str]) -> Iterator[str]:
    """The sentences, and one about an error that comes between them."""
    try:
        yield from sentences
    except Exception as error:
        where = next(
            (f"{frame.filename}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__))), "?"
        )
        yield f"it fails with {type(error).__name__}: {' '.join(str(error).split())} (at {where})"
