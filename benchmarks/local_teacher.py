"""How good a small local model is as a teacher, by how it is asked: `python benchmarks/local_teacher.py [--json -]`.

Each task's collected states are labelled by `label.provider: local` in each way of scoring; the teacher then acts alone
on test layouts, sampled. Beside it stand the published teacher and one that gives every candidate plan the same.
Prints success with its 95% interval (Wilson), and the seconds of labelling.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.remove(str(Path(__file__).resolve().parent))  # whose profile.py is not the one that transformers wants
from pipeline.evaluation import evaluate_teacher, evaluation_layouts
from pipeline.instructions import SoftInstruction
from pipeline.params import Label
from pipeline.statistics import wilson_interval
from pipeline.tables import LABELS, read_instructions, write_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.methods.candidates import candidate_plans
from pipeline.teacher.providers.published import published_folder
from pipeline.teacher.states import State
from pipeline.teacher.teacher import ask

TASKS = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")
WAYS = ("letters", "plans", "plans-calibrated")


def success(task: Any, labels: dict[str, SoftInstruction], episodes: int) -> dict[str, Any]:
    """Success of a teacher that acts alone on test layouts."""
    rows = list(evaluate_teacher(task, labels, evaluation_layouts(task, episodes), "sampled", 0))
    wins = sum(bool(row["success"]) for row in rows)
    found = wilson_interval(wins, len(rows))
    return {"success": found.value, "low": found.low, "high": found.high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - is stdout")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--model", help="a GGUF file or a Hugging Face folder; default: the packaged one")
    parser.add_argument("--prompt", help="label.prompt")
    chosen = parser.parse_args()
    figures = []
    for name in chosen.tasks:
        task, root = get_task(name), Path()
        truth = read_instructions(published_folder(name, root) / "labels.parquet", name)
        states = [State(one.description, 1) for one in truth.values()]
        teachers = {"published": truth, "uniform": {}}
        for state in states:
            plans = dict.fromkeys(candidate_plans(task, state.description), 0.0)
            teachers["uniform"][state.description.state_id] = SoftInstruction.from_logprobs(state.description, plans)
        seconds = {}
        with tempfile.TemporaryDirectory() as folder:
            for way in chosen.ways:
                begun = time.perf_counter()
                asked = Label(provider="local", method="logprob", scoring=way, model=chosen.model, prompt=chosen.prompt)
                path = Path(folder) / way / "labels.parquet"
                write_table(path, ask(task, states, asked, Path(folder)).labels, LABELS)
                teachers[way], seconds[way] = read_instructions(path, name), time.perf_counter() - begun
        for way, labels in teachers.items():
            one = {"task": name, "teacher": way, **success(task, labels, chosen.episodes), "seconds": seconds.get(way)}
            figures.append(one)
            if chosen.json != "-":
                took = f", labelled {len(states)} states in {one['seconds']:.0f} s" if one["seconds"] else ""
                print(f"{name:16} {way:17} {one['success']:.1%} ({one['low']:.1%}–{one['high']:.1%}){took}", flush=True)
    if chosen.json:
        text = json.dumps(figures, indent=1) + "\n"
        print(text, end="") if chosen.json == "-" else Path(chosen.json).write_text(text)


if __name__ == "__main__":
    main()
