"""What figures say in words: the same of one run, whichever axis it is drawn against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from synthetic import write_student

from pipeline.registry import METHODS
from pipeline.report.figures import DARK, LIGHT, learning_curves, method_colour, teacher_leaves, teacher_share
from pipeline.results.curves import Curve, find_curves
from pipeline.student.methods.method import Method


def leaving(seed: int, iteration: int) -> Curve:
    """A student whose teacher leaves after so many of ten iterations of 100 steps, half a second each."""
    steps, weight = np.arange(1, 11) * 100.0, (np.arange(10) < iteration) * 1.0
    return Curve(seed, steps, steps / 200, np.ones(10), np.ones(10), weight, np.zeros(10))


def test_the_teacher_leaves_where_it_leaves_the_median_student() -> None:
    curves = [leaving(0, 2), leaving(1, 3), leaving(2, 9)]
    assert teacher_leaves(curves, "env_steps") == 400
    assert teacher_leaves(curves, "seconds") == 2
    assert teacher_leaves([*curves, leaving(3, 10)], "env_steps") == 400  # one whose teacher stays has no say
    assert teacher_leaves([leaving(0, 10)], "env_steps") is None


@pytest.mark.parametrize("leaves", [40, 120])
def test_figures_say_where_the_teacher_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: int) -> None:
    write_student(tmp_path, "T", "llm4teach", 0, iterations=120, leaves=leaves)
    curves = find_curves(tmp_path / "students/T/llm4teach")
    drawn: list[Any] = []
    monkeypatch.setattr("pipeline.report.figures.save", lambda _folder, _name, draw, *_: drawn.append(draw))
    learning_curves(tmp_path, "T", "env_steps", {"llm4teach": curves})
    teacher_share(tmp_path, "T", curves)
    for draw in drawn:
        figure = Figure()
        draw(figure, LIGHT)
        said = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert said == (["teacher leaves"] if leaves < 120 else [])


def test_captions_of_one_run_agree(tmp_path: Path) -> None:
    for seed in (0, 1, 2):  # they differ in how long an iteration takes
        write_student(tmp_path, "T", "llm4teach", seed, rate=0.03)
    curves = {"llm4teach": find_curves(tmp_path / "students/T/llm4teach")}
    by_steps, by_seconds = (learning_curves(tmp_path, "T", axis, curves, 0.5) for axis in ("env_steps", "seconds"))
    assert by_steps
    assert by_seconds
    ends = [drawing.caption.split(" and is at the paper’s 50.0% from ") for drawing in (by_steps, by_seconds)]
    assert ends[0][0] == ends[1][0] != ""
    assert "K steps on." in ends[0][1]
    assert " s on." in ends[1][1]


class Mine(Method):
    name, title = "mine", "A method of one's own"


def test_a_method_without_a_colour_gets_one_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METHODS, "built_in", {**METHODS.built_in, "mine": f"{__name__}:Mine"})
    for theme in (LIGHT, DARK):
        colours = {name: method_colour(name, theme) for name in ("llm4teach", "rl", "hierarchical", "mine")}
        assert len(set(colours.values())) == 4
        assert colours["llm4teach"] == theme.variants[0]
