"""How fast labelling is, and what it needs: `python benchmarks/labelling.py [--json -]`.

throughput  requests per second against a server that answers in so many milliseconds and allows so many at once,
            beside the server's limit (at once / time), and the machine's own: its cores over the CPU time of a
            request on both sides, as client and server share them; by default also for a slow server
memory      the labelling process's largest resident size while it labels many descriptions, and how it grew
distinct    seconds to reduce collected states to distinct descriptions
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.fan_out import cores
from pipeline.instructions import Description, Grammar, Option, OptionSpec, Plan, PlanShare, SoftInstruction
from pipeline.params import Label
from pipeline.tables import LABELS, RESPONSES, STATES, write_table
from pipeline.tasks.base import Task, TaskPrompt
from pipeline.tasks.spaces import Space
from pipeline.teacher.answers.rows import Provenance, label_row
from pipeline.teacher.states import State, read_states

THINGS = tuple(f"lamp{number}" for number in range(1, 18))
LATENCY_MS = 50.0
SLOW = (4000, 256, 1000.0)
"""Requests, calls at once and milliseconds of a server as slow as a large model."""


class LampTask(Task):
    """2^17 descriptions: which of 17 lamps are in sight. Only what a teacher needs."""

    name, suite, horizon, idle = "Lamps", "benchmark", 10, 0
    space = Space("discrete", 2, ("wait", "go"))
    grammar = Grammar((OptionSpec("explore"), OptionSpec("go to", THINGS)), THINGS)
    prompt = TaskPrompt("There are lamps.", Description(("lamp1",)).sentence, "One lamp.", "Go.", "go to <lamp1>")

    def _has_no_environment(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("only the teacher's side of this task exists")

    make_env = describe = follow = layout_code = make_batch = _has_no_environment


def states(count: int) -> list[State]:
    """So many different states."""
    subsets = itertools.chain.from_iterable(itertools.combinations(THINGS, size) for size in range(len(THINGS) + 1))
    return [State(Description(seen), 1) for seen in itertools.islice(subsets, count)]


def write_labels(path: Path, asked: list[State]) -> None:
    """The label table that is served: explore in 60%, go to the first lamp in 40%."""
    verdicts = [{"verdict": "valid", "prob": 1.0, "count": None, "example": "explore"}]

    def rows() -> Iterator[dict[str, Any]]:
        for state in asked:
            go = Plan((Option("go to", state.description.sees[:1] or ("lamp1",)),))
            explore = Plan((Option("explore"),))
            shares = (PlanShare(explore, 0.6, str(explore)), PlanShare(go, 0.4, str(go)))
            instruction = SoftInstruction(state.description, shares)
            yield label_row("Lamps", 1, "sample", instruction, verdicts, Provenance("benchmark"))

    write_table(path, rows(), LABELS)


@contextmanager
def served(labels: Path, latency_ms: float, at_once: int) -> Iterator[tuple[str, int]]:
    """The replay server as a process of its own: its base URL and process id."""
    command = [sys.executable, "-c", "from stages.teacher import app; app()", "serve", "--labels", str(labels)]
    options = ["--port", "0", "--latency-ms", str(latency_ms), "--concurrency", str(at_once)]
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([*command, *options], cwd=root, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb() -> float:
    """Present resident size of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def settings(url: str, at_once: int, samples: int) -> Label:
    return Label(provider="openai", model="Lamps", base_url=url, concurrency=at_once, samples=samples, timeout_s=120.0)


def throughput(requests: int, at_once: int, latency_ms: float, samples: int) -> dict[str, Any]:
    """One labelling, one request per state."""
    from pipeline.teacher.teacher import ask

    with tempfile.TemporaryDirectory() as name:
        root, asked, task = Path(name), states(requests), LampTask()
        write_labels(root / "labels.parquet", asked)
        with served(root / "labels.parquet", latency_ms, at_once) as (url, server):
            chosen = settings(url, at_once, samples)
            ask(task, asked[:1], chosen, root)  # imports and first connection are no throughput
            begun, own, its = time.perf_counter(), time.process_time(), cpu_seconds(server)
            ask(task, asked, chosen, root)
            wall = time.perf_counter() - begun
            own, its = time.process_time() - own, cpu_seconds(server) - its
    limit = at_once / latency_ms * 1000
    machine = (cores()) * requests / (own + its)
    return {
        "latency_ms": latency_ms,
        "at_once": at_once,
        "samples": samples,
        "requests": requests,
        "requests_per_s": round(requests / wall, 1),
        "answers_per_s": round(requests * samples / wall, 1),
        "limit_per_s": limit,
        "share_of_limit": round(requests / wall / limit, 4),
        "machine_limit_per_s": round(machine, 1),
        "client_cpu_ms": round(1000 * own / requests, 3),
        "server_cpu_ms": round(1000 * its / requests, 3),
    }


