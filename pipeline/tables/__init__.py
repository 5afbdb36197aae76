"""The Parquet tables that stages pass to each other and people share."""

from pipeline.tables.instructions import instruction_columns, label_id, plan_of, read_instructions
from pipeline.tables.parquet import TableError, packed, read_table, unpacked, write_table
from pipeline.tables.schemas import EPISODES, LABELS, PROMPTS, RESPONSES, SCHEMA_VERSION, STATES

__all__ = [
    "EPISODES",
    "LABELS",
    "PROMPTS",
    "RESPONSES",
    "SCHEMA_VERSION",
    "STATES",
    "TableError",
    "instruction_columns",
    "label_id",
    "packed",
    "plan_of",
    "read_instructions",
    "read_table",
    "unpacked",
    "write_table",
]
