"""The Parquet tables that stages pass to each other and people share: schemas, writing, reading, checking.

Plain Parquet through pyarrow with zstd, and nothing of any framework in the file's metadata, so that DuckDB, pandas
and `datasets.load_dataset("parquet", ...)` read them as they are. A file is written beside its place and renamed
into it, so a killed writer leaves the old file or none, never half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import __version__
from pipeline.files import whole_file
from pipeline.instructions import TOLERANCE, Description, Grammar, Option, Plan, PlanShare, SoftInstruction

SCHEMA_VERSION = 2
"""Of all tables; 2 keeps every key of the example observations of STATES."""
ROW_GROUP = 2048

_option = pa.struct([("name", pa.string()), ("args", pa.list_(pa.string()))])
_plan = pa.struct(
    [
        ("plan_id", pa.string()),
        ("text", pa.string()),
        ("options", pa.list_(_option)),
        ("prob", pa.float64()),
        ("count", pa.int32()),
        ("logprob", pa.float64()),
    ]
)
_verdict = pa.struct(
    [("verdict", pa.string()), ("prob", pa.float64()), ("count", pa.int32()), ("example", pa.string())]
)
_array = pa.struct(
    [("key", pa.string()), ("dtype", pa.string()), ("shape", pa.list_(pa.int32())), ("values", pa.binary())]
)
_time = pa.timestamp("us", tz="UTC")

STATES = pa.schema(
    [
        ("task", pa.string()),
        ("state_id", pa.string()),
        ("state_text", pa.string()),
        ("sees", pa.list_(pa.string())),
        ("holds", pa.string()),
        ("state_count", pa.int64()),
        ("counts", pa.list_(pa.struct([("behaviour", pa.string()), ("count", pa.int64())]))),
        ("examples", pa.list_(_array)),
    ]
)
"""One row per distinct description: how often each behaviour met it, and example observations, see `packed`."""

LABELS = pa.schema(
    [
        ("label_id", pa.string()),
        ("task", pa.string()),
        ("state_id", pa.string()),
        ("state_text", pa.string()),
        ("sees", pa.list_(pa.string())),
        ("holds", pa.string()),
        ("state_count", pa.int64()),
        ("method", pa.string()),
        ("plans", pa.list_(_plan)),
        ("verdicts", pa.list_(_verdict)),
        ("n_requested", pa.int32()),
        ("n_valid", pa.int32()),
        ("n_invalid", pa.int32()),
        ("n_error", pa.int32()),
        ("residual_mass", pa.float64()),
        ("entropy", pa.float64()),
        ("score_normalisation", pa.string()),
        ("score_stage", pa.string()),
        ("provider", pa.string()),
        ("model_requested", pa.string()),
        ("model_returned", pa.string()),
        ("system_fingerprint", pa.string()),
        ("prompt_sha256", pa.string()),
        ("parser_version", pa.int32()),
        ("params_requested", pa.string()),
        ("params_effective", pa.string()),
        ("first_at", _time),
        ("last_at", _time),
        ("response_ids", pa.list_(pa.string())),
    ]
)
"""One row per description and labelling set-up. `plans` by falling probability; plans and residual sum to one."""

RESPONSES = pa.schema(
    [
        ("request_key", pa.string()),
        ("sample_index", pa.int32()),
        ("attempt", pa.int32()),
        ("task", pa.string()),
        ("state_id", pa.string()),
        ("provider", pa.string()),
        ("base_url", pa.string()),
        ("model_requested", pa.string()),
        ("model_returned", pa.string()),
        ("system_fingerprint", pa.string()),
        ("response_id", pa.string()),
        ("status", pa.int32()),
        ("error", pa.string()),
        ("text", pa.string()),
        ("raw", pa.string()),
        ("logprobs", pa.string()),
        ("tokens_in", pa.int32()),
        ("tokens_out", pa.int32()),
        ("cost", pa.float64()),
        ("latency_s", pa.float64()),
        ("at", _time),
        ("sdk", pa.string()),
        ("source", pa.string()),
    ]
)
"""One row per attempt. (request_key, sample_index) is a sample; its first successful attempt is the answer."""

PROMPTS = pa.schema(
    [("prompt_sha256", pa.string()), ("system", pa.string()), ("template", pa.string()), ("examples", pa.string())]
)
"""The prompts that label rows refer to."""

EPISODES = pa.schema(
    [
        ("task", pa.string()),
        ("method", pa.string()),
        ("seed", pa.int32()),
        ("acting", pa.string()),
        ("split", pa.string()),
        ("layout_seed", pa.int64()),
        ("success", pa.bool_()),
        ("end", pa.string()),
        ("episode_return", pa.float64()),
        ("episode_length", pa.int32()),
        ("idle_steps", pa.int32()),
    ]
)
"""One row per evaluation episode. `seed` is the student's (null for `llm`); `end` is success, death or timeout."""


class TableError(ValueError):
    """A table that can't be used: the message names the file, the row where there is one, and what is wrong."""


