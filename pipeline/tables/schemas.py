"""The schemas of all tables; `docs/tables.md` explains every column."""

from __future__ import annotations

import pyarrow as pa

SCHEMA_VERSION = 2
"""Of all tables; 2 keeps every key of the example observations of STATES."""

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
