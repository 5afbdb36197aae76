"""What a run leaves for its reader: TensorBoard events while it goes on, and its curve as CSV.

The folder is `log/<algorithm>/<task>/<name>/`, as the paper's release has it, so `tensorboard --logdir log` compares
runs. TensorBoard's own record writer is used without torch, so that a stage that needs no torch doesn't load it, and
without its thread, so that a full disk is an error of the run.
"""

from __future__ import annotations

import csv
import io
import math
import os
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.files import naming, write_bytes
from pipeline.student.learner import CURVE_COLUMNS
from pipeline.tables import TableError

GROUPS = {
    "Train/Success Rate": "success",
    "Train/Return Mean": "episode_return",
    "Train/Eplen": "episode_length",
    "Train/Label Miss Rate": "label_miss_rate",
    "Loss/Policy": "policy_loss",
    "Loss/Value": "value_loss",
    "Loss/Teacher": "teacher_loss",
    "Loss/Entropy": "entropy",
    "Schedule/Lambda": "teacher_weight",
    "Schedule/Learning Rate": "learning_rate",
    "Time/Seconds": "seconds",
}
"""TensorBoard's tag of each curve column; events are numbered by environment steps."""


class EventLog:
    """The TensorBoard events of one phase of one run; events of the same phase left by an earlier try are replaced."""

    def __init__(self, folder: Path, phase: str) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f"events.out.tfevents.*.{phase}"):
            stale.unlink()
        self._path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{phase}"
        self._records = RecordWriter(self._path.open("wb"))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, row: Mapping[str, float]) -> None:
        """Log one row of the curve; numbers that are not there (no episode ended) are left out."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=tag, simple_value=row[name]) for tag, name in GROUPS.items() if math.isfinite(row[name])
        ]
        self._write(Event(step=int(row["env_steps"]), wall_time=time.time(), summary=Summary(value=values)))

    def _write(self, event: Any) -> None:
        with naming(self._path):
            self._records.write(event.SerializeToString())

    def close(self) -> None:
        """Flush and close the file."""
        with naming(self._path):
            self._records.close()


def write_curve(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a curve with the columns of CURVE_COLUMNS; numbers that are not there become empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CURVE_COLUMNS)
    for row in rows:
        writer.writerow(["" if row[name] != row[name] else _short(row[name]) for name in CURVE_COLUMNS])
    write_bytes(path, text.getvalue().encode())


def _short(value: Any) -> Any:
    """Seven digits are more than a curve needs, and keep equal runs' files equal."""
    return f"{value:.7g}" if isinstance(value, float) else value


def read_curve(path: Path) -> list[dict[str, str]]:
    """The rows of a written curve, as text; `pipeline.results.curves` has them as numbers. Raises TableError."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path}: not a CSV file ({error})") from None
