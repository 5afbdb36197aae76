"""The report stage: the paper's table and figures beside ours, as a page, pictures, a CSV and a metrics file."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.experiments.catalogue import EXPERIMENTS, METHODS
from pipeline.experiments.trial import done_trials
from pipeline.files import write_bytes
from pipeline.params import Params
from pipeline.printing import percent
from pipeline.report.analysis import read_analysis
from pipeline.report.comparison import Comparison, by_student, interval, metrics, table_rows
from pipeline.report.films import film
from pipeline.report.gallery import gallery
from pipeline.report.page import render
from pipeline.report.paper_report import gather_paper
from pipeline.report.task_report import Film, TaskReport, gather
from pipeline.results.episodes import read_episodes, typical_episode
from pipeline.results.trials import read_trials
from pipeline.student.methods.method import UNTRAINED
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task

TABLE = "table.txt"
PAPER = Path("paper/report")
"""Where `make paper` has its page: not among the outputs of a DVC stage, which come from the stages alone."""


def report(params: Params, root: Path = Path("."), quiet: bool = False, with_paper: bool = False) -> Path:
    """Read what the other stages wrote under `root`/data, write data/report, print the table.

    with_paper  show the trials and analyses of `make paper` too, and write data/paper/report instead
    Whatever is not there is named on the page. Returns the path of the page. Raises TableError for a broken file.
    """
    data = root / "data"
    out = data / PAPER if with_paper else data / "report"
    for folder in ("figures", "films"):
        shutil.rmtree(out / folder, ignore_errors=True)
    wanted = EXPERIMENTS if with_paper else ()
    done = done_trials(wanted, params, root)
    groups = read_trials(data / "paper", wanted, params, done)
    tasks = []
    for name in params.tasks:
        print(f"report: {name}: tables and figures", file=sys.stderr)
        compared = {g.method: g for g in groups if g.experiment is METHODS and g.task == name}
        task = gather(name, params, data, out / "figures", compared)
        print(f"report: {name}: films", file=sys.stderr)
        tasks.append(_with_films(task, params, data, out / "films"))
    comparisons = [row for task in tasks for row in task.comparisons]
    paper = analysis = None
    if with_paper:
        paper = gather_paper(params, groups, comparisons, out / "figures")
        stale = len(list((data / "paper").glob("*/*/*/*/trial.json"))) - len(done)
        if stale:
            paper.absent.append(
                f"{stale} trials made with other settings or another version; make paper makes them anew."
            )
        analysis = read_analysis(data / "paper/analysis")
        for name, failures in analysis.found["failures"].items():
            if name in params.tasks:
                analysis.gallery.extend(gallery(name, failures, params, data, out / "films", done))

    page, columns, table = out / "index.html", io.StringIO(), io.StringIO()
    rows = table_rows(comparisons)
    writer = csv.DictWriter(columns, rows[0].keys() if rows else ["task"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    Console(file=table, width=200).print(_table(comparisons))  # so wide that nothing is cut off
    write_bytes(page, render(params, tasks, paper, analysis).encode())
    write_bytes(out / "table.csv", columns.getvalue().encode())
    write_bytes(out / TABLE, "".join(f"{line.rstrip()}\n" for line in table.getvalue().splitlines()).encode())
    write_bytes(out / "metrics.json", (json.dumps(metrics(comparisons), indent=1) + "\n").encode())
    if not quiet:
        print(summary(root, with_paper))
    return page


def _with_films(task: TaskReport, params: Params, data: Path, folder: Path) -> TaskReport:
    """Film student and teacher on one layout, as far as both are there."""
    from pipeline.evaluation import student_actor, teacher_actor

    tables = {method: data / "evaluations" / task.name / f"{method}.parquet" for method in [*params.methods, UNTRAINED]}
    method = next((method for method, path in tables.items() if path.exists()), None)
    if method is None:
        return task
    layout, seed = typical_episode(read_episodes(tables[method], task.name, method))
    actors: dict[str, Any] = {}
    absent = list(task.absent)
    playable = get_task(task.name)
    if seed is not None:
        student_dir = data / "students" / task.name / method / "final" / str(seed)
        try:
            actors["Student"] = student_actor(playable, student_dir, params.evaluate.seed)
        except FileNotFoundError as error:
            absent.append(f"{task.name}: a film of the student ({error}).")
    labels = data / "labels" / task.name / "labels.parquet"
    if labels.exists():
        actors["Teacher"] = teacher_actor(playable, read_instructions(labels, task.name), params.evaluate.seed)
    films = []
    for actor, act in actors.items():
        path = folder / f"{task.name}-{actor.lower()}.gif"
        if outcome := film(playable, act, layout, path):
            films.append(Film(actor, path, outcome))
    if actors and not films:
        absent.append(f"{task.name}: films, which are made of one agent whose environment draws pictures.")
    return replace(task, films=films, film_layout=layout, absent=absent)


def summary(root: Path = Path("."), with_paper: bool = False) -> str:
    """The table of the last report, and where its page is. Raises FileNotFoundError if there is none."""
    path = root / "data" / (PAPER if with_paper else "report") / TABLE
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no report yet; `dvc repro` or `llm4teach report` makes one")
    return f"{path.read_text(encoding='utf-8')}report: {path.with_name('index.html')}"


def _table(comparisons: list[Comparison]) -> Table:
    """Ours beside the paper's, if it has any, acting by sampling; plain enough to be copied into a text."""
    table = Table(
        title="length / return / success, over held-out layouts", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    of_the_paper = any(row.published for row in comparisons)
    titles = ["task", "method", *["paper"] * of_the_paper, "ours", "95% interval", "by student", ""]
    for title in titles:
        table.add_column(title, justify="left" if title in ("task", "method", "") else "right", no_wrap=True)
    shown = ""
    for row in comparisons:
        paper, ours = row.published, row.main
        task, shown = "" if row.task == shown else escape(row.task), row.task
        table.add_row(
            task,
            row.title,
            *[f"{paper.length:.1f} / {paper.episode_return:.2f} / {percent(paper.success)}" if paper else ""]
            * of_the_paper,
            f"{ours.length.value:.1f} / {ours.episode_return.value:.2f} / {percent(ours.success.value)}"
            if ours
            else "not run",
            interval(ours.success) if ours else "",
            by_student(ours) if ours else "",
            row.mark,
        )
    return table
