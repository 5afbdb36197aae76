"""The page's JavaScript, in V8, against the compiled engine and network: step by step, 25 held-out layouts per task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import save_random_student
from py_mini_racer import MiniRacer
from tiny import DOORKEY, ROOT
from typer.testing import CliRunner

from cli import app
from pipeline.evaluation import teacher_choice
from pipeline.export.page import in_script, page_data
from pipeline.student.runs.saved import load_student
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task

LAYOUTS = 25


def mulberry32(seed: int):  # type: ignore[no-untyped-def]
    """The page's generator of uniform numbers, from the algorithm's description."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) % 2**32
        mixed = (state ^ state >> 15) * (state | 1) % 2**32
        mixed ^= (mixed + (mixed ^ mixed >> 7) * (mixed | 61) % 2**32) % 2**32
        yield ((mixed ^ mixed >> 14) >> 8) / 2**24


@pytest.fixture(scope="module")
def script() -> MiniRacer:
    context = MiniRacer()
    for name in ("doorkey", "network"):
        context.eval((ROOT / "pipeline/export" / f"{name}.js").read_text())
    return context


def by_engine(task_name: str, folder: Path, sampled: bool) -> list[dict[str, Any]]:
    """The same episodes by the compiled engine and the student as it was saved."""
    task = get_task(task_name)
    student = load_student(task, folder)
    seeds = task.layout_seeds("test", LAYOUTS)
    batch = task.make_batch(LAYOUTS, 0, None, None)
    batch.reset(seeds)
    uniforms = [mulberry32(number) for number in range(LAYOUTS)]
    episodes: list[dict[str, Any]] = [{"steps": [], "end": None} for _ in range(LAYOUTS)]
    features = student.features(LAYOUTS)
    actions, logs, values = np.zeros(LAYOUTS, np.int64), np.zeros(LAYOUTS, np.float32), np.zeros(LAYOUTS, np.float32)
    while any(episode["end"] is None for episode in episodes):
        student.encode(batch.observation, features)
        noise = np.array([next(uniform) for uniform in uniforms], np.float32)
        student.act(features, noise if sampled else None, actions, logs, values)
        sentences = [batch.descriptions[number].sentence for number in batch.description]
        finished = batch.step(actions)
        for number, episode in enumerate(episodes):
            if episode["end"] is None:
                episode["steps"].append((sentences[number], int(actions[number]), float(np.exp(logs[number]))))
                if finished.done[number]:
                    end = "death" if finished.terminated[number] else "timeout"
                    episode["end"] = "success" if finished.success[number] else end
                    episode["reward"] = float(finished.episode_return[number])
    return episodes


@pytest.mark.parametrize("acting", ["sampled", "argmax"])
@pytest.mark.parametrize("task", DOORKEY)
def test_episodes_in_javascript_are_the_engines(task: str, acting: str, script: MiniRacer, tmp_path: Path) -> None:
    folder = save_random_student(tmp_path, task)
    data = page_data(get_task(task), folder, {}, LAYOUTS)
    script.eval(f"var DATA = {in_script(data)}; var student = new Student(DATA.weights, DATA.kinds);")
    wanted = by_engine(task, folder, acting == "sampled")
    for number, episode in enumerate(wanted):
        found = json.loads(
            script.eval(f"JSON.stringify(episode(DATA, student, {number}, {json.dumps(acting == 'sampled')}))")
        )
        assert [(step["sentence"], step["action"]) for step in found["steps"]] == [one[:2] for one in episode["steps"]]
        assert (found["end"], found["reward"]) == (episode["end"], pytest.approx(episode["reward"], abs=1e-6))
        if acting == "sampled":
            chosen = [step["probabilities"][step["action"]] for step in found["steps"]]
            np.testing.assert_allclose(chosen, [one[2] for one in episode["steps"]], atol=2e-5)


