"""The report page: one HTML file with everything in it, that opens offline and escapes whatever an LLM produced."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from pipeline.params import Params
from pipeline.report.analysis import ERROR_WORDS, Analysis, departures_in_words
from pipeline.report.comparison import BESIDE, Mark, by_student, interval, percent, span, verdict
from pipeline.report.figures import amount
from pipeline.report.labels import SHOWN
from pipeline.report.paper_report import PaperReport
from pipeline.report.published_results import METHOD_TITLES, PublishedResults, published_results
from pipeline.report.runs import Students, versions
from pipeline.report.task_report import TaskReport
from pipeline.report.worth import TITLES, worth_in_words

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
    written = (percent, span, interval, by_student, amount, number, data_uri, still, size)
    environment.filters.update({function.__name__: function for function in written})
    return environment.get_template("template.html").render(
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        params=params,
        tasks=tasks,
        paper=paper,
        analysis=analysis,
        published=published,
        versions=versions(),
        titles=METHOD_TITLES,
        marks={Mark.BEAT: "▲", Mark.MATCH: "●", Mark.MISS: "▼"},
        beside=BESIDE,
        shown=SHOWN,
        error_words=ERROR_WORDS,
        departures_in_words=departures_in_words,
        worth_titles=TITLES,
        worth_in_words=worth_in_words,
        what_was_run=what_was_run(params, tasks),
        outcome=outcome(tasks),
        verdicts={task.name: verdict(task.headline, published) for task in tasks if task.headline},
        caveats=caveats(params, tasks, published),
    )


def number(value: float) -> str:
    """A count or an amount with as many digits as say something: `12,345`, `3.2`, `0.017`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


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


def what_was_run(params: Params, tasks: Sequence[TaskReport]) -> str:
    """Tasks, teacher, students and evaluation in a few sentences."""
    sources = sorted({task.labels.provider for task in tasks if task.labels})
    models = sorted({task.labels.model for task in tasks if task.labels and task.labels.model})
    teacher = f"the label provider “{', '.join(sources) or params.label.provider}”"
    if models:
        teacher += f" (model: {', '.join(models)})"
    text = [f"A teacher’s answers, asked for once and kept in a table, come from {teacher}."]
    groups = [group for task in tasks for group in task.students]
    for method in dict.fromkeys(group.method for group in groups):
        mine = [group for group in groups if group.method == method]
        counts = [len(group.seeds) for group in mine]
        text.append(
            f"{METHOD_TITLES.get(method, method)}: {_range(counts)} student{'s' if max(counts) > 1 else ''} per task, "
            f"each trained for {_range([g.env_steps for g in mine], lambda x: amount(x, 'env_steps'))} environment "
            f"steps in {_range([g.seconds for g in mine], lambda x: amount(x, 'seconds'))}{_shape(mine)}."
        )
    evaluated = [row.main for task in tasks for row in task.comparisons if row.main]
    if evaluated:
        layouts = _range([ours.layouts for ours in evaluated])
        text.append(f"Each was then tried on {layouts} held-out layouts per task, one episode each.")
    return " ".join(text)


def _shape(groups: Sequence[Students]) -> str:
    """The students' network and schedule, where they are known."""
    parameters = [g.parameters for g in groups if g.parameters]
    parts = [f"{_range(parameters, '{:,}'.format)} parameters"] if parameters else []
    for key in ("network", "schedule"):
        values = {g.settings[key] for g in groups if isinstance(g.settings.get(key), str)}
        parts += [f"{key} “{value}”" for value in sorted(values)]
    return f" ({', '.join(parts)})" if parts else ""


def _range(numbers: Sequence[float], written: Callable[[float], str] = str) -> str:
    """`3`, or `3 to 5` where the numbers differ as they are written."""
    low, high = written(min(numbers)), written(max(numbers))
    return low if low == high else f"{low} to {high}"


def outcome(tasks: Sequence[TaskReport]) -> str:
    """How many tasks LLM4Teach beats, matches and misses the paper on, in one sentence."""
    marks = [row.mark for task in tasks for row in task.comparisons if row.method == "llm4teach" and row.mark]
    if not marks:
        return "LLM4Teach was not evaluated on any task that the paper has, so there is nothing to compare yet."
    counts = {mark: marks.count(mark) for mark in Mark}
    words = {Mark.BEAT: "beats", Mark.MATCH: "matches", Mark.MISS: "misses"}
    if len(set(marks)) == 1:
        number = f"all {len(marks)} tasks" if len(marks) > 1 else "the one task"
        return f"LLM4Teach {words[marks[0]]} the paper’s success on {number} compared."
    *others, last = [f"{words[mark]} it on {count}" for mark, count in counts.items() if count]
    return f"Against the paper’s success on {len(marks)} tasks, LLM4Teach {', '.join(others)} and {last}."


def caveats(params: Params, tasks: Sequence[TaskReport], published: PublishedResults) -> list[str]:
    """What a careful reader should hold against these figures."""
    students = [len(group.seeds) for task in tasks for group in task.students]
    methods = {row.method for task in tasks for row in task.comparisons if row.main}
    egocentric = params.train.network == "egocentric"
    notes = [
        "Sampled and argmax are two different policies. The paper samples, and so do the verdicts here. A student "
        "without memory that always takes its most probable action can walk in circles, so argmax may score lower.",
        "Held out means by layout, not by seed: no test layout occurs in training. Success in the learning curves is "
        "that of training episodes, with sampled actions, and so not the same figure as in the table.",
        f"The paper gives no intervals. Its figures are means over {published.episodes} runs, which leaves one to two "
        "points of chance around a success of 95%; the marks take them as exact.",
    ]
    if students and min(students) > 1:
        notes.append(
            "Intervals are for new students on new layouts. They take into account that students are few (Student’s t) "
            "and may differ, and that all play the same layouts. Where no episode fails, layouts count once. If one "
            "student in many fails altogether, so few can’t show it."
        )
    elif students:
        notes.append("The interval of a single student is for new layouts only: it says nothing of the next student.")
    if egocentric:
        notes.append(
            "These students see the remembered map from where they stand (network “egocentric”), which the paper’s did "
            "not. Beating the paper’s figures with it says that the pipeline works, not that the paper’s learner "
            "was at fault; the network “map” is the closer comparison."
        )
    if "rl" not in methods:
        notes.append(
            "No student was trained without a teacher here, so this page cannot say what the teacher was worth: that "
            "takes the method “rl” with the same network, which make paper trains."
        )
    notes.append("Seconds depend on the machine and on what else it was doing; environment steps do not.")
    return notes
