"""Do the tests notice what breaks? Changes one thing in `pipeline/` at a time and runs the tests that cover it.

The changes are drawn at random from all that `mutants` knows, the same ones for the same seed. Each is made in a copy
of the checkout; the test files that run the changed line are run there, those named like the changed file first, up to
the first failure. A test that fails or hangs has noticed. Files that only show progress are left out.

What each test file covers is measured first, once per state of the code. Everything found is kept in `.mutation/`, so
that a stopped run goes on where it was. Prints each change and the ones that nobody noticed; exit code 1 if the tests
noticed less than --least of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import coverage
import psutil

from benchmarks.measure import ROOT
from benchmarks.mutants import Mutation, find, optional_arguments

KEPT = ROOT / ".mutation"
SHOWS_PROGRESS = ("pipeline/teacher/asking/progress.py", "pipeline/fan_out/view.py")
COMPILES = "from pipeline.compiled import"
COMPILING_S = 120
"""The most that compiling everything anew takes, which a change of one compiled function needs."""
Covers = dict[str, dict[str, Any]]
"""By test file: how many `seconds` it takes, and which `lines` of which file it runs."""


class Copy:
    """A copy of the checkout at a fixed place, because numba keeps machine code by the path of its source."""

    def __init__(self, number: int) -> None:
        self.folder = Path(tempfile.gettempdir()) / f"llm4teach-mutation-{number}"
        self._cache = self.folder.with_name(self.folder.name + "-cache")
        shutil.rmtree(self.folder, ignore_errors=True)
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(listing, cwd=ROOT, text=True).split("\0"):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)

    def run(self, arguments: Sequence[str], timeout: float | None = None) -> tuple[int, str]:
        """Exit code and output of a Python process in the copy; -1 if it took longer than `timeout` seconds."""
        paths = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": paths, "XDG_CACHE_HOME": str(self._cache), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output = process.communicate(timeout=timeout)[0]
            return process.returncode, output
        except subprocess.TimeoutExpired:
            return -1, ""
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def judge(self, mutation: Mutation, tests: Sequence[str], timeout: float) -> dict[str, Any]:
        """Make a change, run tests, and take it back: whether they noticed, and which did."""
        path = self.folder / mutation.path
        source, stamp = path.read_text(), path.stat()
        compiled = set(self._machine_code())
        begun = time.monotonic()
        path.write_text(mutation.apply(source))
        try:
            code, output = self.run(
                ["pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests], timeout
            )
        finally:
            path.write_text(source)
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # numba looks at it
            self._end_leftovers()
            for folder in set(self._machine_code()) - compiled:
                shutil.rmtree(folder)
        failed = [line.split(" - ")[0] for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
        by = "took too long" if code == -1 else failed[0] if failed else f"exit code {code}" if code else ""
        return {"noticed": code != 0, "by": by, "tests": list(tests), "seconds": round(time.monotonic() - begun, 1)}

    def _end_leftovers(self) -> None:
        """End what a broken program left running in the copy, such as a cluster that was told nothing."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(self.folder):
                    process.kill()

    def cover(self, test: str) -> dict[str, Any]:
        """What a test file covers; SystemExit if it fails with no change at all."""
        data = self.folder / ".coverage"
        begun = time.monotonic()
        code, output = self.run(
            ["coverage", "run", "--source=pipeline", f"--data-file={data}", "-m", "pytest", "-q", test]
        )
        if code:
            raise SystemExit(f"{test} fails though nothing was changed:\n{output[-3000:]}")
        found = coverage.CoverageData(data)
        found.read()
        lines = {str(Path(path).relative_to(self.folder)): found.lines(path) for path in found.measured_files()}
        return {"seconds": time.monotonic() - begun, "lines": {path: sorted(ran or ()) for path, ran in lines.items()}}

    def _machine_code(self) -> list[Path]:
        return list((self._cache / "llm4teach/compiled").glob("*"))


def sources() -> dict[str, str]:
    """Every file that is mutated, by its path."""
    found = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "pipeline").rglob("*.py"))}
    return {name: path.read_text() for name, path in found.items() if name not in SHOWS_PROGRESS}


def digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def covered(copy: Copy, code: Mapping[str, str], among: Sequence[str]) -> Covers:
    """What test files cover, measured where the test file or anything it loads has changed since."""
    file = KEPT / "coverage.json"
    known: Covers = json.loads(file.read_text()) if file.exists() else {}
    tests = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    tests = [test for test in tests if test.startswith(tuple(among))]

    def key(test: str) -> str:
        loaded = sorted(known[test]["lines"]) if test in known else ()
        return digest((ROOT / test).read_text(), *(code.get(path, "") for path in loaded))

    for number, test in enumerate(tests, 1):
        if test not in known or known[test]["key"] != key(test):
            print(f"{number}/{len(tests)}: what does {test} cover?", file=sys.stderr)
            known[test] = copy.cover(test)
            known[test]["key"] = key(test)
            file.write_text(json.dumps(known))
    return {test: known[test] for test in tests}


