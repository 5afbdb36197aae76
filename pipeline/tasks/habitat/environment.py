"""One home as a gymnasium environment, and options followed from what its robot observes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from pipeline.instructions import Option, options_of
from pipeline.tasks.base import OptionStep, Task
from pipeline.tasks.habitat.batch import NavPickBatch
from pipeline.tasks.habitat.options import (
    GRAMMAR,
    PICK,
    PICKABLE,
    PLACE,
    STOPPING,
    TARGET,
    Layers,
    load_options,
    run_network,
)
from pipeline.tasks.habitat.world import ACTIONS, GRIPPING, STOP


class NavPickEnv(gymnasium.Env):
    """A compiled world by itself; `reset(seed=...)` fixes the layout, and `info` says `success`."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012 (gymnasium's own)

    def __init__(self, task: Task, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = task.observation_space
        self.action_space = spaces.Box(task.space.low, task.space.high, (task.space.size,), np.float32)
        batch = task.make_batch(1, 0, None, None)
        assert isinstance(batch, NavPickBatch)
        self._batch = batch

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        super().reset(seed=seed)
        layout = int(self.np_random.integers(2**32)) if seed is None else seed
        self._batch.reset(np.array([layout], np.uint32))
        return self._row(self._batch.observation), {"success": False}

    def step(self, action: np.ndarray) -> Any:
        finished = self._batch.step(np.asarray(action)[None])
        shown = finished.last_observation if finished.done[0] else self._batch.observation
        return (
            self._row(shown), float(finished.reward[0]), bool(finished.terminated[0]), bool(finished.truncated[0]),
            {"success": bool(finished.success[0])},
        )  # fmt: skip

    def render(self) -> np.ndarray | None:
        """The home from above beside what the head camera sees; uint8[height, width, 3]."""
        from pipeline.tasks.habitat.picture import draw

        if self.render_mode != "rgb_array":
            return None
        return draw(self._batch.worlds[0], self._batch.observation["head_depth"][0, :, :, 0])

    @staticmethod
    def _row(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: array[0].copy() for name, array in arrays.items()}


@cache
def _nets() -> tuple[Layers, Layers]:
    return load_options()


def follow(option: Option, observation: Mapping[str, Any], deviation: float) -> OptionStep:
    """One step of an option; the ways to other receptacles than the target's are not part of an observation, so those
    options can't go on here (batches know them)."""
    number = options_of(GRAMMAR).index(option)
    seen = {name: np.asarray(value, np.float32).reshape(-1) for name, value in observation.items()}
    action = np.zeros(ACTIONS, np.float32)
    action[STOP] = -1
    holds = ("", TARGET, "different object")[int(seen["situation"][8:11].argmax())]
    contact, holding, joints, grip = seen["contact"], seen["is_holding"], seen["joint"], seen["ee_pos"]
    away, aside = seen["obj_start_gps_compass"]
    if number < PICK:
        if number == 0 and seen["situation"][0]:
            return OptionStep(None, True)
        if number:
            return OptionStep(None, False)
        metres, ahead, left = seen["route"]
        place = (min(away, 4.0) / 4, np.cos(aside), np.sin(aside))
        inputs = np.concatenate([[min(metres, 4.0) / 4, ahead, left, *place], contact, holding, joints])
        run_network(_nets()[0], inputs.astype(np.float32), action)
    elif number < PLACE:
        if holds == option.args[0]:
            return OptionStep(None, True)
        if holds or number > PICK or away >= PICKABLE:
            return OptionStep(None, False)
        to_target = seen["obj_start_sensor"]
        reach = 4 * to_target.clip(-0.5, 0.5)
        inputs = np.concatenate([to_target + grip, grip, reach, contact, holding, joints])
        run_network(_nets()[1], inputs.astype(np.float32), action)
    elif number < STOPPING:
        if holds != option.args[0]:
            return OptionStep(None, True)
        action[GRIPPING] = -1
    else:
        action[GRIPPING], action[STOP] = 1, 1
    return OptionStep(action, False, np.full(ACTIONS, deviation, np.float32))
