"""The failure gallery: which layouts, and the same episodes again."""

from __future__ import annotations

from pathlib import Path

from actors import Wanderer

from pipeline.analysis.failures import failing_layouts, replayed_actions, scripted
from pipeline.evaluation import evaluate_student
from pipeline.report.films import film
from pipeline.tasks.registry import get_task


def test_layouts_are_ranked_by_how_many_students_fail() -> None:
    failed = {(10, 0): "timeout", (11, 0): "death", (11, 2): "timeout", (12, 1): "death"}
    rows = [
        {
            "layout_seed": layout,
            "seed": seed,
            "success": (layout, seed) not in failed,
            "end": failed.get((layout, seed)),
        }
        for layout in (9, 10, 11, 12, 13)
        for seed in range(3)
    ]
    result = failing_layouts(rows)
    assert {name: result[name] for name in ("students", "episodes", "failures", "most")} == {
        "students": 3,
        "episodes": 15,
        "failures": 4,
        "most": 1,
    }
    assert [each["layout_seed"] for each in result["layouts"]] == [11, 10, 12]
    assert result["layouts"][0] == {"layout_seed": 11, "failed": [0, 2], "ends": ["death", "timeout"]}


def test_no_failures_no_gallery() -> None:
    assert failing_layouts([{"layout_seed": 1, "seed": 0, "success": True, "end": "success"}])["layouts"] == []


def test_an_evaluated_episode_can_be_played_again_in_the_reference_environment(tmp_path: Path) -> None:
    task = get_task("LavaDoorKey")
    layouts = task.layout_seeds("test", 60)
    episodes = {row["layout_seed"]: row for row in evaluate_student(task, Wanderer(), layouts, "sampled", 5)}
    died = [layout for layout, row in episodes.items() if row["end"] == "death"][:1]
    late = [layout for layout, row in episodes.items() if row["end"] == "timeout"][:1]
    actions = replayed_actions(task, Wanderer(), layouts, died + late, "sampled", 5)
    for layout, taken in actions.items():
        outcome = film(task, scripted(taken), layout, tmp_path / f"{layout}.gif")
        assert not outcome["success"]
        assert outcome["length"] == episodes[layout]["episode_length"]
