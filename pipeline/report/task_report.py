"""Everything the page shows of one task, gathered from the files that the other stages wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.params import Params
from pipeline.report.comparison import Comparison, compare
from pipeline.report.figures import Drawing, learning_curves, teacher_share
from pipeline.report.labels import LabelReport, read_labels
from pipeline.report.runs import Students, find_students
from pipeline.results.curves import Curve, find_curves
from pipeline.results.episodes import read_episodes, summaries
from pipeline.results.published_results import published_results
from pipeline.results.trials import TrialGroup
from pipeline.student.methods.llm4teach import LLM4Teach
from pipeline.student.methods.method import UNTRAINED, get_method


@dataclass(frozen=True)
class Film:
    """One filmed episode: who acts, the GIF, and how it went (`success`, `length`, `return`)."""

    actor: str
    path: Path
    outcome: dict[str, Any]

    @property
    def caption(self) -> str:
        went = "succeeds in" if self.outcome["success"] else "has not succeeded after"
        return f"{went} {self.outcome['length']} steps (return {self.outcome['return']:.2f})"


@dataclass(frozen=True)
class TaskReport:
    """Everything the page shows of one task.

    absent  what could not be shown, in plain words
    """

    name: str
    comparisons: list[Comparison]
    students: list[Students] = field(default_factory=list)
    success: list[Drawing] = field(default_factory=list)
    teacher: Drawing | None = None
    films: list[Film] = field(default_factory=list)
    film_layout: int | None = None
    labels: LabelReport | None = None
    absent: list[str] = field(default_factory=list)

    @property
    def headline(self) -> Comparison | None:
        """The comparison that the page begins with: LLM4Teach's, else another with students, else the teacher's."""
        there = [row for row in self.comparisons if row.main]
        return min(there, key=lambda row: (row.method != LLM4Teach.name, row.method == UNTRAINED), default=None)


def gather(
    name: str, params: Params, data: Path, figures: Path, trials: Mapping[str, TrialGroup] | None = None
) -> TaskReport:
    """Read everything there is about one task under `data`, and draw its figures into `figures`; no films yet.

    trials  by method, those of the experiment that compares methods: they stand in for the stages' own students where
            they are more
    Raises TableError for a file that is there but broken.
    """
    trials = trials or {}
    absent: list[str] = []
    evaluations: dict[str, pa.Table] = {}
    for method in [UNTRAINED, *params.methods]:
        path = data / "evaluations" / name / f"{method}.parquet"
        if path.exists():
            evaluations[method] = read_episodes(path, name, method)
        elif method not in trials:
            absent.append(f"{name}: the evaluation of {method} ({_place(path, data)}); evaluate writes it.")
    for method, group in trials.items():
        if method not in evaluations or _students(evaluations[method]) < len(group.folders):
            evaluations[method] = group.table
    found = [summary for table in evaluations.values() for summary in summaries(table)]
    comparisons = compare([name], found, published_results())

    students_dir = data / "students" / name
    curves: dict[str, list[Curve]] = {method: find_curves(students_dir / method) for method in params.methods}
    absent += [
        f"{name}: students of {method} ({_place(students_dir / method, data)}); train and finetune write them."
        for method, each in curves.items()
        if not each and method not in trials
    ]
    folders = {
        method: [students_dir / method / "final" / str(curve.seed) for curve in each] for method, each in curves.items()
    }
    for method, group in trials.items():
        if len(curves.get(method, [])) < len(group.curves):
            curves[method], folders[method] = list(group.curves), list(group.folders)
    groups = [find_students(method, each, folders[method]) for method, each in curves.items()]
    paper = published_results().figure(name, LLM4Teach.name)
    alone = next((row.main.success.value for row in comparisons if row.method == UNTRAINED and row.main), None)
    labelled = next((each for method, each in curves.items() if get_method(method).needs_labels), [])
    drawings = [
        learning_curves(figures, name, axis, curves, paper.success if paper else None, alone)
        for axis in ("env_steps", "seconds")
    ]

    labels_path = data / "labels" / name / "labels.parquet"
    labels = read_labels(name, labels_path, data / "states" / f"{name}.parquet") if labels_path.exists() else None
    if labels is None:
        absent.append(f"{name}: the label table ({_place(labels_path, data)}); label writes it.")
    return TaskReport(
        name=name,
        comparisons=comparisons,
        students=[group for group in groups if group],
        success=[drawing for drawing in drawings if drawing],
        teacher=teacher_share(figures, name, labelled),
        labels=labels,
        absent=absent,
    )


def _students(table: pa.Table) -> int:
    """How many students an evaluation is of."""
    return len(table["seed"].unique())


def _place(path: Path, data: Path) -> Path:
    """A path as a reader of the page finds it: from the folder that holds `data`."""
    return path.relative_to(data.parent)
