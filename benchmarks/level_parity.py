"""Is the compiled world exact? Compares it with every covered stock level step by step (`make parity`).

Exit code 1 if an image, reward or end differs anywhere.
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

sys.path.pop(0)  # this folder, whose `profile` would hide Python's own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import common_options, report
from pipeline.fan_out import cores
from pipeline.tasks.minigrid.coverage import stock_levels
from pipeline.tasks.minigrid.stock_parity import StockParity, compare_with_stock

LONGEST = 500


def compare(work: tuple[str, int]) -> tuple[str, StockParity]:
    """So many episodes of one level."""
    name, episodes = work
    return name, compare_with_stock(name, episodes, LONGEST, seed=0)


def main() -> int:
    parser = common_options(__doc__)
    parser.add_argument("--episodes", type=int, default=20, help="per level (default: 20)")
    parser.add_argument("--workers", type=int, default=cores(), help="processes (default: one per core)")
    args = parser.parse_args()
    levels = [level.name for level in stock_levels() if not level.why]
    rows, results = [], []
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for name, found in pool.imap(compare, [(name, args.episodes) for name in levels]):
            rows.append([name, f"{found.steps:,}", f"{found.ended:,}", found.difference or "none"])
            results.append({"level": name, **vars(found)})
    report(("level", "steps", "ended by the level", "differences"), rows, results, args.json)
    total = sum(result["steps"] for result in results)
    differing = sum(bool(result["difference"]) for result in results)
    print(f"{len(levels)} levels, {total:,} steps, {differing} levels differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
