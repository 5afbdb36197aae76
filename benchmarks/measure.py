"""What all benchmarks share: common options, labels, medians with their spread, output for people and programs."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.fan_out import cores
from pipeline.instructions import SoftInstruction
from pipeline.tables import read_instructions
from pipeline.teacher.providers.published import published_folder

ROOT = Path(__file__).resolve().parent.parent
TASKS = ("SimpleDoorKey", "LavaDoorKey", "ColoredDoorKey", "DivergedDoorKey")


def common_options(description: str | None, tasks: Sequence[str] = TASKS) -> argparse.ArgumentParser:
    """A parser with --task and --json; `tasks` are measured by default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--task",
        action="append",
        choices=[*TASKS, "all"],
        help=f"task to measure, may be repeated (default: {', '.join(tasks)})",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures as JSON; - is standard output")
    parser.set_defaults(default_tasks=list(tasks))
    return parser


def chosen_tasks(args: argparse.Namespace) -> list[str]:
    """The tasks that the command line asks for."""
    if args.task is None:
        return list(args.default_tasks)
    return list(TASKS) if "all" in args.task else list(dict.fromkeys(args.task))


def published_instructions(task: str) -> dict[str, SoftInstruction]:
    """The published labels of a task, by state_id."""
    return read_instructions(published_folder(task, ROOT) / "labels.parquet", task)


def machine() -> dict[str, Any]:
    """Where the figures come from: processor, cores, and versions of what computes."""
    versions = {}
    for package in ("numpy", "numba", "torch"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def median(values: Sequence[float]) -> float:
    """The median; values that are missing (nan) count as beyond all others, and so may make it infinite."""
    return statistics.median(float("inf") if value != value else value for value in values)


def in_words(values: Sequence[float], form: str | Callable[[float], str] = ",.0f") -> str:
    """Median and spread: `12 (11–14)`, each written by a format or a function."""
    written = form if callable(form) else lambda value: format(value, form)
    middle, low, high = (written(value) for value in (median(values), min(values), max(values)))
    return f"{middle} ({low}–{high})"


def report(header: Sequence[str], rows: Sequence[Sequence[str]], results: list[dict[str, Any]], to: str | None) -> None:
    """Print the machine and a table of the rows, and write the results as JSON to a file or to standard output.

    The JSON is the result itself if there is one, else the list of all; each gets the machine's entries as `machine`.
    On standard output it stands alone, and the table goes to standard error.
    """
    here = machine()
    lines = [", ".join(f"{name} {value}" for name, value in here.items()), *_aligned([header, *rows])]
    print("\n".join(lines), file=sys.stderr if to == "-" else sys.stdout)
    if to is None:
        return
    full = [{**result, "machine": here} for result in results]
    text = json.dumps(_finite(full[0] if len(full) == 1 else full), indent=2) + "\n"
    if to == "-":
        sys.stdout.write(text)
    else:
        Path(to).write_text(text)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON doesn't have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or abs(value) == float("inf")) else value
