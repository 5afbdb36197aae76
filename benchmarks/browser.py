"""The exported page in a real browser: episodes equal the engine's on 25 held-out layouts per task, sampled.

`make browser` runs it (it needs Chromium). Prints the page's size, how long the browser takes for the whole call, and
decisions per second in the page's own language engine, V8. Ends with 1 if a single step differs.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from py_mini_racer import MiniRacer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "export")]

from exported import save_random_student  # noqa: E402
from test_page import LAYOUTS, by_engine  # noqa: E402

from pipeline.export.page import page  # noqa: E402
from pipeline.registry import TASKS  # noqa: E402
from pipeline.tables import read_instructions  # noqa: E402
from pipeline.tasks.registry import get_task  # noqa: E402

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS_OF_DECISIONS = """
const world = new World(DATA.task, DATA.layouts[0]), start = Date.now();
let decisions = 0;
while (Date.now() - start < 1000) { student.probabilities(world); decisions++; }
decisions * 1000 / (Date.now() - start);
"""


def main() -> None:
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"none of {', '.join(NAMES)} is installed; on Debian: apt-get install chromium")
    wrong = 0
    with tempfile.TemporaryDirectory() as place:
        for name in TASKS.built_in:
            folder = save_random_student(Path(place) / name, name)
            labels = read_instructions(ROOT / "data/published/doorkey" / name / "labels.parquet", name)
            text = page(get_task(name), folder, labels)
            path = Path(place) / f"{name}.html"
            path.write_text(text)
            start = time.perf_counter()
            command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={place}/profile"]
            command += ["--dump-dom", f"file://{path}#record={LAYOUTS},sampled"]
            dumped = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
            took = time.perf_counter() - start
            episodes = json.loads(html.unescape(re.sub(r"<[^>]*>", "", dumped[dumped.index("<body") :])).strip())
            wanted = by_engine(name, folder, True)
            same = sum(
                [(step["sentence"], step["action"]) for step in one["steps"]] == [step[:2] for step in two["steps"]]
                and one["end"] == two["end"]
                for one, two in zip(episodes, wanted, strict=True)
            )
            wrong += LAYOUTS - same
            context = MiniRacer()
            for part in ("doorkey", "network"):
                context.eval((ROOT / "pipeline/export" / f"{part}.js").read_text())
            data = text.split("const DATA = ")[1].split(";</script>")[0]
            context.eval(f"var DATA = {data}; var student = new Student(DATA.weights, DATA.kinds);")
            speed = context.eval(SECONDS_OF_DECISIONS)
            print(f"{name:16} {len(text.encode()) / 1000:.0f} kB; {same} of {LAYOUTS} episodes equal the engine's")
            print(f"{'':16} {took:.1f} s with the browser's start; {speed:,.0f} decisions/s")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
