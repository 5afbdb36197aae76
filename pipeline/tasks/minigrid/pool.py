"""Layouts of a level, drawn by its own generator in worker processes and kept on disk.

They are kept in `$XDG_CACHE_HOME/llm4teach/layouts/` (else `~/.cache/...`), in blocks of BLOCK seeds; the folder's name
holds the package's version and a hash of the level's settings and source, so that another generator never meets them.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.fan_out import cores
from pipeline.tasks.minigrid.layouts import draw
from pipeline.tasks.minigrid.levels import make_stock, package_version
from pipeline.tasks.minigrid.world import LAYOUT

BLOCK = 256
"""Seeds whose layouts are kept in one file."""


@dataclass(frozen=True)
class Layouts:
    """Layouts of some seeds.

    records   LAYOUT[count]
    missions  the mission of each, in words
    """

    records: np.ndarray
    missions: list[str]


def layouts(name: str, seeds: np.ndarray) -> Layouts:
    """The layouts of some seeds (integers [count]) of a level; drawn, where they are not on disk, on all cores.

    Raises NotCovered for a level that can't be played.
    """
    blocks, place = np.unique(np.asarray(seeds, np.int64) // BLOCK, return_inverse=True)
    folder = _folder(name)
    _draw_blocks(name, [block for block in blocks.tolist() if not (folder / f"{block}.npz").exists()])
    found = [_load(folder / f"{block}.npz") for block in blocks.tolist()]
    places = place * BLOCK + np.asarray(seeds, np.int64) % BLOCK
    missions = [mission for block in found for mission in block.missions]
    records = np.concatenate([block.records for block in found])
    return Layouts(records[places], [missions[k] for k in places.tolist()])


def _draw_blocks(name: str, blocks: list[int]) -> None:
    workers = min(len(blocks), cores())
    if workers <= 1:
        for block in blocks:
            draw_block(name, block)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(draw_block, name, block) for block in blocks]:
            done.result()


def draw_block(name: str, block: int) -> None:
    """Draw the layouts of one block of seeds and put them on disk."""
    env = make_stock(name)
    drawn = [draw(env, seed) for seed in range(block * BLOCK, (block + 1) * BLOCK)]
    file = _folder(name) / f"{block}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{block}.{os.getpid()}.part.npz")
    np.savez_compressed(
        part,
        records=np.array([record for record, _ in drawn], LAYOUT),
        missions=np.array([mission for _, mission in drawn]),
    )
    part.replace(file)  # a reader meets the whole file or none


def _load(file: Path) -> Layouts:
    with np.load(file) as arrays:
        return Layouts(arrays["records"], arrays["missions"].tolist())


@functools.cache
def _folder(name: str) -> Path:
    """Where a level's layouts are kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "llm4teach" / "layouts" / f"minigrid-{package_version()}" / f"{name}-{_generator_hash(name)}"


def _generator_hash(name: str) -> str:
    """16 hex digits over what decides a level's layouts: its settings, the sources of its classes, and how we read."""
    env = make_stock(name)
    digest = hashlib.sha256(repr(LAYOUT.descr).encode())
    digest.update(repr(sorted(env.spec.kwargs.items())).encode())
    sources = {inspect.getsourcefile(cls) for cls in type(env).__mro__ if cls is not object}
    sources.add(inspect.getsourcefile(draw))
    for source in sorted(source for source in sources if source is not None):
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()[:16]
