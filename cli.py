"""`llm4teach`: one command per stage, and commands to look at tasks, labels and results.

Modules that take long to load are imported by the command that needs them, so `--help` answers at once.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline import __version__
from stages.labels import app as labels_app
from stages.plain import PlainGroup
from stages.tasks import app as tasks_app
from stages.teacher import app as teacher_app

if TYPE_CHECKING:
    from pipeline.params import Params
    from pipeline.tasks.splits import Split

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Teach small reinforcement-learning agents from a large language model: collect, label, train, finetune, "
    "evaluate, report. `dvc repro` runs all stages.",
)
app.add_typer(labels_app, name="labels")
app.add_typer(tasks_app, name="tasks")
app.add_typer(teacher_app, name="teacher")

TaskOption = Annotated[str, typer.Option("--task", help="A task's name; `llm4teach tasks` lists them.")]
ParamsOption = Annotated[Path, typer.Option("--params", help="The params file.")]
TrainedOption = Annotated[str, typer.Option("--method", help="A method, such as llm4teach, rl or hierarchical.")]
EvaluatedOption = Annotated[str, typer.Option("--method", help="A method, or llm: the teacher alone.")]
StudentOption = Annotated[Path | None, typer.Option("--student", help="Folder of a saved student.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]
PARAMS = Path("params.yaml")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"llm4teach {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None: ...


def _load(path: Path) -> Params:
    from pipeline.params import load_params

    return load_params(path)


def _trained(method: str, *more: str) -> str:
    """The method, if it is one that trains students or one of `more`. Raises ParamsError."""
    from pipeline.params import ParamsError
    from pipeline.student.methods.method import method_names

    allowed = (*more, *method_names(trained_only=True))
    if method not in allowed:
        raise ParamsError(f"--method: unknown method {method!r}; allowed: {', '.join(allowed)}")
    return method


@app.command()
def collect(
    task: TaskOption,
    params: ParamsOption = PARAMS,
    from_run: Annotated[
        Path | None, typer.Option(help="Add what the students of this folder (…/taught) meet to the table.")
    ] = None,
) -> None:
    """Roll out behaviours and keep each distinct state description once."""
    from stages.collect import collect as stage

    stage(task, _load(params), run=from_run)


@app.command()
def label(
    task: TaskOption,
    params: ParamsOption = PARAMS,
    dry_run: Annotated[bool, typer.Option(help="Say what would be asked, and what it may cost; ask nothing.")] = False,
    probe: Annotated[bool, typer.Option("--probe", help="Try the server by a few calls; write nothing.")] = False,
    max_requests: Annotated[int | None, typer.Option(min=0, help="Stop after so many requests.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Stop before this cost is passed.")] = None,
) -> None:
    """Ask the teacher about each collected state; its answers become soft instructions."""
    from stages.label import label as stage

    file = None if params == PARAMS else params
    options = {"task": task, "params": file, "max-requests": max_requests, "max-cost": max_cost}
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    command = shlex.join(["llm4teach", "label", *words])
    stage(
        task, _load(params), dry_run=dry_run, probe=probe, max_requests=max_requests, max_cost=max_cost, command=command
    )


@app.command()
def train(
    task: TaskOption,
    method: TrainedOption = "llm4teach",
    params: ParamsOption = PARAMS,
    labels: Annotated[
        Path | None, typer.Option(help="A label set (a folder) to learn from; else what the stage `label` wrote.")
    ] = None,
) -> None:
    """Train students on teacher labels and reward, until the annealing ends."""
    from stages.train import train as stage

    stage(task, _trained(method), _load(params), label_set=labels)


@app.command()
def finetune(task: TaskOption, method: TrainedOption = "llm4teach", params: ParamsOption = PARAMS) -> None:
    """Go on without the teacher: reward alone, from the saved students."""
    from stages.finetune import finetune as stage

    stage(task, _trained(method), _load(params))


@app.command()
def evaluate(
    task: TaskOption,
    method: EvaluatedOption = "llm4teach",
    params: ParamsOption = PARAMS,
    as_json: JsonOption = False,
    student: StudentOption = None,
    layouts: Annotated[
        str | None, typer.Option(help="With --student: layout seeds such as 0-99 or 3,17 (default: the held-out ones).")
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="With --student: only layouts of this split; those of test and validation are held out."),
    ] = None,
) -> None:
    """Play held-out layouts with the students, or with the teacher alone (method llm); or with one saved student.

    `--student FOLDER --split test` plays held-out layouts; `--layouts 0-999` any, and says how many are training ones.
    """
    from stages.evaluate import evaluate as stage
    from stages.evaluate import evaluate_saved, in_words, layouts_in_words

    counts: dict[Split, int] = {}
    if student is not None:
        metrics, counts = evaluate_saved(task, student, layouts, split, _load(params))
    elif layouts is not None or split is not None:
        raise typer.BadParameter("--layouts and --split go with --student; the stage itself plays the held-out layouts")
    else:
        metrics = stage(task, _trained(method, "llm"), _load(params))
    if as_json:
        import json

        print(json.dumps({**metrics, "layouts": counts} if counts else metrics))
    else:
        lines = in_words(f"{task} {student or method}", metrics)
        print("\n".join([*lines, layouts_in_words(counts)] if counts else lines))


@app.command()
def play(
    task: TaskOption,
    layout: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The layout's seed.")] = 0,
    student: StudentOption = None,
) -> None:
    """Play a layout yourself, seeing what a student sees; or watch a saved student, one key per step."""
    from stages.play import play as stage

    stage(task, layout, student)


@app.command()
def export(
    task: TaskOption,
    student: Annotated[Path, typer.Option("--student", help="Folder of a saved student.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    labels: Annotated[Path | None, typer.Option(help="A label set (a folder) whose plans to show.")] = None,
) -> None:
    """Write a saved student as a page that opens in any browser and plays held-out layouts."""
    from stages.export import export as stage

    stage(task, student, out, labels)


@app.command()
def report(
    params: ParamsOption = PARAMS,
    quiet: Annotated[bool, typer.Option(help="Don't print the table.")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="With the experiments, into data/paper/report.")] = False,
) -> None:
    """Write the page that shows ours beside the paper's, and print the table."""
    from stages.report import report as stage

    stage(_load(params), quiet=quiet, with_paper=paper)


@app.command()
def paper(
    only: Annotated[list[str] | None, typer.Option(help="An experiment's name; may be repeated.")] = None,
    params: ParamsOption = PARAMS,
) -> None:
    """Carry out the paper's experiments, all that are not done; `analyse` and `report --paper` then show them."""
    from stages.paper import paper as stage

    stage(_load(params), only or [])


@app.command()
def analyse(params: ParamsOption = PARAMS) -> None:
    """Analyse the teacher's errors, and the students' departures, transfer, cost and failures."""
    from stages.analyse import analyse as stage

    stage(_load(params))


@app.command()
def summary() -> None:
    """Print the table of the last report, and where its page is."""
    from stages.report import summary as text

    print(text())


@app.command()
def check(params: ParamsOption = PARAMS) -> None:
    """Say whether a params file can be used, and if not, why."""
    from pipeline.student.make import check_learnable
    from pipeline.tasks.check import require_sound
    from pipeline.tasks.registry import get_task

    loaded = _load(params)
    for name in loaded.tasks:
        require_sound(get_task(name), name)
        check_learnable(get_task(name), loaded.train)
    print(f"{params}: fine ({len(loaded.tasks)} tasks, {len(loaded.methods)} methods, {loaded.seeds} seeds)")


if __name__ == "__main__":
    app()
