"""Figures as PNG files, each drawn twice: for a light and for a dark page.

Colours are Okabe and Ito's, which colour-blind readers tell apart; methods differ in line style as well. matplotlib is
imported where it draws, because nothing else needs it; figures are made without pyplot, so there is no global state,
and with fixed margins, because computed ones take longer than the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pipeline.files import naming
from pipeline.printing import Axis, amount, percent
from pipeline.results.curves import Band, Curve, band
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.methods.method import get_method, method_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (5.6, 3.4)
DPI = 144
AXIS_TITLES: dict[Axis, str] = {"env_steps": "environment steps", "seconds": "seconds of training"}


@dataclass(frozen=True)
class Theme:
    """Colours of a figure on a transparent ground."""

    name: str
    text: str
    muted: str
    grid: str
    variants: tuple[str, ...]


LIGHT = Theme(
    "light",
    "#1d2329",
    "#5b6570",
    "#dfe3e8",
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#6b6b6b", "#8a6d00"),
)
DARK = Theme(
    "dark",
    "#e4e8ec",
    "#9aa5b1",
    "#343b43",
    ("#56b4e9", "#e69f00", "#2fc79a", "#e59ac4", "#c9cdd2", "#f0e442"),
)


@dataclass(frozen=True)
class Drawing:
    """One figure: its two files, what it shows for who can't see it, and a caption."""

    light: Path
    dark: Path
    alt: str
    caption: str


def learning_curves(
    directory: Path,
    task: str,
    axis: Axis,
    curves: Mapping[str, Sequence[Curve]],
    paper: float | None = None,
    teacher: float | None = None,
) -> Drawing | None:
    """Success in training against steps or seconds, one line per method; None if there is nothing to draw.

    curves   by method
    paper    the success that the paper gives for LLM4Teach
    teacher  the success of our teacher alone
    """
    bands = {method: found for method, each in curves.items() if (found := band(each, axis))}
    if not bands:
        return None
    leaves = teacher_leaves(curves.get(LLM4Teach.name) or next(iter(curves.values())), axis)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots(gridspec_kw={"left": 0.085, "right": 0.985, "top": 0.92, "bottom": 0.27})
        for method, course in bands.items():
            drawn = get_method(method)
            draw_band(axes, course, drawn.title, method_colour(method, theme), drawn.line)
        if paper is not None:
            axes.axhline(paper, color=theme.text, linewidth=1, linestyle=(0, (5, 3)), label=f"paper {percent(paper)}")
        if teacher is not None:
            name = f"teacher alone {percent(teacher)}"
            axes.axhline(teacher, color=theme.muted, linewidth=1.2, linestyle=(0, (1, 2)), label=name)
        _mark_leaving(axes, leaves, theme)
        axes.set_title(f"{task}: success of training episodes", loc="left", fontsize=10, color=theme.text)
        finish_curves(figure, axes, axis, theme, max(course.end for course in bands.values()))

    told = [_course_in_words(method, course, axis, paper) for method, course in bands.items()]
    left = f" The teacher leaves at {amount(leaves, axis)}." if leaves is not None else ""
    caption = " ".join(told) + left
    alt = f"Line chart of success in training against {AXIS_TITLES[axis]} on {task}. {caption}"
    return save(directory, f"{task}-success-{axis.replace('_', '-')}", draw, alt, caption)


def method_colour(method: str, theme: Theme) -> str:
    """The colour of a method's curves: its own, or one of the theme's that no method has."""
    colours = {name: get_method(name).colour for name in method_names()}
    own = colours[method]
    if own:
        return own[theme is DARK]
    taken = {colour[theme is DARK] for colour in colours.values() if colour}
    left = [colour for colour in theme.variants if colour not in taken] or [theme.text]
    without = [name for name, colour in colours.items() if not colour]
    return left[without.index(method) % len(left)]


def draw_band(axes: Axes, course: Band, name: str, colour: str, style: Any) -> None:
    """Several students: each as a thin line, their mean as a thick one, and its interval."""
    axes.plot(course.x, course.each.T, color=colour, linewidth=0.7, alpha=0.45)
    axes.fill_between(course.x, course.low, course.high, color=colour, alpha=0.2, linewidth=0)
    label = f"{name} ({_seeds(len(course.each))})"
    axes.plot(course.x, course.mean, linestyle=style, color=colour, linewidth=2.2, label=label)


def finish_curves(figure: Figure, axes: Axes, axis: Axis, theme: Theme, end: float) -> None:
    """Axes of success against steps or seconds up to an end, with the legend below."""
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    _finish(axes, axis, theme)
    axes.set_xlim(0, end)
    figure.legend(loc="lower center", ncols=3, frameon=False, fontsize=8, labelcolor=theme.text)


