"""The analyses of `make paper`: what the paper could not show, as JSON files for people and for the report."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipeline.analysis.cost import assumptions, cost, tokens_of_answer
from pipeline.analysis.departures import count_departures
from pipeline.analysis.errors import count_errors
from pipeline.analysis.failures import failing_layouts
from pipeline.analysis.rollouts import shortest_lengths
from pipeline.analysis.students import EvaluatedStudent, taught_students
from pipeline.analysis.transfer import transfer
from pipeline.evaluation import evaluation_layouts
from pipeline.experiments.catalogue import METHODS
from pipeline.experiments.trial import done_trials
from pipeline.files import write_bytes
from pipeline.instructions import SoftInstruction
from pipeline.json_file import read_json
from pipeline.params import Params, Schedule
from pipeline.results.curves import Curve
from pipeline.student.runs.saved import CURVE, load_student, read_config
from pipeline.tables import EPISODES, read_instructions, read_table
from pipeline.tasks.base import Task
from pipeline.tasks.registry import get_task

PLACE = Path("data/paper/analysis")
MOST_STUDENTS = 5
DEPARTURE_LAYOUTS = 250
"""Layouts of the evaluation on which departures are looked for, with each student."""


def analyse(params: Params, root: Path = Path()) -> None:
    """Write data/paper/analysis/{shortest,errors,departures,transfer,cost,failures}.json, each by task.

    What can't be analysed is left out, and said on stdout. Raises TableError or StudentError for a broken file.
    """
    data = root / "data"
    tasks = {name: get_task(name) for name in params.tasks}
    done = done_trials([METHODS], params, root)
    found = {name: taught_students(data, name, done)[:MOST_STUDENTS] for name in tasks}
    students = {name: [load_student(tasks[name], each.folder) for each in found[name]] for name in tasks}
    layouts = {name: evaluation_layouts(task, params.evaluate.episodes) for name, task in tasks.items()}
    results: dict[str, dict[str, Any]] = {name: {} for name in ("shortest", "errors", "departures", "cost", "failures")}
    for name, task in tasks.items():
        print(f"analyse: {name}", file=sys.stderr)
        labels = data / "labels" / name / "labels.parquet"
        instructions = read_instructions(labels, name, task.grammar) if labels.is_file() else None
        if instructions is None:
            print(f"analyse: {name}: no label table ({labels}), so nothing about its teacher")
        if not students[name]:
            print(f"analyse: {name}: no evaluated student of llm4teach, so nothing about students")
        try:
            results["shortest"][name] = _shortest(task, layouts[name])
            if instructions is not None:
                results["errors"][name] = count_errors(task, instructions, layouts[name], params.evaluate.seed)
            if instructions is not None and students[name]:
                results["departures"][name] = count_departures(
                    task, students[name], instructions, layouts[name][:DEPARTURE_LAYOUTS], params.evaluate.seed
                )
        except NotImplementedError:
            print(f"analyse: {name}: its shortest ways are not known, so neither errors nor departures are counted")
        if instructions is not None and students[name]:
            results["cost"][name] = _cost(params, task, instructions, found[name], root)
        if students[name]:
            results["failures"][name] = _failures(found[name])
    print("analyse: transfer", file=sys.stderr)
    everything: dict[str, Any] = {
        **results,
        "transfer": transfer(tasks, students, layouts, params.evaluate.seed),
        "assumptions": assumptions(),
    }
    for name, result in everything.items():
        write_bytes(root / PLACE / f"{name}.json", (json.dumps(result, indent=1) + "\n").encode())
    print(f"analyse: {len(everything)} files in {root / PLACE}")


def _shortest(task: Task, layouts: np.ndarray) -> dict[str, Any]:
    """The mean length of the full-information shortest way, and the longest one."""
    lengths = shortest_lengths(task, layouts)
    there = lengths[lengths >= 0]
    unsolvable = len(lengths) - len(there)
    return {"layouts": len(lengths), "mean": float(there.mean()), "longest": int(there.max()), "unsolvable": unsolvable}


def _cost(
    params: Params,
    task: Task,
    instructions: Mapping[str, SoftInstruction],
    students: list[EvaluatedStudent],
    root: Path,
) -> dict[str, Any]:
    """The cost of the student that took the median time; its settings say how long the teacher was there."""
    metrics_path = root / "data/labels" / task.name / "metrics.json"
    metrics = read_json(metrics_path) if metrics_path.is_file() else {}
    curves = [(Curve.read(student.folder / CURVE, student.seed), student.folder) for student in students]
    curve, folder = sorted(curves, key=lambda each: each[0].seconds[-1])[len(curves) // 2]
    config = read_config(folder)
    schedule = Schedule.model_validate(config["settings"])
    llm = root / "data/evaluations" / task.name / "llm.parquet"
    length = None
    if llm.is_file():
        table = read_table(llm, EPISODES)
        sampled = table.filter(pc.equal(table["acting"], "sampled"))
        length = float(pc.mean((sampled if len(sampled) else table)["episode_length"]).as_py())
    descriptions = [instruction.description for instruction in instructions.values()]
    return cost(
        tokens_of_answer(task, descriptions, metrics, root),
        states=len(instructions),
        samples=1 if params.label.method == "logprob" else params.label.samples,
        taught_steps=schedule.taught * schedule.steps,
        llm_length=length,
        student={
            "parameters": config["parameters"],
            "env_steps": float(curve.env_steps[-1]),
            "seconds": float(curve.seconds[-1]),
        },
    )


def _failures(students: list[EvaluatedStudent]) -> dict[str, Any]:
    """The layouts on which students fail, by way of acting, and where these students are."""
    seeds = {student.seed for student in students}
    tables = [read_table(path, EPISODES) for path in dict.fromkeys(student.episodes for student in students)]
    rows = [row for table in tables for row in table.to_pylist() if row["seed"] in seeds]
    ways = dict.fromkeys(row["acting"] for row in rows)
    return {acting: failing_layouts(row for row in rows if row["acting"] == acting) for acting in ways}
