"""`llm4teach tasks check`: tasks that are wrong in one thing each, and the sentence that leads to the fix."""

from __future__ import annotations

import random
import time
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces
from pairs import Pairs
from tiny import TASK, llm4teach, params

from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan
from pipeline.tasks.base import OptionStep, TaskFault, TaskPrompt
from pipeline.tasks.check import QUICK_SECONDS, check, require_sound
from pipeline.tasks.reference_batch import ReferenceTask
from pipeline.tasks.registry import get_task
from pipeline.tasks.spaces import Space
from stages.collect import collect
from stages.label import label

PROMPT = TaskPrompt("Walk to the end.", "", "", "", "go to <right end>")


class Corridor(ReferenceTask):
    """A corridor of eleven cells with a treasure at one end, or a variation of it that is wrong somewhere.

    An agent starts at 1 + seed % 9, and the treasure is at the right end where seed // 9 is even. Nobody sees it before
    the end is reached.
    """

    name, suite, horizon, idle, prompt = "Corridor", "tests", 30, 0, PROMPT
    space = Space("discrete", 3, ("stay", "left", "right"))
    grammar = Grammar((OptionSpec("go to", ("end",)),), ("left end", "right end"))
    late = 30
    """When an episode is cut off."""

    def make_env(self, render_mode=None):  # noqa: ARG002
        env = SimpleNamespace(observation_space=spaces.Box(0, 10, (1,), np.float32), place=0, goal=0, steps=0)

        def reset(seed):
            env.place, env.goal, env.steps = 1 + seed % 9, 10 if seed // 9 % 2 == 0 else 0, 0
            return np.array([env.place], np.float32), {}

        def step(action):
            env.steps += 1
            env.place = min(10, max(0, env.place + (0, -1, 1)[action]))
            seen = np.array([env.place], np.float32)
            return seen, float(env.place == env.goal), env.place == env.goal, env.steps >= self.late, {}

        env.reset, env.step = reset, step
        return env

    def describe(self, observation):
        place = observation[0]
        return Description(("left end",) if place < 3 else ("right end",) if place > 7 else ())

    def follow(self, option, observation):
        end, way = (0, 1) if option.args == ("left end",) else (10, 2)
        return OptionStep(None, True) if observation[0] == end else OptionStep(way, False)

    def layout_code(self, seed):
        return seed % 18


def named(name="Corridor", **changes):
    """A task that differs from the corridor in some attributes or methods."""
    return type("Changed", (Corridor,), {"name": name, **changes})


def seeing(change):
    """The corridor, whose environment's observations are changed."""

    def make_env(self, render_mode=None):  # noqa: ARG001
        env = Corridor.make_env(self)
        reset, step = env.reset, env.step
        env.reset = lambda seed: (change(reset(seed)[0]), {})
        env.step = lambda action: (lambda seen, *rest: (change(seen), *rest))(*step(action))
        return env

    return named(make_env=make_env)


class Chance(Corridor):
    """The start is drawn anew each time."""

    def make_env(self, render_mode=None):  # noqa: ARG002
        env = super().make_env()
        reset = env.reset
        env.reset = lambda seed: reset(seed + random.randrange(9))
        return env


def scribble(self, observation):
    observation[0] += 1
    return Corridor.describe(self, observation)


