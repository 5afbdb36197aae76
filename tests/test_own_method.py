"""A method of one's own, known by an entry point alone: through every stage, and shown in the report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import ROOT, TASK, llm4teach, publish, write_params

METHOD = "cloning"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where the example is installed beside the project, with params that ask for it, and a label table."""
    place = tmp_path_factory.mktemp("own")
    installed = place / "installed"
    about = installed / "cloning-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cloning\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[llm4teach.methods]\ncloning = cloning:Cloning\n")
    shutil.copy(ROOT / "examples/cloning.py", installed)
    write_params(place / "params.yaml", {"methods": ["llm4teach", METHOD], "schedules.tiny.i2": 12})
    publish(place)
    return place


@pytest.fixture(scope="module")
def run(folder: Path):
    """Runs a command there, and wants it to succeed."""
    paths = os.pathsep.join([str(folder / "installed"), str(ROOT)])

    def command(*arguments: str) -> str:
        done = llm4teach(folder, *arguments, env={**os.environ, "PYTHONPATH": paths})
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


def test_the_example_is_short() -> None:
    assert len((ROOT / "examples/cloning.py").read_text().splitlines()) <= 60


def test_every_stage_knows_it(run, folder: Path) -> None:
    run("check")
    run("collect", "--task", TASK)
    for method in ("llm4teach", METHOD):
        for stage in ("train", "finetune", "evaluate"):
            run(stage, "--task", TASK, "--method", method)
    run("evaluate", "--task", TASK, "--method", "llm")
    metrics = json.loads((folder / "data/evaluations" / TASK / f"{METHOD}.json").read_text())
    assert set(metrics) == {"sampled", "argmax"}
    students = folder / "data/students" / TASK / METHOD
    taught, final = (load_file(students / phase / "0/student.safetensors") for phase in ("taught", "final"))
    for name, value in taught.items():
        np.testing.assert_array_equal(final[name], value)  # nothing is learned once the teacher has left
    assert "Behaviour cloning" in run("report")
    page = (folder / "data/report/index.html").read_text()
    assert '<th scope="row">Behaviour cloning</th>' in page
    assert "<td>Behaviour cloning</td><td>0</td>" in page
    assert METHOD in json.loads((folder / "data/report/metrics.json").read_text())["success"]


def test_the_experiment_that_compares_methods_has_it(folder: Path) -> None:
    code = "from pipeline.experiments.catalogue import METHODS; print(*(one.method for one in METHODS.variants))"
    paths = os.pathsep.join([str(folder / "installed"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["llm4teach", "hierarchical", "rl", METHOD]