def _label_many(url: str, count: int, samples: int, root: Path, out: Any) -> None:
    """In a process of its own: label, write the tables, and report its memory on the way."""
    from pipeline.teacher.teacher import ask

    at_start = resident_mb()
    asked = states(count)
    with_states = resident_mb()
    labelling = ask(LampTask(), asked, settings(url, 64, samples), root)
    asked_all = resident_mb()
    write_table(root / "labels.parquet", labelling.labels, LABELS)
    write_table(root / "responses.parquet", labelling.responses, RESPONSES)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    out.put({"start_mb": at_start, "with_states_mb": with_states, "asked_mb": asked_all, "peak_mb": peak})


def memory(count: int, samples: int) -> dict[str, Any]:
    """Label so many descriptions, with so many answers each, in a fresh process."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_labels(root / "served.parquet", states(count))
        with served(root / "served.parquet", 0.0, 64) as (url, _):
            context = multiprocessing.get_context("spawn")
            out = context.Queue()
            begun = time.perf_counter()
            process = context.Process(target=_label_many, args=(url, count, samples, root, out))
            process.start()
            found = out.get()
            process.join()
    rounded = {key: round(value, 1) for key, value in found.items()}
    return {"descriptions": count, "samples": samples, "seconds": round(time.perf_counter() - begun, 1), **rounded}


def distinct(rows: int, different: int) -> dict[str, Any]:
    """Reduce so many collected states to the different ones among them."""
    known = [
        {"task": "Lamps", "state_id": s.description.state_id, "sees": list(s.description.sees), "state_count": 1}
        for s in states(different)
    ]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "states.parquet"
        write_table(path, (known[number % different] for number in range(rows)), STATES)
        begun = time.perf_counter()
        found = read_states(path, "Lamps")
        seconds = time.perf_counter() - begun
    assert len(found) == min(rows, different)
    assert sum(state.visits for state in found) == rows
    return {"rows": rows, "distinct": len(found), "seconds": round(seconds, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - is stdout")
    parser.add_argument("--only", choices=["throughput", "memory", "distinct"])
    parser.add_argument("--at-once", type=int, nargs="+", default=[16, 256], help="what the server allows")
    parser.add_argument("--latency-ms", type=float, help=f"of the server; default: {LATENCY_MS:g}, and a slow one's")
    parser.add_argument("--samples", type=int, default=10, help="answers per description")
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--descriptions", type=int, default=100_000)
    chosen = parser.parse_args()
    figures: dict[str, Any] = {"cpus": cores()}
    if chosen.only in (None, "throughput"):
        figures["throughput"] = [
            throughput(chosen.requests, at_once, chosen.latency_ms or LATENCY_MS, chosen.samples)
            for at_once in chosen.at_once
        ]
        if chosen.latency_ms is None:
            figures["throughput"].append(throughput(*SLOW, chosen.samples))
    if chosen.only in (None, "memory"):
        figures["memory"] = memory(chosen.descriptions, chosen.samples)
    if chosen.only in (None, "distinct"):
        figures["distinct"] = distinct(1_000_000, 100_000)
    text = json.dumps(figures, indent=1)
    if chosen.json == "-":
        print(text)
        return
    if chosen.json:
        Path(chosen.json).write_text(text + "\n")
    for one in figures.get("throughput", []):
        print(
            f"{one['at_once']} at once in {one['latency_ms']:g} ms: {one['requests_per_s']} requests/s of"
            f" {one['limit_per_s']:g} ({one['share_of_limit']:.1%}), {one['answers_per_s']} answers/s;"
            f" this machine's own limit is {one['machine_limit_per_s']} with"
            f" CPU per request {one['client_cpu_ms']} ms here and {one['server_cpu_ms']} ms in the server"
        )
    if "memory" in figures:
        one = figures["memory"]
        asked = f"{one['descriptions']} descriptions, {one['samples']} answers each"
        print(f"{asked}: at most {one['peak_mb']} MB resident, in {one['seconds']} s")
    if "distinct" in figures:
        one = figures["distinct"]
        print(f"{one['rows']} collected states to {one['distinct']} distinct ones in {one['seconds']} s")


if __name__ == "__main__":
    main()
