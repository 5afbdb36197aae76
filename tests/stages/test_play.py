"""`llm4teach play`: keys become actions, and what is shown is the student's own view."""

from __future__ import annotations

import os
import pty
import subprocess

import numpy as np
import pytest
import tiny

from pipeline.evaluation import teacher_actor
from pipeline.tables import read_instructions
from pipeline.tasks.doorkey.sketch import AGENT, COLOUR_LETTERS, LETTERS, SIGNS, sketch
from pipeline.tasks.minigrid_numbers import COLOURS
from pipeline.tasks.registry import get_task
from stages.play import letters

NAMES = get_task(tiny.TASK).space.names
KEYS = letters(NAMES)


def play(tmp_path, keys, *options):
    command = [tiny.BIN / "llm4teach", "play", "--task", tiny.TASK, *options]
    return subprocess.run(command, input=keys, cwd=tmp_path, capture_output=True, text=True, timeout=60)


def solution(tmp_path, layout):
    """The actions with which the published teacher opens the door, and the observations on the way."""
    tiny.publish(tmp_path)
    task = get_task(tiny.TASK)
    labels = read_instructions(tmp_path / "data/labels" / tiny.TASK / "labels.parquet", tiny.TASK)
    act, env = teacher_actor(task, labels, 0), task.make_env()
    observation, _ = env.reset(seed=layout)
    actions, seen, ended = [], [observation], False
    while not ended:
        actions.append(act(observation))
        observation, _, terminated, truncated, info = env.step(actions[-1])
        seen.append(observation)
        ended = terminated or truncated
    assert info["success"]
    return actions, seen


def test_every_action_has_a_key_of_its_own():
    assert KEYS == ("l", "r", "f", "p", "d", "t", "o")
    assert letters(("quit", "queue", "u")) == ("u", "e", "0")


def test_keys_play_the_reference_environment(tmp_path):
    actions, seen = solution(tmp_path, 7)
    ended = play(tmp_path, "".join(KEYS[action] for action in actions), "--layout", "7")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1].startswith(f"success after {len(actions)} steps, return 0.")
    assert ended.stdout.startswith(f"{tiny.TASK}, layout 7 ({get_task(tiny.TASK).split(7)} split)\n")
    for observation in seen:
        assert sketch(observation["map"]) in ended.stdout


def test_signs_and_keys_are_explained(tmp_path):
    header = play(tmp_path, "").stdout.partition("\n\n")[0]
    for sign in (*SIGNS.values(), *LETTERS.values(), *AGENT):
        assert not sign.strip() or f"{sign} " in header
    for colour in COLOURS:
        assert f"{COLOUR_LETTERS[colour]} {colour}" in header
    for key, name in zip(KEYS, NAMES, strict=True):
        assert f"{key} {name}" in header
    for words in ("↑ forward", "→ right", "← left", "q quit"):
        assert words in header


def test_each_colour_has_a_letter_of_its_own():
    assert len(set(COLOUR_LETTERS.values())) == len(COLOURS)


def test_arrows_are_the_moves(tmp_path):
    by_arrows = play(tmp_path, "\x1b[A\x1b[C\x1b[D", "--layout", "7").stdout
    assert by_arrows == play(tmp_path, "frl", "--layout", "7").stdout
    assert [line for line in by_arrows.splitlines() if line.startswith("step")] == [
        "step 1: forward", "step 2: right", "step 3: left",
    ]  # fmt: skip
    assert by_arrows.endswith("left before the end\n")


def test_a_key_without_action_is_no_step_and_q_leaves(tmp_path):
    ended = play(tmp_path, "x\nfq" + "f" * 100)
    assert "'x' is no action: l left" in ended.stdout
    assert ended.stdout.count("\nstep ") == 1
    assert ended.stdout.endswith("left before the end\n")


def test_a_terminal_gives_each_key_at_once(tmp_path):
    ours, its = pty.openpty()
    command = [tiny.BIN / "llm4teach", "play", "--task", tiny.TASK]
    process = subprocess.Popen(["timeout", "30", *command], stdin=its, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    os.close(its)
    shown = ""
    while "holds nothing" not in shown:
        shown += process.stdout.readline()
    os.write(ours, b"l")  # no Enter
    while "step 1: left" not in shown:
        line = process.stdout.readline()
        assert line
        shown += line
    os.write(ours, b"q")
    assert process.communicate(timeout=30)[0].endswith("left before the end\n")
    os.close(ours)


def test_the_sketch_has_a_sign_for_everything():
    cells = np.zeros((10, 10, 4), np.uint8)
    cells[..., 3] = 4
    cells[1:5, 1, :3] = [(2, 5, 0), (1, 0, 0), (9, 0, 0), (4, 2, 2)]  # wall, empty, lava, blue door
    cells[1, 2, :3] = (5, 0, 0)  # red key
    cells[2, 2] = (5, 2, 0, 3)  # agent with the blue key, looking up
    lines = sketch(cells).splitlines()
    assert lines[1] == "··██  ~~bD" + "··" * 5
    assert lines[2] == "··rk^k" + "··" * 7
    assert lines[0] == "··" * 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layout", "-1"], "Invalid value for '--layout'"),
        (["--student", "nowhere"], "llm4teach: nowhere/config.json: there is no such file"),
        (["--task", "Chess"], "llm4teach: unknown task 'Chess'; there are SimpleDoorKey"),
    ],
)
def test_mistakes_are_said_plainly(tmp_path, options, message):
    ended = play(tmp_path, "", *options)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
