"""A student as one page of plain JavaScript: it opens from disk, offline, and plays held-out layouts live."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from pipeline.instructions import SoftInstruction
from pipeline.student.runs.saved import StudentError, load_student, read_config
from pipeline.tasks.base import Task
from pipeline.tasks.doorkey.engine import layout_codes
from pipeline.tasks.doorkey.task import DoorKeyTask
from pipeline.tasks.minigrid_numbers import BLUE, YELLOW
from pipeline.tasks.spaces import CellMap

LAYOUTS = 1000
"""Held-out layouts that the page has with it."""
_HERE = Path(__file__).parent
_WEIGHTS = ("trunk.embedding.weight", "trunk.embedding_bias", "trunk.hidden.weight", "trunk.hidden.bias",
            "heads.weight", "heads.bias")  # fmt: skip


def page(task: Task, folder: Path, labels: Mapping[str, SoftInstruction], layouts: int = LAYOUTS) -> str:
    """The page of a saved student, as HTML.

    labels  what its teacher said, by state_id; may be empty

    Raises StudentError for what a page can't play: another suite than DoorKey, another network than the egocentric one,
    or a student with a memory of its own.
    """
    config = read_config(folder)
    if not isinstance(task, DoorKeyTask):
        raise StudentError(f"--format html: {task.name}: only DoorKey tasks can be played in a page")
    if config["network"] != "egocentric" or config.get("memory", "none") != "none":
        raise StudentError(
            f"--format html: {folder}: has network {config['network']!r} and memory {config.get('memory', 'none')!r};"
            " the page knows the egocentric network without memory"
        )
    text = (_HERE / "page.html").read_text()
    scripts = {name: Markup((_HERE / f"{file}.js").read_text())
               for name, file in (("game", "doorkey"), ("network", "network"), ("page", "page"))}  # fmt: skip
    template = Environment(autoescape=True).from_string(text)
    return template.render(
        title=f"A student of {task.name}",
        about=f"{config.get('method', 'student')}, trained by LLM4Teach; all that it knows is in this page.",
        data=Markup(in_script(page_data(task, folder, labels, layouts))),
        **scripts,
    )


def page_data(
    task: DoorKeyTask, folder: Path, labels: Mapping[str, SoftInstruction], layouts: int = LAYOUTS
) -> dict[str, Any]:
    """What the page knows: the task, the weights, what cells are to the network, layouts, the teacher's plans."""
    weights = load_student(task, folder).weights()
    cells = task.observation_space["map"]
    assert isinstance(cells, CellMap)
    flat = np.concatenate([np.ravel(weights[name]) for name in _WEIGHTS]).astype("<f4")
    return {
        "task": {
            "name": task.name,
            "horizon": task.horizon,
            "naming": task.naming,
            "colour": BLUE if task.colours_matter else YELLOW,
        },
        "weights": base64.b64encode(flat.tobytes()).decode(),
        "kinds": cells.kinds.tolist(),
        "layouts": layout_codes(task.name, task.layout_seeds("test", layouts)).tolist(),
        "labels": {one.description.sentence: _plans(one) for one in labels.values()},
    }


def _plans(instruction: SoftInstruction) -> list[tuple[str, float]]:
    plans = [(str(share.plan), share.prob) for share in instruction.shares]
    return [*plans, ("(no usable plan)", instruction.residual)] if instruction.residual else plans


def in_script(content: Any) -> str:
    """JSON that stays data within a script element, whatever text is in it."""
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
