"""Films: one episode in the reference environment as a small looping GIF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.files import naming
from pipeline.tasks.base import Task

HEIGHT = 200
TILE = 20
GAP = 8
FRAME_MS = 250
LAST_FRAME_MS = 2500
COLOURS = 64


def film(task: Task, act: Callable[[Any], Any], layout_seed: int, path: Path) -> dict[str, Any] | None:
    """Play one episode and write it as a GIF: what the agent remembers (where it can be drawn) beside what is there.

    act          takes the reference environment's observation, gives an action
    layout_seed  fixes the layout
    Returns `success`, `length` (steps) and `return` of the episode; None, and no file, for a task of several agents and
    for one whose environment draws no pictures.
    """
    if task.agents > 1:
        return None
    env = task.make_env(render_mode="rgb_array")
    if hasattr(env.unwrapped, "tile_size"):  # a grid world draws its tiles no larger than they are shown
        env.unwrapped.tile_size = TILE
    try:
        observation, _ = env.reset(seed=int(layout_seed))
        if not _draws(env):
            return None
        frames = [_frame(env)]
        total, ended, success = 0.0, False, False
        while not ended and len(frames) <= task.horizon:
            observation, reward, terminated, truncated, info = env.step(act(observation))
            total += float(reward)
            ended = terminated or truncated
            success = bool(info.get("success", terminated and reward > 0))
            frames.append(_frame(env))
    finally:
        env.close()
    write_gif(frames, path)
    return {"success": success, "length": len(frames) - 1, "return": total}


def _draws(env: Any) -> bool:
    """Whether an environment gives pictures; gymnasium's own answer of one that doesn't is NotImplementedError."""
    try:
        return isinstance(env.render(), np.ndarray)
    except NotImplementedError:
        return False


def _frame(env: Any) -> Image.Image:
    """What is there, with what is remembered to its left where the environment can draw that."""
    pictures = [_picture(env.render())]
    if hasattr(env.unwrapped, "render_memory"):
        pictures.insert(0, _picture(env.unwrapped.render_memory(TILE)))
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    frame = Image.new("RGB", (width, HEIGHT), (128, 128, 128))
    left = 0
    for picture in pictures:
        frame.paste(picture, (left, 0))
        left += picture.width + GAP
    return frame


def _picture(pixels: np.ndarray) -> Image.Image:
    """Pixels uint8[h, w, 3] at the common height. Nearest neighbour keeps colours few, and the file small."""
    picture = Image.fromarray(np.ascontiguousarray(pixels, np.uint8))
    return picture.resize((max(1, round(picture.width * HEIGHT / picture.height)), HEIGHT), Image.Resampling.NEAREST)


def write_gif(frames: list[Image.Image], path: Path) -> None:
    """Write RGB frames of one size as an endless GIF with one palette for all; the last frame is held."""
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, min(len(frames), 8)).astype(int)]
    sheet = Image.new("RGB", (frames[0].width, frames[0].height * len(chosen)))
    for number, frame in enumerate(chosen):
        sheet.paste(frame, (0, number * frame.height))
    palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    with naming(path):
        indexed[0].save(path, "GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0, disposal=1)