WRONG = {
    "no idle action": (
        named(idle=None),
        "Task.idle is None; wanted the number of the action that stands for doing nothing, 0 to 2",
    ),
    "idle beyond the actions": (named(idle=3), "Task.idle is 3; wanted"),
    "another number of actions": (
        named(space=Space("discrete", 4, ("stay", "left", "right"))),
        "Space.size is 4, but Space.names has 3: stay, left, right",
    ),
    "one name twice": (named(space=Space("discrete", 2, ("go", "go"))), "Space.names has 'go' more than once"),
    "an idle vector that is too long": (
        named(space=Space("continuous", 2, ("x", "y")), idle=np.zeros(3)),
        "wanted the action that stands for doing nothing, 2 numbers from -1.0 to 1.0",
    ),
    "no horizon": (named(horizon=None), "Task.horizon is None; wanted the number of steps"),
    "an option about nothing": (
        named(grammar=Grammar((OptionSpec("open", ("door",)),), ("left end", "right end"))),
        "the option 'open' is about door, but no object ends so; Grammar.objects: left end, right end",
    ),
    "an option that can't be read back": (
        named(grammar=Grammar((OptionSpec("Go To", ("end",)),), ("left end", "right end"))),
        "the option 'Go To <left end>' is read back as no plan (no such option",
    ),
    "an option within an option": (
        named(grammar=Grammar((OptionSpec("wait then go"), OptionSpec("wait")), ("right end",))),
        "the option 'wait then go' is read back as no plan",
    ),
    "an example that is no plan": (
        named(prompt=TaskPrompt("", "", "", "", "fly to <right end>")),
        "the prompt's example plan 'fly to <right end>' is unknown option (no such option: 'fly to <right end>'); "
        "write it as a plan prints: 'go to <left end>, go to <right end>'",
    ),
    "an object that the grammar lacks": (
        named(describe=lambda *_: Description(("middle",))),
        "describe speaks of 'middle', which Grammar.objects lacks; objects there: left end, right end",
    ),
    "descriptions that print alike": (
        named(
            grammar=Grammar(Corridor.grammar.options, ("left end", "right end", "mark", "mark, a mark")),
            describe=lambda _, seen: Description(("mark, a mark",) if seen[0] < 5 else ("mark", "mark")),
        ),
        "two descriptions print as 'The agent observes a mark, a mark, and holds nothing.'",
    ),
    "a description by chance": (
        named(describe=lambda *_: Description((random.choice(("left end", "right end")),))),
        "of the same observation; each state has one description",
    ),
    "a description that changes what it describes": (named(describe=scribble), "describe changes the observation"),
    "a description that fails": (
        named(describe=lambda _, seen: seen["place"]),
        "it fails with IndexError: only integers, slices",
    ),
    "another shape": (seeing(lambda seen: np.tile(seen, 2)), "'observation' has shape (2,); its space says (1,)"),
    "another type": (seeing(lambda seen: seen.astype(np.float64)), "'observation' is float64; its space says float32"),
    "not a number": (seeing(lambda seen: seen * np.float32(np.nan)), "'observation' is not finite: it holds nan"),
    "beyond the bounds": (
        seeing(lambda seen: seen + np.float32(5)),
        "'observation' goes beyond its space: 1",
    ),
    "another key": (
        seeing(lambda seen: {"place": seen}),
        "the observation has no 'observation', which its space declares; it has place",
    ),
    "a horizon that is too long": (named(horizon=40), "an episode is cut off after 30 steps; Task.horizon says 40"),
    "a horizon that is too short": (
        named(horizon=20),
        "an episode goes on after 20 steps; Task.horizon says that it ends there",
    ),
    "an option that never ends": (
        named(follow=lambda *_: OptionStep(0, False)),
        "the option 'go to <left end>' never ends: it was followed for 30 steps on 3 layouts; let follow return "
        "OptionStep(None, True) where it has done",
    ),
    "an action that there is not": (
        named(follow=lambda *_: OptionStep(3, False)),
        "'go to <left end>' takes the action 3; there are 0 to 2",
    ),
    "an option that is done and acts": (
        named(follow=lambda *_: OptionStep(1, True)),
        "says that it is done and acts (1)",
    ),
    "no step at all": (named(follow=lambda *_: 1), "gives 1; follow returns an OptionStep"),
    "options that never act": (named(follow=lambda *_: OptionStep(None, False)), "no option acts in any of"),
    "an option that fails": (
        named(follow=lambda *_: {}["end"]),
        "the option 'go to <left end>' can't be followed: KeyError: 'end'",
    ),
    "a script that is no plan": (
        named(scripted_plan=lambda *_: Plan((Option("go to", ("moon",)),))),
        "scripted_plan says 'go to <moon>' where 'The agent observes",
    ),
    "layouts by hash": (
        named(layout_code=lambda _, seed: abs(hash(f"layout {seed % 18}"))),
        "layout_code differs from process to process",
    ),
    "layouts by the clock": (
        named(layout_code=lambda *_: time.perf_counter_ns()),
        "layout_code gives another number when it is asked again",
    ),
    "one layout": (named(layout_code=lambda *_: 0), "layout_code is 0 for every seed, so nothing could be held out"),
    "layouts that share a code": (
        named(layout_code=lambda _, seed: seed % 3),
        "seeds 0 and 3 have the same layout_code, 0, but begin differently",
    ),
    "a layout below zero": (
        named(layout_code=lambda _, seed: -seed),
        "layout_code gives -1; wanted a whole number from 0",
    ),
    "layouts by chance": (Chance, "begins differently the second time; draw all chance from the seed"),
    "another name": (named("Hallway"), "Task.name is 'Hallway', but it is registered as 'Corridor'"),
}
"""What is wrong -> the task, and what is said of it."""
HASHED = WRONG["layouts by hash"][0]


