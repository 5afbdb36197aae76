"""Reading a stranger's Parquet a batch at a time: what its footer declares is bounded before anything is unpacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.label_sets.folder import Limits, SetError
from pipeline.tables.schemas import SCHEMA_VERSION
from pipeline.terminal import printable

BATCH = 2048
_FOOTER_TEXT, _FOOTER_ITEMS = 16 * 2**20, 10_000_000
_GROUP_BYTES = 512 * 2**20


class StrangerTable:
    """One table of a set, opened and its footer checked; rows come by `batches`.

    name      the file's path in the set, for messages
    rows      number of rows
    metadata  the file's own keys and values, decoded
    """

    def __init__(self, path: Path, name: str, schema: pa.Schema, limits: Limits) -> None:
        """Raises SetError for a file that is not Parquet, of another schema, or larger than the limits."""
        self.name, self._schema = name, schema
        try:
            self._file = pq.ParquetFile(
                path, thrift_string_size_limit=_FOOTER_TEXT, thrift_container_size_limit=_FOOTER_ITEMS
            )
            found = self._file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SetError(f"{name}: not a whole Parquet file ({_first_line(error)})") from None
        self._check_size(limits)
        self.metadata = {
            key.decode(errors="replace"): value.decode(errors="replace")
            for key, value in (found.metadata or {}).items()
        }
        version = self.metadata.get("schema_version", "none")
        if version != str(SCHEMA_VERSION):
            raise SetError(f"{name}: schema version {printable(version, 20)}; wanted {SCHEMA_VERSION}")
        self._check_columns(found)

    def _check_size(self, limits: Limits) -> None:
        footer = self._file.metadata
        self.rows = footer.num_rows
        if not 0 <= self.rows <= limits.rows:
            raise SetError(f"{self.name}: declares {self.rows} rows, more than {limits.rows}")
        sizes = [footer.row_group(number) for number in range(footer.num_row_groups)]
        if sum(group.num_rows for group in sizes) != self.rows or any(group.num_rows < 0 for group in sizes):
            raise SetError(f"{self.name}: the rows of its row groups are not {self.rows} in all")
        if max((group.total_byte_size for group in sizes), default=0) > _GROUP_BYTES:
            raise SetError(f"{self.name}: a row group of more than {_GROUP_BYTES} bytes once it is unpacked")
        if sum(group.total_byte_size for group in sizes) > limits.table_bytes:
            raise SetError(f"{self.name}: more than {limits.table_bytes} bytes once it is unpacked")

    def _check_columns(self, found: pa.Schema) -> None:
        if missing := [name for name in self._schema.names if name not in found.names]:
            raise SetError(f"{self.name}: columns missing: {', '.join(missing)}")
        for field in found:
            if field.name not in self._schema.names or found.names.count(field.name) > 1:
                raise SetError(f"{self.name}: a column that the schema has not: {printable(field.name, 80)}")
            wanted = self._schema.field(field.name).type
            if field.type != wanted:
                raise SetError(f"{self.name}: column {field.name} is {printable(field.type, 80)}, wanted {wanted}")

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, up to BATCH at a time; all columns, or those named. Raises SetError where the file is damaged."""
        rows = 0
        try:
            for batch in self._file.iter_batches(BATCH, columns=columns, use_threads=False):
                batch.validate(full=True)
                rows += batch.num_rows
                yield batch
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, SetError):
                raise
            raise SetError(f"{self.name}: damaged after row {rows} ({_first_line(error)})") from None
        if rows != self.rows:
            raise SetError(f"{self.name}: has {rows} rows, and declares {self.rows}")


def _first_line(error: Exception) -> str:
    return printable((str(error).splitlines() or [type(error).__name__])[0], 120)
