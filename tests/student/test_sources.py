"""The hash of the code: it changes with what the code does, and with nothing else."""

from __future__ import annotations

import shutil
import sys
from importlib import import_module

import pytest

from pipeline.student.runs import sources
from pipeline.student.runs.sources import PACKAGE, meaning, sources_digest
from pipeline.tasks.registry import get_task


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package to change; the digest is that of the copy."""
    shutil.copytree(PACKAGE, tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "PACKAGE", tmp_path / "pipeline")
    return tmp_path / "pipeline"


def digest():
    sources._digest.cache_clear()
    return sources_digest(get_task("SimpleDoorKey"))


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("student/annealing.py", "return schedule.lambda_c", "return 0.0"),
        ("student/autograd/losses.py", "0.5 * (values", "1.0 * (values"),
        ("tasks/doorkey/guide.py", "if action != TERMINATED", "if action == TERMINATED"),
        ("instructions.py", "TOLERANCE = 1e-6", "TOLERANCE = 1e-5"),
    ],
)
def test_other_code_is_another_hash(package, file, old, new):
    before = digest()
    change(package / file, old, new)
    assert digest() != before


def test_words_change_nothing(package):
    before = digest()
    change(package / "student/annealing.py", "    decay =", "    # the slope\n    decay =")
    change(package / "student/annealing.py", "lambda_i of Eq. 3", "The weight of Eq. 3")
    change(package / "report/figures.py", "import", "# a report decides no student\nimport")
    assert digest() == before


def test_what_a_caller_adds(package):
    task = get_task("SimpleDoorKey")
    before = sources_digest(task, more=("evaluation.py",))
    assert before != sources_digest(task)
    change(package / "evaluation.py", "argmax(-1)", "argmin(-1)")
    sources._digest.cache_clear()
    assert sources_digest(task, more=("evaluation.py",)) != before


@pytest.mark.parametrize("layout", ["own_task.py", "own_package/own_task.py"])
def test_a_task_of_ones_own_counts(tmp_path, monkeypatch, layout):
    """Its module, and in a package also what lies beside it."""
    file = tmp_path / layout
    file.parent.mkdir(exist_ok=True)
    file.write_text("from pipeline.tasks.doorkey.task import DoorKeyTask\n\n\nclass Own(DoorKeyTask):\n    x = 1\n")
    name = layout.removesuffix(".py").replace("/", ".")
    if "." in name:
        (file.parent / "__init__.py").write_text("")
        (file.parent / "words.py").write_text("HELLO = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    task = import_module(name).Own("SimpleDoorKey", 150, "plain", ("key", "door"), get_task("SimpleDoorKey").prompt)
    found = [sources_digest(task), digest()]
    assert found[0] != found[1]
    for changed in [file, *(file.parent / "words.py" for _ in range("." in name))]:
        change(changed, "= 1", "= 2")
        sources._digest.cache_clear()
        found.append(sources_digest(task))
    assert len(set(found)) == len(found)


def test_a_method_of_ones_own_counts_beside_the_task(tmp_path, monkeypatch):
    file = tmp_path / "own_method.py"
    file.write_text("from pipeline.student.methods.rl import RL\n\n\nclass Own(RL):\n    x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_method", raising=False)
    task, method = get_task("SimpleDoorKey"), import_module("own_method").Own()
    before = sources_digest(task, method)
    change(file, "x = 1", "x = 2")
    sources._digest.cache_clear()
    assert sources_digest(task, method) != before


def test_meaning_keeps_text_that_is_used():
    assert meaning('def f():\n    """Say."""\n    return "a"\n') == meaning('def f():  # x\n    return "a"')
    assert meaning('def f():\n    return "a"') != meaning('def f():\n    return "b"')
