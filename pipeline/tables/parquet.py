"""Writing, reading and checking tables as Parquet files.

Plain Parquet through pyarrow with zstd, and nothing of any framework in the file's metadata, so that DuckDB, pandas
and `datasets.load_dataset("parquet", ...)` read them as they are. A file is written beside its place and renamed
into it, so a killed writer leaves the old file or none, never half of one.
"""

from __future__ import annotations

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
from pipeline.tables.schemas import SCHEMA_VERSION

ROW_GROUP = 2048


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
