"""The whole report from made-up files: self-contained, escaped, and honest about what is missing."""

from __future__ import annotations

import csv
import json
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from synthetic import HOSTILE, params, write_evaluation, write_labels, write_student

from pipeline.json_file import JsonError
from pipeline.report.labels import LabelReport
from pipeline.report.page import render
from pipeline.report.task_report import TaskReport
from pipeline.results.published_results import published_results
from pipeline.tables import TableError
from stages.report import report

DATA = "data"


class Page(HTMLParser):
    """Everything in a page that could load or run something, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.text += " ".join(data.split()) + " "

    def values(self, *names: str) -> list[str]:
        return [value for _, attrs in self.tags for name in names if (value := attrs.get(name))]


@pytest.fixture(scope="module", autouse=True)
def actors() -> Iterator[None]:
    """Students and teachers that turn left for ever, in place of `pipeline.evaluation`'s."""
    fake = ModuleType("pipeline.evaluation")

    def student_actor(_task: Any, student_dir: Path, _seed: int) -> Callable[[Any], int]:
        if not (student_dir / "config.json").exists():
            raise FileNotFoundError(f"{student_dir.name}: no such student")
        return lambda _: 0

    fake.student_actor = student_actor  # type: ignore[attr-defined]
    fake.teacher_actor = lambda *_: lambda _: 0  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pipeline.evaluation", fake)
        yield