def test_the_corridor_is_sound():
    found = check(Corridor())
    assert found.faults == []
    assert found.steps > 500
    assert found.descriptions == 3
    require_sound(Corridor())


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(monkeypatch, tmp_path, what):
    task, sentence = WRONG[what]
    name = "Corridor" if what in ("another name", "layouts by hash") else None
    if what == "layouts by hash":  # another process must find the task
        about = tmp_path / "corridor-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: corridor\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[llm4teach.tasks]\nCorridor = test_check:HASHED\n")
        monkeypatch.syspath_prepend(str(tmp_path))
    found = check(task(), name)
    assert [fault for fault in found.faults if sentence in fault], found.faults
    assert len(found.faults) <= 4
    assert all("\n" not in fault for fault in found.faults)


def test_agents_and_continuous_actions_are_checked_too(monkeypatch):
    monkeypatch.setattr(Pairs, "prompt", TaskPrompt("", "", "", "", "rise, wait"), raising=False)
    monkeypatch.setattr(Pairs, "describe", lambda *_: Description())
    assert [fault.partition(":")[0] for fault in check(Pairs()).faults] == [
        "the option 'rise' never ends",  # four steps of two are not enough
        "the option 'wait' never ends",
    ]
    monkeypatch.setattr(Pairs, "follow", lambda *_: OptionStep([1.0], False, 0.0))
    assert "the option 'rise' has the standard deviation 0.0; wanted numbers above 0, or None" in check(Pairs()).faults


@pytest.mark.parametrize("name", ["SimpleDoorKey", "DivergedDoorKey"])
def test_the_projects_own_tasks_are_sound(name):
    assert check(get_task(name), name).faults == []


def test_a_batch_of_its_own_is_compared_with_the_reference(monkeypatch):
    task = get_task(TASK)
    make = task.make_batch
    monkeypatch.setattr(task, "make_batch", lambda size, seed, *more: make(size, seed + 1, *more))
    (fault,) = check(task).faults
    assert fault.startswith("make_batch and the reference environments part ways: seed 0, after 0 steps, environment")
    monkeypatch.setattr(task, "make_batch", lambda size, *more: make(size + 1, *more))
    assert check(task).faults == ["make_batch(2, ...) has 3 environments of 1 agents; wanted 2 of 1"]


def test_the_quick_part_is_quick_and_comes_before_anything_is_written(tmp_path, monkeypatch):
    slow = named(idle=None)()
    for stage in (collect, label):
        monkeypatch.setattr(f"stages.{stage.__name__}.get_task", lambda _: slow)
        with pytest.raises(TaskFault, match=r"^Corridor: Task\.idle is None; wanted"):
            stage("Corridor", params(), tmp_path)
    assert not list(tmp_path.iterdir())
    assert check(Corridor(), thorough=False).steps == 50
    assert QUICK_SECONDS <= 2


def test_the_command(tmp_path):
    ended = llm4teach(tmp_path, "tasks", "check", TASK)
    assert ended.returncode == 0
    assert ended.stdout.startswith("SimpleDoorKey: fine (")
    ended = llm4teach(tmp_path, "tasks", "check", "Chess")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("llm4teach: unknown task 'Chess'; there are SimpleDoorKey")
