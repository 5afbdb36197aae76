"""The documents keep their word: columns are explained, cited figures can be printed, links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pytest
from tiny import ROOT

from pipeline import tables

SCHEMAS = {name.lower(): schema for name, schema in vars(tables).items() if isinstance(schema, pa.Schema)}


def columns(fields: pa.Schema | pa.StructType, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and types of columns, those of structs within lists as `plans.prob`."""
    for number in range(fields.num_fields if isinstance(fields, pa.StructType) else len(fields)):
        one = fields.field(number)
        inner = one.type.value_type if pa.types.is_list(one.type) else None
        if inner is not None and pa.types.is_struct(inner):
            yield prefix + one.name, "list"
            yield from columns(inner, f"{prefix}{one.name}.")
        else:
            shown = str(one.type if inner is None else inner).replace("double", "float64").replace(", tz=", ", ")
            yield prefix + one.name, shown if inner is None else f"list of {shown}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_column_is_explained(name: str) -> None:
    (section,) = re.findall(
        rf"^## {name}$(.*?)(?=^## )", (ROOT / "docs/tables.md").read_text(), re.DOTALL | re.MULTILINE
    )
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (\S.*) \|$", section, re.MULTILINE)
    assert [(column, kind) for column, kind, _ in rows] == list(columns(SCHEMAS[name]))


def test_make_bench_prints_every_figure_that_the_readme_cites() -> None:
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    cited = set(re.findall(r"`(\w+\.py)", readme)) & {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    run = set(re.findall(r"^\t@python benchmarks/(\w+\.py)", makefile.partition("\nbench:")[2], re.MULTILINE))
    assert "engine.py" in cited
    assert cited <= run


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "benchmarks/README.md",
        "data/published/doorkey/README.md",
        "docs/label-sets.md",
        "docs/levels.md",
    ],
)
def test_links_within_the_project_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    links = [one or other for one, other in re.findall(r"\]\(([^)#]+)|src=\"([^\"]+)\"", text)]
    places = [link for link in links if not link.startswith("http")]
    assert [place for place in places if not ((ROOT / name).parent / place).exists()] == []