def write_all(root: Path) -> Path:
    """Everything that the other stages would have written of one task."""
    data = root / DATA
    write_evaluation(data, "SimpleDoorKey", "llm", [None], 1.0)
    write_evaluation(data, "SimpleDoorKey", "llm4teach", [0, 1], 1.0)
    for seed in (0, 1):
        write_student(data, "SimpleDoorKey", "llm4teach", seed)
    write_labels(data, "SimpleDoorKey", unlabelled=1)
    return root


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write_all(tmp_path)


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report in which nothing is missing."""
    return report(params(), write_all(tmp_path_factory.mktemp("full")))


def test_the_page_stands_alone_and_escapes_the_teacher(page_path: Path) -> None:
    html = page_path.read_text()
    page = Page(html)
    assert {"script", "iframe", "link", "object", "embed", "form"}.isdisjoint(tag for tag, _ in page.tags)
    assert all(value.startswith("data:image/") for value in page.values("src", "srcset"))
    assert all(h.startswith("#") or h == published_results().url for h in page.values("href"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "url(" not in html
    assert "@import" not in html
    assert HOSTILE not in html
    assert f"go to <{HOSTILE}>" in page.text  # shown as it is, not dropped
    assert "unknown option" in page.text


def test_the_page_says_what_was_run_and_how_it_went(page_path: Path) -> None:
    page = Page(page_path.read_text())
    assert "Beside the paper’s, the success of LLM4Teach is higher on 1 of 1 task." in page.text
    assert "come from published (a model)." in page.text
    assert "plays 1000 held-out layouts per task" in page.text
    assert "SimpleDoorKey LLM4Teach 0, 1 22,913 egocentric fast 0.49M" in " ".join(page.text.split())
    assert "Intervals are for new students on new layouts" in page.text
    assert "66.7% of collected descriptions" in page.text
    assert "80.0% of visits covered" in page.text
    assert "Without a label: The agent observes a box 0" in page.text
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    ids = set(page.values("id"))
    assert all(target[1:] in ids for target in page.values("href") if target.startswith("#"))


def test_models_are_named_once_and_in_order() -> None:
    tasks = []
    for model in "gecdafbg":
        labels = LabelReport("T", (), 1, "openai", f"model {model}", "sample", None, None, 0.0, ())
        tasks.append(TaskReport("T", [], labels=labels))
    models = ", ".join(f"openai (model {letter})" for letter in "abcdefg")
    assert f"come from {models}." in " ".join(Page(render(params(), tasks)).text.split())


def test_the_files_beside_the_page(page_path: Path) -> None:
    out = page_path.parent
    assert sorted(path.name for path in (out / "films").iterdir()) == [
        "SimpleDoorKey-student.gif",
        "SimpleDoorKey-teacher.gif",
    ]
    for theme in ("light", "dark"):
        assert len(list((out / "figures" / theme).iterdir())) == 3  # steps, seconds, teacher
    assert json.loads((out / "metrics.json").read_text())["success"].keys() == {"llm", "llm4teach"}
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["acting"], row["mark"]) for row in rows] == [
        ("llm", "sampled", "level"),
        ("hierarchical", "", ""),
        ("rl", "", ""),
        ("llm4teach", "sampled", "higher"),
        ("llm4teach", "argmax", "higher"),
    ]


def test_page_table_and_files_say_the_same_of_a_baseline(page_path: Path) -> None:
    (line,) = [line for line in (page_path.parent / "table.txt").read_text().splitlines() if "LLM alone" in line]
    assert line.split()[-1] == "level"
    page = Page(page_path.read_text())
    assert "● level" in page.text


def test_the_table_is_whole_and_tells_the_interval_and_the_students_range(page_path: Path) -> None:
    text = (page_path.parent / "table.txt").read_text()
    assert "…" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    (line,) = [line for line in text.splitlines() if "LLM4Teach" in line]
    # Two students of 200 episodes each, of which none fails: z^2 / (200 + z^2) = 1.9% below.

    assert line.split()[-3:] == ["98.1–100%", "100%", "higher"]
    assert [line.split()[0] for line in text.splitlines()[4:8]] == ["SimpleDoorKey", "Hierarchical", "RL,", "LLM4Teach"]
    with (page_path.parent / "table.csv").open(newline="") as file:
        teacher, *_, student, _ = csv.DictReader(file)
    assert (student["success_worst"], student["success_best"]) == ("1.0", "1.0")
    assert teacher["success_worst"] == teacher["success_best"] == ""


def test_pictures_keep_their_place_before_they_are_loaded(page_path: Path) -> None:
    """Otherwise the page grows while it is read, and links land short of their targets."""
    images = [attrs for tag, attrs in Page(page_path.read_text()).tags if tag == "img"]
    assert len(images) == 3 + 2 * 2  # curves and the teacher's share; films and their stills
    for attrs in images:
        with Image.open(BytesIO(b64decode((attrs["src"] or "").partition(",")[2]))) as picture:
            assert (attrs["width"], attrs["height"]) == tuple(map(str, picture.size))
    assert "height: auto" in page_path.read_text()  # where a picture is shown smaller, its height follows


def test_a_film_can_be_paused_without_a_script(page_path: Path) -> None:
    html = page_path.read_text()
    tags = Page(html).tags
    switches = [attrs for tag, attrs in tags if tag == "input"]
    labels = [attrs["for"] for tag, attrs in tags if tag == "label"]
    assert (
        [switch["id"] for switch in switches] == labels == ["film-SimpleDoorKey-student", "film-SimpleDoorKey-teacher"]
    )
    films = [attrs for tag, attrs in tags if tag == "img" and attrs.get("class") in ("moving", "still")]
    for moving, still in zip(films[::2], films[1::2], strict=True):
        assert (moving["class"], still["class"]) == ("moving", "still")
        frames = [Image.open(BytesIO(b64decode((each["src"] or "").partition(",")[2]))) for each in (moving, still)]
        assert [getattr(frame, "n_frames", 1) > 1 for frame in frames] == [True, False]
        first, shown = (np.asarray(frame.convert("RGB")) for frame in frames)
        assert (first == shown).all()
    style = " ".join(html.split("<style>")[1].split("</style>")[0].split())
    assert ".switch:checked ~ .moving" in style.split("@media (prefers-reduced-motion")[0].partition("display: none")[0]
    reduced = style.split("@media (prefers-reduced-motion: reduce) {")[1].split("} }")[0]
    assert reduced.index(".player .moving") < reduced.index("display: none")  # who wants less motion starts the film


def test_our_success_stands_first_so_that_it_is_seen_on_a_narrow_screen(page_path: Path) -> None:
    card = page_path.read_text().split('<article class="card">')[1]
    assert card.split("<h3>")[1].startswith("SimpleDoorKey</h3>")  # no mark beside a name that fills the line
    rows = page_path.read_text().split('<table class="results">')[1].split("</table>")[0].split("<tr")
    (ours,) = [row for row in rows if "LLM4Teach" in row]
    cells = [" ".join(cell.split("</td>")[0].split(">", 1)[1].split()) for cell in ours.split("<td")[1:]]
    assert cells[:4] == [
        "<b>100%</b><br><small>98.1–100%</small>",
        "96.4%",
        '<span class="mark higher">▲ higher</span>',
        "100%",
    ]


def test_a_second_report_is_the_same_and_prints_the_table(page_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = page_path.read_bytes()
    assert report(params(), page_path.parents[2]).read_bytes() == first
    said = capsys.readouterr()
    assert "30.5 / 0.81 / 96.4%" in said.out
    assert "index.html" in said.out
    assert "SimpleDoorKey" in said.err


def test_what_is_missing_is_said_in_words(tmp_path: Path) -> None:
    page = Page(report(params(), tmp_path).read_text())
    for words in (
        "the evaluation of llm (data/evaluations/SimpleDoorKey/llm.parquet)",
        "students of llm4teach (data/students/SimpleDoorKey/llm4teach)",
        "the label table (data/labels/SimpleDoorKey/labels.parquet)",
        "Nothing was evaluated yet",
        "no training log",
        "No student was trained with a teacher",
        "No film",
    ):
        assert words in page.text


def test_a_student_without_weights_is_reported_not_filmed(tmp_path: Path) -> None:
    write_evaluation(tmp_path / DATA, "SimpleDoorKey", "llm4teach", [0], 1.0)
    path = report(params(), tmp_path)
    assert "a film of the student (0: no such student)" in Page(path.read_text()).text
    assert not (path.parent / "films").exists()


def test_a_broken_evaluation_table_is_an_error_and_no_page(full: Path) -> None:
    path = full / DATA / "evaluations" / "SimpleDoorKey" / "llm4teach.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TableError, match=r"llm4teach\.parquet: not a whole Parquet file"):
        report(params(), full)
    assert not (full / DATA / "report" / "index.html").exists()


def test_a_broken_config_is_named(full: Path) -> None:
    path = full / DATA / "students" / "SimpleDoorKey" / "llm4teach" / "final" / "1" / "config.json"
    path.write_text("[1, 2]")
    with pytest.raises(JsonError, match=r"1/config\.json: wanted keys and values"):
        report(params(), full)


def test_nothing_of_the_report_imports_torch() -> None:
    import subprocess

    code = "import stages.report, sys; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
