"""croissant.json: the set for machines, in MLCommons' Croissant 1.1 (a vocabulary of schema.org in JSON-LD).

The Hub, dataset search and `mlcroissant` read it. It names every table with its sha256, and every
column that is not a list of records (`plans`, `verdicts`), which only Parquet tells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from pipeline.label_sets.facts import SetFacts
from pipeline.label_sets.folder import METADATA, TABLES, SetError
from pipeline.tables.schemas import SCHEMA_VERSION

_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field",
    "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source",
    "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
_LICENCES = "https://spdx.org/licenses/"


def describe(facts: SetFacts, head: Mapping[str, Any], sums: Mapping[str, str]) -> str:
    """The text of croissant.json: `head` is the card's front matter, `sums` the sha256 of each table by its path."""
    name = str(head.get("pretty_name") or "label set")
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": name,
        "description": f"{name}: soft instructions of a language model for {', '.join(t.task for t in facts.tasks)}.",
        "keywords": list(head.get("tags") or ()),
        "inLanguage": "en",
        "version": f"{SCHEMA_VERSION}.0.0",
        "citeAs": "Zhou et al., Large Language Model as a Policy Teacher for Training Reinforcement Learning Agents,"
        " IJCAI 2024, arXiv 2311.13373",
        "distribution": [],
        "recordSet": [],
    }
    if isinstance(head.get("license"), str):
        content["license"] = f"{_LICENCES}{head['license']}"
    times = [task.last_at for task in facts.tasks if task.last_at]
    if times:
        content["datePublished"] = f"{max(times):%Y-%m-%d}"
    for task in facts.tasks:
        for table in task.rows:
            path = f"{task.folder}/{table}.parquet"
            content["distribution"].append(
                {
                    "@type": "cr:FileObject",
                    "@id": path,
                    "name": path,
                    "contentUrl": path,
                    "encodingFormat": "application/x-parquet",
                    "sha256": sums[path],
                }
            )
            record = f"{task.folder}-{table}"
            fields = list(_fields(TABLES[table], record, path))
            content["recordSet"].append({"@type": "cr:RecordSet", "@id": record, "name": record, "field": fields})
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _fields(schema: pa.Schema, record: str, path: str) -> Iterator[dict[str, Any]]:
    for field in schema:
        repeated = pa.types.is_list(field.type)
        kind = field.type.value_type if repeated else field.type
        if pa.types.is_struct(kind):  # readers of Croissant know no lists of records
            continue
        yield {
            "@type": "cr:Field",
            "@id": f"{record}/{field.name}",
            "name": field.name,
            "dataType": _data_type(kind),
            **({"repeated": True} if repeated else {}),
            "source": {"fileObject": {"@id": path}, "extract": {"column": field.name}},
        }


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def check(text: str, facts: SetFacts, head: Mapping[str, Any], sums: Mapping[str, str]) -> None:
    """Raise SetError unless croissant.json names these tables with these sums, and no other file or address."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise SetError(f"{METADATA}: not JSON") from None
    wanted = json.loads(describe(facts, head, sums))
    if not isinstance(found, dict) or found.keys() - wanted.keys():
        raise SetError(f"{METADATA}: not the description that `llm4teach labels pack` writes")
    for name, value in wanted.items():
        if found.get(name) != value:
            raise SetError(f"{METADATA}: {name} is not what the tables and the card say; run `llm4teach labels pack`")
