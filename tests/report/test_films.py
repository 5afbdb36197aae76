"""Films: what is played is what is in the file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.report.films import FRAME_MS, GAP, HEIGHT, LAST_FRAME_MS, film


class Corridor:
    """Walk right to the end: a white square on a row of ten cells; action 1 walks, action 2 falls into a hole."""

    def __init__(self, remembers: bool) -> None:
        self.unwrapped = self
        self.closed = False
        if remembers:
            self.render_memory = lambda tile: np.full((2 * tile, 2 * tile, 3), 40 + self.place, np.uint8)

    def reset(self, seed: int) -> tuple[int, dict[str, Any]]:
        assert type(seed) is int
        self.place = seed
        return self.place, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.place += action == 1
        return self.place, float(self.place == 9), self.place == 9 or action == 2, False, {}

    def render(self) -> np.ndarray:
        pixels = np.zeros((20, 200, 3), np.uint8)
        pixels[:, 20 * self.place : 20 * (self.place + 1)] = 255
        return pixels

    def close(self) -> None:
        self.closed = True


def task(env: Corridor, horizon: int = 30) -> Any:
    return SimpleNamespace(make_env=lambda **_: env, horizon=horizon, agents=1)


@pytest.mark.parametrize("remembers", [False, True])
def test_a_film_has_one_frame_per_state_and_holds_the_last(tmp_path: Path, remembers: bool) -> None:
    env = Corridor(remembers)
    outcome = film(task(env), lambda _: 1, np.int64(4), tmp_path / "films" / "f.gif")  # type: ignore[arg-type]
    assert outcome == {"success": True, "length": 5, "return": 1.0}
    assert env.closed
    with Image.open(tmp_path / "films" / "f.gif") as gif:
        assert gif.n_frames == 6
        assert gif.info["loop"] == 0
        width = 10 * HEIGHT + (HEIGHT + GAP if remembers else 0)
        assert gif.size == (width, HEIGHT)
        durations = []
        for frame in range(6):
            gif.seek(frame)
            durations.append(gif.info["duration"])
    assert durations == [FRAME_MS] * 5 + [LAST_FRAME_MS]


def test_a_death_is_no_success_and_the_horizon_ends_a_film(tmp_path: Path) -> None:
    assert film(task(Corridor(False)), lambda _: 2, 0, tmp_path / "f.gif")["success"] is False
    assert film(task(Corridor(False), horizon=7), lambda _: 0, 0, tmp_path / "f.gif")["length"] == 7
