"""Learning curves of an experiment's variants on one task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.printing import percent
from pipeline.report.figures import Drawing, Theme, draw_band, finish_curves, save
from pipeline.results.curves import band
from pipeline.results.trials import TrialGroup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)))


def variant_curves(directory: Path, experiment: str, task: str, groups: Sequence[TrialGroup]) -> Drawing | None:
    """Success in training against steps, one line per variant; None if there is nothing to draw."""
    bands = {group.variant.name: found for group in groups if (found := band(group.curves, "env_steps"))}
    if not bands:
        return None

    def draw(figure: Figure, theme: Theme) -> None:
        rows = -(-len(bands) // 3)
        margins = {"left": 0.085, "right": 0.985, "top": 0.92, "bottom": 0.19 + 0.07 * rows}
        axes = figure.subplots(gridspec_kw=margins)
        for number, (variant, course) in enumerate(bands.items()):
            line = LINES[number % len(LINES)]
            draw_band(axes, course, variant, theme.variants[number % len(theme.variants)], line)
        axes.set_title(f"{task}: success of training episodes", loc="left", fontsize=10, color=theme.text)
        finish_curves(figure, axes, "env_steps", theme, max(course.end for course in bands.values()))

    ends = "; ".join(f"{variant}: {percent(course.final)}" for variant, course in bands.items())
    caption = f"Success at the end of training: {ends}."
    alt = f"Line chart of success in training against environment steps on {task}, one line per variant. {caption}"
    return save(directory, f"{experiment}-{task}", draw, alt, caption)
