"""5,000 damaged or lying label sets: each must be refused in one line, in less than 10 s; what a process
may take of memory is bounded by `Limits.memory`.

`make damage` runs it. The ways of damaging are those of the tests (`tests/label_sets/damage.py`), all kinds in turn.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "label_sets")]
    import damage as damaging  # in here, since each set is checked by a process that loads this file again
    from sets import make_set
    from test_damaged_sets import refusal, same_tables

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=5000)
    parser.add_argument("--show", action="store_true", help="print each refusal")
    arguments = parser.parse_args()
    found: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as place:
        whole = make_set(Path(place) / "whole")
        for number, (kind, rng) in enumerate(islice(damaging.damages(), arguments.sets)):
            folder = Path(shutil.copytree(whole, Path(place) / "damaged"))
            what = damaging.damage(folder, kind, rng)
            start = time.perf_counter()
            why = refusal(folder)
            took = time.perf_counter() - start
            slowest = max(slowest, took)
            if arguments.show:
                print(f"{number} {took:.2f} s {what}: {why}")
            if why is None:
                found["harmless" if same_tables(folder, whole) else "ACCEPTED"] += 1
                if not same_tables(folder, whole):
                    print(f"{number}: {kind.__name__}: {what}: accepted")
            else:
                found["refused" if why.isprintable() else "NOT IN ONE LINE"] += 1
            shutil.rmtree(folder)
    print(f"{arguments.sets} sets: {dict(found)}; slowest {slowest:.1f} s")
    sys.exit(bool(found.keys() - {"refused", "harmless"}))


if __name__ == "__main__":
    main()
