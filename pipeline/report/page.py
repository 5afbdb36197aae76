"""The report page: one HTML file with everything in it, that opens offline and escapes whatever an LLM produced."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from pipeline.analysis.ablations import in_points
from pipeline.analysis.sample_efficiency import in_a_sentence as steps_in_a_sentence
from pipeline.analysis.sample_efficiency import titles as compared_titles
from pipeline.params import Params
from pipeline.printing import amount, number, percent, span
from pipeline.report.analysis import ERROR_WORDS, Analysis
from pipeline.report.comparison import MARKS, by_student, in_a_sentence, interval
from pipeline.report.labels import SHOWN, LabelReport
from pipeline.report.paper_report import PaperReport
from pipeline.report.runs import versions
from pipeline.report.task_report import TaskReport
from pipeline.results.published_results import published_results
from pipeline.student.methods.llm4teach import LLM4Teach

HERE = Path(__file__).parent
MEDIA_TYPES = {".png": "image/png", ".gif": "image/gif"}


def render(
    params: Params, tasks: Sequence[TaskReport], paper: PaperReport | None = None, analysis: Analysis | None = None
) -> str:
    """The page as HTML, with the experiments and analyses or without."""
    published = published_results()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    written = (percent, span, interval, by_student, amount, number, in_points, data_uri, still, size)
    environment.filters.update({function.__name__: function for function in written})
    return environment.get_template("template.html").render(
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        params=params,
        tasks=tasks,
        paper=paper,
        analysis=analysis,
        published=published,
        versions=versions(),
        reference=LLM4Teach.name,
        marks=dict(zip(MARKS.values(), "▲●▼", strict=True)),
        shown=SHOWN,
        error_words=ERROR_WORDS,
        compared_titles=compared_titles,
        steps_in_a_sentence=steps_in_a_sentence,
        answered_by=sorted({answered_by(one.labels) for one in tasks if one.labels}),
        outcome=outcome(tasks),
        in_the_paper=any(published.figures.get(task.name) for task in tasks),
        sentences={task.name: in_a_sentence(task.headline, published) for task in tasks if task.headline},
        evaluated={row.method for task in tasks for row in task.comparisons if row.main},
        fewest=min((len(group.seeds) for task in tasks for group in task.students), default=0),
    )


def data_uri(path: Path) -> str:
    """A picture as a `data:` URI."""
    return _uri(MEDIA_TYPES[path.suffix], path.read_bytes())


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def still(path: Path) -> str:
    """A film's first frame as a `data:` URI: what is shown while it pauses."""
    content = BytesIO()
    with Image.open(path) as film:
        film.save(content, "PNG", optimize=True)
    return _uri("image/png", content.getvalue())


def size(path: Path) -> str:
    """A picture's size as attributes, so that the page is laid out before it loads, and links meet their targets."""
    with Image.open(path) as picture:
        return Markup('width="{}" height="{}"').format(*picture.size)


def answered_by(labels: LabelReport) -> str:
    """Who answered as the teacher: the provider, and its model where the table says it."""
    return f"{labels.provider} ({labels.model})" if labels.model else labels.provider


def outcome(tasks: Sequence[TaskReport]) -> str:
    """What came out, in one sentence: beside the paper, or where the paper has no figures, by itself."""
    rows = [task.headline for task in tasks if task.headline]
    if not rows:
        return "Nothing was evaluated yet."
    title = " or ".join(dict.fromkeys(row.title for row in rows))
    marks = [row.mark for row in rows if row.mark]
    if not marks:
        each = [f"{percent(row.main.success.value)} on {row.task}" for row in rows if row.main]
        return f"{title} succeeds in {', '.join(each)}."
    counts = ", ".join(f"{word} on {marks.count(word)}" for word in MARKS.values() if word in marks)
    return (
        f"Beside the paper’s, the success of {title} is {counts} of {len(marks)} task{'s' if len(marks) > 1 else ''}."
    )
