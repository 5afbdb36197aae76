"""`llm4teach play`: a layout in the terminal, played by a person or by a saved student."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.params import ParamsError
from pipeline.tasks.registry import get_task

ARROWS = {"A": ("↑", "forward"), "C": ("→", "right"), "D": ("←", "left")}
"""What follows ESC [ when an arrow key is pressed; the key, and the action that it stands for."""
QUIT = ("q", "\x04", "")


def play(task_name: str, layout: int, student: Path | None = None) -> bool:
    """Play one episode of the reference environment in that layout, one key per step; returns whether it succeeded.

    Keys come from the terminal, or from standard input if that is none. What is shown is what a student sees.
    Raises Unknown, ParamsError, FileNotFoundError, StudentError for what a user can mend.
    """
    task = get_task(task_name)
    if task.agents > 1:
        raise ParamsError(f"{task_name}: has {task.agents} agents; only tasks of one can be played here")
    discrete = task.space.kind == "discrete"
    if not discrete and student is None:
        raise ParamsError(f"{task_name}: its actions are continuous; --student shows a saved student that plays")
    names = task.space.names
    keys = letters(names) if discrete else ()
    choose: Callable[[Any], Any] | None = None
    if student is not None:
        from pipeline.evaluation import student_actor

        choose = student_actor(task, student, seed=0)
    pairs = [*zip(keys, names, strict=False), *((sign, name) for sign, name in ARROWS.values() if name in names)]
    legend = ", ".join(f"{key} {name}" for key, name in pairs)
    env = task.make_env()
    observation, _ = env.reset(seed=layout)
    steps, total = 0, 0.0
    with _single_keys() as pressed:
        print(f"{task_name}, layout {layout} ({task.split(layout)} split)")
        print(f"keys: {'any but q: next step' if choose else legend}, q quit")
        if task.legend:
            print(task.legend)
        print(f"\n{task.sketch(observation)}", flush=True)
        for key in pressed:
            action: Any = choose(observation) if choose else _action(key, keys, names)
            if action is None:
                print(f"{key!r} is no action: {legend}", flush=True)
                continue
            observation, reward, terminated, truncated, info = env.step(action)
            steps, total = steps + 1, total + float(reward)
            said = names[action] if discrete else ", ".join(f"{n} {x:.2f}" for n, x in zip(names, action, strict=True))
            print(f"\nstep {steps}: {said}\n{task.sketch(observation)}", flush=True)
            if terminated or truncated:
                success = bool(info.get("success", total > 0))
                end = "success" if success else "death" if terminated else "out of time"
                print(f"{end} after {steps} steps, return {total:.2f}")
                return success
    print("left before the end")
    return False


def letters(names: tuple[str, ...]) -> tuple[str, ...]:
    """A key for each action: the first letter of its name that is free, and isn't q, or else a digit."""
    taken: list[str] = ["q"]
    for name in names:
        taken.append(next(letter for letter in (*name.lower(), *"0123456789") if letter not in taken))
    return tuple(taken[1:])


def _action(key: str, keys: tuple[str, ...], names: tuple[str, ...]) -> int | None:
    """The action of a key, or None."""
    _, move = ARROWS.get(key, ("", ""))
    if move in names:
        return names.index(move)
    return keys.index(key) if key in keys else None


@contextmanager
def _single_keys() -> Iterator[Iterator[str]]:
    """Gives keys one by one. Meanwhile a terminal hands over each at once and doesn't show it."""
    if not sys.stdin.isatty():
        yield _pressed()
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield _pressed()
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed() -> Iterator[str]:
    """Keys from standard input; an arrow is its letter in ARROWS. Ends with q, Ctrl-D or the input."""
    while (key := sys.stdin.read(1)) not in QUIT:
        if key == "\x1b" and sys.stdin.read(1):
            key = sys.stdin.read(1)
        if key != "\n":
            yield key