def chosen_tests(mutation: Mutation, covers: Covers, limit: float) -> list[str]:
    """The test files that run a changed line, are named after its file or import it; else all that load the file.

    The likeliest to notice come first, and those that would take more than `limit` seconds in all are left out.
    Compiled code seems to be run by all that load it; of these, the likeliest are named after its folder.
    """
    path = Path(mutation.path)
    module = ".".join(path.with_suffix("").parts)
    loads = [test for test, one in covers.items() if mutation.path in one["lines"]]
    runs = {test for test in loads if mutation.statement in covers[test]["lines"][mutation.path]}
    named = {test for test in loads if path.stem in Path(test).stem}
    imported = {test for test in loads if f"from {module} import" in (ROOT / test).read_text()}

    def order(test: str) -> tuple[bool, bool, bool, bool, float]:
        elsewhere = path.parent.name not in Path(test).stem
        return test not in named, test not in imported, test not in runs, elsewhere, covers[test]["seconds"]

    chosen: list[str] = []
    for test in sorted(runs | named | imported or loads, key=order):
        if chosen and sum(covers[one]["seconds"] for one in [*chosen, test]) > limit:
            break
        chosen.append(test)
    return chosen


def draw(places: list[list[Mutation]], count: int, seed: int) -> list[Mutation]:
    """`count` places, each with one of its changes; most are the same when the code has changed elsewhere."""
    met: Counter[tuple[str, str]] = Counter()
    ranks = []
    for place in places:
        what = place[0].path, place[0].before
        met[what] += 1
        ranks.append(int(digest(str(seed), *what, str(met[what])), 16))
    chosen = sorted(zip(ranks, places, strict=True), key=lambda pair: pair[0])[:count]
    return [place[rank % len(place)] for rank, place in chosen]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150, help="how many changes (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--only", nargs="+", metavar="PATH", default=["pipeline/"], help="files or folders to change")
    parser.add_argument(
        "--tests", nargs="+", metavar="PATH", default=["tests/"], help="files or folders of tests to run"
    )
    parser.add_argument("--limit", type=float, default=240, help="seconds of tests per change, about (default: 240)")
    parser.add_argument("--least", type=float, default=0.85, help="share that must be noticed (default: 0.85)")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every Nth change from the Kth on, for N at once")
    parser.add_argument("--again", action="store_true", help="judge once more what was not noticed")
    args = parser.parse_args()
    os.nice(10)
    KEPT.mkdir(exist_ok=True)
    results = KEPT / "results.jsonl"
    known = {one["id"]: one for one in map(json.loads, results.read_text().splitlines())} if results.exists() else {}
    code = sources()
    optional = optional_arguments(code.values())
    places = [
        place
        for path, source in code.items()
        if path.startswith(tuple(args.only))
        for place in find(path, source, optional)
    ]
    part, parts = map(int, args.part.split("/"))
    copy = Copy(part)
    covers = covered(copy, code, args.tests)
    found = []
    drawn = draw(places, args.count, args.seed)[part - 1 :: parts]
    for mutation in sorted(drawn, key=lambda one: COMPILES in code[one.path]):  # what must be compiled takes longest
        identity = digest(mutation.path, mutation.apply(code[mutation.path]))
        one = known.get(identity)
        if one is None or (args.again and not one["noticed"]):
            tests = chosen_tests(mutation, covers, args.limit)
            timeout = 60 + 4 * sum(covers[test]["seconds"] for test in tests)
            timeout += COMPILING_S if COMPILES in code[mutation.path] else 0
            one = {"id": identity, "change": str(mutation), **copy.judge(mutation, tests, timeout)}
            with results.open("a") as file:
                file.write(json.dumps(one) + "\n")
        print(f"{one['seconds']:6.1f} s  {'noticed ' if one['noticed'] else 'SURVIVED'}  {one['change']}", flush=True)
        found.append(one)
    survivors = [one["change"] for one in found if not one["noticed"]]
    share = 1 - len(survivors) / max(1, len(found))
    print(
        f"\n{len(found) - len(survivors)} of {len(found)} changes noticed ({share:.1%}); not noticed:",
        *survivors,
        sep="\n",
    )
    return int(share < args.least)


if __name__ == "__main__":
    sys.exit(main())
