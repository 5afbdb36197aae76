"""Killed at any moment, and two at once: the table comes out the same, and nothing paid for is asked for again.

`python tests/teacher/test_crash.py 20 2000` does the same with 20 kills on 2,000 states.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from teacher_fakes import IN_FLIGHT, content, lamp_states, write_lamp_labels

from pipeline.tables import LABELS, read_table

SAMPLES = 10
LATENCY_S = 0.05


def start(url: str, count: int, root: Path) -> subprocess.Popen[bytes]:
    """One labelling process of the lamps' states."""
    script = Path(__file__).parents[1] / "teacher_fakes.py"
    path = os.pathsep.join([str(script.parents[2]), str(script.parent)])
    command = [sys.executable, str(script), url, str(count), str(SAMPLES), str(root)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors.decode()


def table(root: Path) -> list[dict[str, Any]]:
    return content(read_table(root / "labels.parquet", LABELS).to_pylist())


def in_ledger(root: Path) -> int:
    """Answers that are written down."""
    path = root / ".teacher_cache/ledger.sqlite"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db:
        (tables,) = db.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'attempts'").fetchone()
        return int(db.execute("SELECT COUNT(*) FROM attempts WHERE error IS NULL").fetchone()[0]) if tables else 0


def settle(server: Any) -> None:
    """Wait until the server is through with what a killed process has asked it."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 2 * LATENCY_S:
        time.sleep(0.01)
        if server.replay.in_flight:
            quiet_since = time.monotonic()


def kill_and_resume(server: Any, kills: int, count: int, folder: Path, rng: random.Random) -> dict[str, int]:
    """Label with kill -9 at random numbers of served answers, then to the end; compare with an undisturbed run.

    What a kill loses is what was served and is in no ledger: at most the calls that the process had under way.
    """
    calm, rough = folder / "calm", folder / "rough"
    finish(start(server.url, count, calm))
    total = server.replay.served["answers"]
    assert total == count * SAMPLES

    done, lost = 0, 0
    for _ in range(kills):
        process = start(server.url, count, rough)
        done += rng.randint(1, max(1, total // (kills + 1)))
        while server.replay.served["answers"] - total < done and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.communicate()
        settle(server)
        done = server.replay.served["answers"] - total
        lost_now = done - lost - in_ledger(rough)
        assert 0 <= lost_now <= IN_FLIGHT * SAMPLES
        lost += lost_now
    finish(start(server.url, count, rough))
    asked = server.replay.served["answers"] - total
    assert table(rough) == table(calm)
    assert asked - total == lost
    return {"answers": total, "asked": asked, "asked_twice": lost, "kills": kills}


def test_kill_9_loses_at_most_the_calls_in_flight(serve: Any, tmp_path: Path) -> None:
    server = serve(write_lamp_labels(tmp_path / "served.parquet", lamp_states(120)), latency_s=LATENCY_S, seed=1)
    kill_and_resume(server, 3, 120, tmp_path, random.Random(4))


def test_two_processes_at_once_share_the_work(serve: Any, tmp_path: Path) -> None:
    server = serve(write_lamp_labels(tmp_path / "served.parquet", lamp_states(120)), latency_s=LATENCY_S, seed=1)
    both = [start(server.url, 120, tmp_path / "shared") for _ in range(2)]
    for process in both:
        finish(process)
    assert server.replay.served["answers"] == 120 * SAMPLES
    assert len(table(tmp_path / "shared")) == 120


if __name__ == "__main__":
    import tempfile

    from conftest import Served, start_app

    from pipeline.teacher.server.answers import LabelIndex
    from pipeline.teacher.server.app import ServerBehaviour, make_app

    with tempfile.TemporaryDirectory() as name:
        number, states = int(sys.argv[1]), int(sys.argv[2])
        labels = LabelIndex([write_lamp_labels(Path(name) / "served.parquet", lamp_states(states))])
        app = make_app(labels, ServerBehaviour(latency_s=LATENCY_S, seed=1), [])
        served = Served(start_app(app, []), app.state.replay, app)
        print(kill_and_resume(served, number, states, Path(name), random.Random()))