def teacher_share(directory: Path, task: str, curves: Sequence[Curve]) -> Drawing | None:
    """The teacher's weight lambda, and the share of states without a label, against steps; None if never taught."""
    taught = [curve for curve in curves if (curve.teacher_weight > 0).any()]
    if not taught:
        return None
    misses = band(curves, "env_steps", "label_miss_rate")
    leaves = teacher_leaves(curves, "env_steps")

    def draw(figure: Figure, theme: Theme) -> None:
        margins = {"left": 0.085, "right": 0.985, "top": 0.92, "bottom": 0.135, "hspace": 0.35}
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1), gridspec_kw=margins)
        colour = theme.variants[0]
        for curve in taught:  # usually one upon the other, because all follow one schedule
            above.plot(curve.env_steps, np.nan_to_num(curve.teacher_weight), color=colour, linewidth=2)
        above.set_ylim(0, None)
        above.set_title(f"{task}: weight λ of the teacher’s loss", loc="left", fontsize=10, color=theme.text)
        below.set_title("steps in states without a label", loc="left", fontsize=9, color=theme.text)
        top = 0.01
        if misses is not None:
            below.plot(misses.x, misses.each.T, color=colour, linewidth=0.7, alpha=0.45)
            below.plot(misses.x, misses.mean, color=colour, linewidth=2)
            top = max(top, 1.15 * float(misses.each.max()))
        below.set_ylim(0, top)
        below.locator_params(axis="y", nbins=3)
        below.yaxis.set_major_formatter(lambda y, _: f"{y * 100:g}%")
        _mark_leaving(above, leaves, theme)
        _mark_leaving(below, leaves, theme, named=False)
        for axes in (above, below):
            _finish(axes, "env_steps", theme)
        above.set_xlabel("")
        below.set_xlim(0, max(curve.env_steps[-1] for curve in taught))

    missed = "not logged" if misses is None else f"{percent(float(np.mean(misses.mean)))} on average"
    later = "never reaches zero" if leaves is None else f"is zero from {amount(leaves, 'env_steps')} steps on"
    first = max(float(curve.teacher_weight[0]) for curve in taught)
    caption = f"λ starts at {first:g} and {later}. Steps in states without a label: {missed}."
    alt = (
        f"Two line charts against environment steps on {task}: the teacher’s weight and the label miss rate. {caption}"
    )
    return save(directory, f"{task}-teacher-share", draw, alt, caption)


def teacher_leaves(curves: Sequence[Curve], axis: Axis) -> float | None:
    """Where on the axis the teacher's weight becomes zero: the median over seeds, None if it never does."""
    moments = [getattr(curve, axis)[at] for curve in curves if (at := curve.teacher_leaves) is not None]
    return float(np.median(moments)) if moments else None


def _course_in_words(method: str, course: Band, axis: Axis, paper: float | None) -> str:
    """How training ends, and from where on a method's mean stays at the paper’s level."""
    text = f"{get_method(method).title} ends at {percent(course.final)}"
    if paper is None:
        return f"{text}."
    reached = course.reaches(paper)
    first = "never" if reached is None else f"from {amount(reached, axis)}{' steps' if axis == 'env_steps' else ''} on"
    return f"{text} and is at the paper’s {percent(paper)} {first}."


def _seeds(count: int) -> str:
    return f"{count} seed" + ("s" if count != 1 else "")


def _mark_leaving(axes: Axes, leaves: float | None, theme: Theme, named: bool = True) -> None:
    if leaves is None:
        return
    axes.axvline(leaves, color=theme.muted, linewidth=1, linestyle=":")
    if named:
        place: dict[str, Any] = {"xy": (leaves, 0.03), "xycoords": ("data", "axes fraction")}
        axes.annotate(
            "teacher leaves", **place, xytext=(4, 0), textcoords="offset points", fontsize=8, color=theme.muted
        )


def _finish(axes: Axes, axis: Axis, theme: Theme) -> None:
    """Quiet axes: a light grid, no box, labels in the theme's colours."""
    axes.set_xlabel(AXIS_TITLES[axis], fontsize=9, color=theme.muted)
    axes.xaxis.set_major_formatter(
        lambda x, _: f"{x:g}" if axis == "seconds" else f"{x / 1e6:g}M" if x >= 1e5 else f"{x / 1e3:g}K" if x else "0"
    )
    axes.tick_params(colors=theme.muted, labelsize=8, length=0)
    axes.grid(color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    for side in axes.spines.values():
        side.set_visible(False)


def save(
    directory: Path,
    name: str,
    draw: Callable[[Figure, Theme], None],
    alt: str,
    caption: str,
) -> Drawing:
    """Draw a figure for both themes into the folders `light` and `dark` of a directory."""
    from matplotlib.figure import Figure as NewFigure

    paths = []
    for theme in (LIGHT, DARK):
        figure = NewFigure(figsize=SIZE)
        draw(figure, theme)
        path = directory / theme.name / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with naming(path):
            figure.savefig(path, dpi=DPI, transparent=True, metadata={"Software": None})
            with Image.open(path) as picture:  # a palette of 256 colours looks the same and takes a third of the bytes
                smaller = picture.quantize(256, method=Image.Quantize.FASTOCTREE)
            smaller.save(path, optimize=True)
        paths.append(path)
    return Drawing(paths[0], paths[1], alt, caption)