def write_table(
    path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema, params: Mapping[str, Any] | None = None
) -> None:
    """Write rows under a schema, in one piece or not at all, with the settings they come from in the file's metadata.

    rows    may be a stream: they are packed a row group at a time
    params  what JSON can hold, and nothing secret
    """
    metadata = {"schema_version": str(SCHEMA_VERSION), "tool": f"llm4teach {__version__}"}
    if params is not None:
        metadata["params"] = json.dumps(params, sort_keys=True, ensure_ascii=False)
    stream, described = iter(rows), schema.with_metadata(metadata)
    with whole_file(path) as file, pq.ParquetWriter(file, described, compression="zstd") as writer:
        while group := [dict(row) for row in islice(stream, ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=described))


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read and check a table: it exists, is whole Parquet, of a known version, and has the schema's columns.

    Columns beyond the schema are dropped. Raises TableError, naming the file.
    """
    if not path.is_file():
        raise TableError(f"{path}: there is no such file; the stage that writes it has not run")
    try:
        with pq.ParquetFile(path) as file:  # unlike pq.read_table, it doesn't load pandas, which takes half a second
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0][:120]
        raise TableError(f"{path}: not a whole Parquet file ({first}); if a stage wrote it, run that again") from None
    version = (table.schema.metadata or {}).get(b"schema_version", b"1")
    if not version.isdigit() or int(version) > SCHEMA_VERSION:
        raise TableError(
            f"{path}: schema version {version.decode(errors='replace')}; this program reads up to {SCHEMA_VERSION}"
        )
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        older = "" if int(version) == SCHEMA_VERSION else f" (schema version {int(version)}); write it anew"
        raise TableError(f"{path}: columns missing: {', '.join(missing)}{older}")
    try:
        return table.select(schema.names).cast(schema.remove_metadata())
    except (pa.ArrowException, ValueError) as error:
        raise TableError(f"{path}: a column has another type than the schema's ({error})") from None


def packed(arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Arrays by key as a table holds them, for instance an observation's, stacked [examples, ...]; see `unpacked`."""
    return [
        {"key": key, "dtype": str(array.dtype), "shape": list(array.shape), "values": array.tobytes()}
        for key, array in arrays.items()
    ]


def unpacked(entries: Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The arrays that were `packed`, by key; read-only."""
    return {one["key"]: np.frombuffer(one["values"], one["dtype"]).reshape(one["shape"]) for one in entries}


def read_instructions(path: Path, task: str, grammar: Grammar | None = None) -> dict[str, SoftInstruction]:
    """The soft instructions of a label table, by state_id, every row checked; plans too, if their grammar is given.

    Raises TableError for a table that is missing, broken, empty, of another task, whose probabilities don't sum to
    one, whose text and id disagree, that answers one description twice, or has a plan that can't be carried out.
    """
    rows = read_table(path, LABELS).to_pylist()
    if not rows:
        raise TableError(f"{path}: the label table is empty")
    instructions: dict[str, SoftInstruction] = {}
    for number, row in enumerate(rows):
        where = f"{path}, row {number}"
        if row["task"] != task:
            raise TableError(f"{where}: a label of task {row['task']!r}, wanted {task!r}")
        if row["state_id"] in instructions:
            raise TableError(f"{where}: a second label for the same description ({row['state_text']!r})")
        instructions[row["state_id"]] = _instruction(row, where)
        for share in instructions[row["state_id"]].shares:
            if grammar is not None and not grammar.allows(share.plan):
                raise TableError(f"{where}: the task knows no such plan: {share.plan}")
    return instructions


def _instruction(row: Mapping[str, Any], where: str) -> SoftInstruction:
    """One checked row as a SoftInstruction."""
    description = Description(tuple(row["sees"] or ()), row["holds"])
    if description.state_id != row["state_id"]:
        raise TableError(f"{where}: state_id is not the sha256 of {description.sentence!r}")
    try:
        shares = []
        for entry in row["plans"] or ():
            shares.append(PlanShare(plan_of(entry), entry["prob"], entry["text"], entry["count"], entry["logprob"]))
        return SoftInstruction(description, tuple(shares), row["residual_mass"])
    except ValueError as error:
        raise TableError(f"{where}: {error}") from None
    except TypeError:
        raise TableError(f"{where}: a value is missing in the plans or the residual mass") from None


def plan_of(entry: Mapping[str, Any]) -> Plan:
    """The plan of an entry of `plans`. Raises TypeError if a value is missing."""
    return Plan(tuple(Option(option["name"], tuple(option["args"])) for option in entry["options"]))


def instruction_columns(instruction: SoftInstruction) -> dict[str, Any]:
    """The columns of a label row that follow from the instruction alone."""
    total = instruction.residual + sum(share.prob for share in instruction.shares)
    if abs(total - 1) > TOLERANCE:
        raise TableError(f"probabilities sum to {total}: {instruction.description}")
    return {
        "state_id": instruction.description.state_id,
        "state_text": instruction.description.sentence,
        "sees": list(instruction.description.sees),
        "holds": instruction.description.holds,
        "plans": [
            {
                "plan_id": share.plan.plan_id,
                "text": share.text,
                "options": [{"name": o.name, "args": list(o.args)} for o in share.plan.options],
                "prob": share.prob,
                "count": share.count,
                "logprob": share.logprob,
            }
            for share in instruction.shares
        ],
        "residual_mass": instruction.residual,
        "entropy": instruction.entropy,
    }


def label_id(row: Mapping[str, Any]) -> str:
    """sha256 of everything that defines a label row: the state, the set-up that asked, and the answer."""
    defining = [
        "task", "state_id", "method", "plans", "residual_mass", "provider", "model_requested", "prompt_sha256",
        "parser_version", "params_requested", "n_requested",
    ]  # fmt: skip
    canonical = json.dumps([row.get(name) for name in defining], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