REPLAY = """
function replay(number, actions) {
  const world = new World(DATA.task, DATA.layouts[number]);
  return actions.map((action) => {
    const before = [world.sentence(), world.map.flatMap(([kind, , state, agent]) => [kind, state, agent])];
    world.step(action);
    return [...before, world.end, world.reward];
  });
}
"""


@pytest.mark.parametrize("task_name", DOORKEY)
def test_worlds_are_the_engines_on_the_way_to_success_and_death(
    task_name: str, script: MiniRacer, tmp_path: Path
) -> None:
    """The teacher acts, with one random action in five, so that keys are taken and dropped and doors opened."""
    task = get_task(task_name)
    data = page_data(task, save_random_student(tmp_path, task_name), {}, LAYOUTS)
    script.eval(f"var DATA = {in_script(data)}; {REPLAY}")
    labels = read_instructions(ROOT / "data/published/doorkey" / task_name / "labels.parquet", task_name)
    batch = task.make_batch(LAYOUTS, 0, labels, None)
    batch.reset(task.layout_seeds("test", LAYOUTS))
    choose, rng = teacher_choice(task), np.random.default_rng(0)
    running = set(range(LAYOUTS))
    seen: list[list[Any]] = [[] for _ in range(LAYOUTS)]
    actions: list[list[int]] = [[] for _ in range(LAYOUTS)]
    while running:
        chosen = np.where(rng.random(LAYOUTS) < 0.2, rng.integers(7, size=LAYOUTS), choose(batch, rng.random(LAYOUTS)))
        maps = batch.observation["map"].reshape(LAYOUTS, 100, 4)[:, :, [0, 2, 3]].reshape(LAYOUTS, -1).tolist()
        sentences = [batch.descriptions[number].sentence for number in batch.description]
        finished = batch.step(chosen)
        for number in sorted(running):
            end = None
            if finished.done[number]:
                end = "success" if finished.success[number] else "death" if finished.terminated[number] else "timeout"
                running.discard(number)
            seen[number].append([sentences[number], maps[number], end, float(finished.reward[number])])
            actions[number].append(int(chosen[number]))
    ends = {steps[-1][2] for steps in seen}
    assert "success" in ends
    assert ("death" in ends) == (task_name == "LavaDoorKey")
    for number in range(LAYOUTS):
        found = json.loads(script.eval(f"JSON.stringify(replay({number}, {actions[number]}))"))
        assert [step[:3] for step in found] == [step[:3] for step in seen[number]]
        assert found[-1][3] == pytest.approx(seen[number][-1][3], abs=1e-6)


def test_the_page_is_small_whole_and_closed_to_what_is_in_its_data(tmp_path: Path) -> None:
    folder = save_random_student(tmp_path / "student", "LavaDoorKey")
    out = tmp_path / "page.html"
    labels = ROOT / "data/published/doorkey"
    done = CliRunner().invoke(
        app, ["export", "--task", "LavaDoorKey", "--student", str(folder), "--out", str(out), "--labels", str(labels)]
    )
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert len(text.encode()) <= 300_000
    assert "src=" not in text
    assert "://" not in text
    assert in_script({"x": "</script><!--"}) == '{"x":"\\u003c/script\\u003e\\u003c!--"}'
    data = json.loads(text.split("const DATA = ")[1].split(";</script>")[0])
    table = read_instructions(labels / "LavaDoorKey/labels.parquet", "LavaDoorKey")
    assert data["labels"].keys() == {one.description.sentence for one in table.values()}
    assert all(sum(prob for _, prob in plans) == pytest.approx(1) for plans in data["labels"].values())
    assert len(data["layouts"]) == 1000


def test_what_a_page_cannot_play_is_said(tmp_path: Path) -> None:
    folder = save_random_student(tmp_path / "student", "SimpleDoorKey", network="map")
    done = CliRunner().invoke(
        app, ["export", "--task", "SimpleDoorKey", "--student", str(folder), "--out", str(tmp_path / "x.html")]
    )
    assert done.exit_code == 2
    assert "the page knows the egocentric network without memory" in done.stderr
    assert not (tmp_path / "x.html").exists()
