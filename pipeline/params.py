"""params.yaml as typed, checked models: an error names the key, the value, and what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.yaml_file import YamlError, read_yaml

Trained = Literal["llm4teach", "rl", "hierarchical"]
TRAINED_METHODS: tuple[str, ...] = get_args(Trained)
"""Methods that train students; the untrained teacher, `llm`, is only evaluated."""
Acting = Literal["sampled", "argmax"]


class ParamsError(ValueError):
    """Something in params.yaml (or the file itself) that can't be used; the message is one line per fault."""


T = TypeVar("T")


def _once(items: list[T]) -> list[T]:
    for item in items:
        if items.count(item) > 1:
            raise ValueError(f"{item!r} is listed twice")
    return items


Distinct = Annotated[list[T], Field(min_length=1), AfterValidator(_once)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


_SECRET = re.compile(r"(api_?key|(access|api|auth|bearer)_?token|authorization|credentials?|passw(or)?d|secret)$", re.I)
"""Ends of names whose values are nobody else's business."""


def _secrets(content: Any) -> list[str]:
    """The names, at any depth, under which a secret would stand."""
    if isinstance(content, dict):
        own = [str(name) for name in content if _SECRET.search(str(name).replace("-", "_"))]
        return own + [name for value in content.values() for name in _secrets(value)]
    return [name for value in content for name in _secrets(value)] if isinstance(content, list) else []


class Collect(_Section):
    """The `collect` stage: which states the teacher will be asked about.

    behaviours   `random`: uniform actions; `options`: in each step, one option drawn from those that can act there
    steps        environment steps per behaviour, split over `envs` environments
    envs         environments that advance together
    seed         of the layouts and the behaviours
    """

    behaviours: Distinct[Literal["random", "options"]]
    steps: int = Field(ge=1)
    envs: int = Field(ge=1, le=65536)
    seed: int = Field(ge=0, lt=2**31)


class Label(_Section):
    """The `label` stage: who is asked about the states, how often, and how. Keys come from the environment only.

    provider     who answers; `published` is the table released with the paper and needs no key and no network
    method       `sample`: n answers per state; `logprob`: scores of candidate plans; `hard`: the most probable plan
    samples      answers per state for `sample` and `hard`
    published    which folder of `data/published` to take (provider `published`); null: the only one that has the task

    model        the model's name, as the server knows it
    base_url     address of an OpenAI-compatible server, such as `http://localhost:8000/v1`; null: the provider's own
    api_key_env  environment variable with the key; null: OPENAI_API_KEY or ZHIPUAI_API_KEY
    temperature, top_p, max_tokens   how an answer is drawn, and its longest length in tokens
    seed         of the first sample, the next ones count up; null: none is sent
    extra_body   further keys of the request, as they are; nothing secret, since tables say what was asked
    prompt       name of the prompt: `prompts/<name>.system.txt` and so on; null: the method's own
    scoring      `letters`: one request names the candidates by letters and reads the answer token's logprobs;
                 `echo`: each candidate is scored as a continuation (servers with `echo` on /v1/completions)
    score_norm   `sum` of a candidate's token logprobs, or their `mean` (echo only)

    answers_per_call   most answers that one call asks for (`n`); OpenAI's API allows 128
    concurrency  most calls at once; fewer are made where the server refuses
    timeout_s    seconds after which a call counts as failed
    attempts     failures in a row of one request after which the run stops
    max_wait_s   longest wait that a server may ask for; the run stops with the time it would take beyond that
    max_requests, max_total_tokens, max_cost   what one run may spend; null: no bound
    price_in, price_out   per million tokens, in the currency of max_cost
    invalid_stop share of unusable answers (of at least 20) at which the run stops; 1 never stops

    responses    a responses table to replay (provider `replay`); DVC sees it change if it lies in `data/published`
    batch_dir    folder of requests and results (provider `batch-file`); null: one under the ledger's folder
    poll_s       seconds between looks at a batch
    """

    provider: Literal["published", "openai", "zhipuai", "openai-batch", "batch-file", "replay"]
    method: Literal["sample", "logprob", "hard"] = "sample"
    samples: int = Field(default=10, ge=1, le=10000)
    published: str | None = Field(default=None, pattern=r"^[\w.-]+$")
    model: str | None = Field(default=None, min_length=1)
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    extra_body: dict[str, Any] = Field(default_factory=dict)
    prompt: str | None = Field(default=None, pattern=r"^[\w-]+$")
    scoring: Literal["letters", "echo"] = "letters"
    score_norm: Literal["sum", "mean"] = "sum"
    answers_per_call: int = Field(default=128, ge=1, le=10000)
    concurrency: int = Field(default=64, ge=1, le=4096)
    timeout_s: float = Field(default=120.0, gt=0)
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
        if self.provider == "replay" and self.responses is None:
            raise ValueError("responses is missing; provider replay needs the path of a responses table")
        if self.method == "logprob" and self.provider == "zhipuai":
            raise ValueError("method: logprob is not possible with zhipuai, which gives none; use sample or hard")
        if self.method == "logprob" and self.provider == "published":
            raise ValueError("method: logprob is not possible with published, of frequencies; use sample or hard")
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
            raise ParamsError("\n".join(f"label.{_explain(fault)}" for fault in error.errors())) from None


class Schedule(_Section):
    """How a student learns: PPO's settings (paper Table 1) and the annealing of the teacher's share (paper Eq. 3).

    envs, horizon        environments, and steps of each, per iteration
    epochs, minibatch    passes over an iteration's steps, and steps per gradient
    lr, lr_end           Adam's learning rate, falling linearly over all iterations
    entropy, entropy_end weight of the entropy bonus, falling linearly over all iterations
    value                weight of the value loss
    gamma, gae           discount, and lambda of generalised advantage estimation
    truncation           what follows an episode that the task's horizon cuts off: nothing (`terminal`), or what the
                         student expects after its last observation (`bootstrap`)
    clip, grad_norm      PPO's clipping range, and the largest norm of a gradient
    distance             D of Eq. 2: `kl`, or `wasserstein` (W1, all actions one apart)
    lambda_0, lambda_c   the teacher's weight at the first iteration, and the constant kept between i1 and i2
    i1, i2               iterations at which the linear fall ends, and at which the teacher leaves
    finetune             teacher-free iterations after i2
    """

    envs: int = Field(ge=1, le=65536)
    horizon: int = Field(ge=1, le=4096)
    epochs: int = Field(ge=1, le=100)
    minibatch: int = Field(ge=1)
    lr: float = Field(gt=0, le=1)
    lr_end: float = Field(ge=0, le=1)
    entropy: float = Field(ge=0, le=10)
    entropy_end: float = Field(ge=0, le=10)
    value: float = Field(ge=0, le=100)
    gamma: float = Field(ge=0, le=1)
    gae: float = Field(ge=0, le=1)
    truncation: Literal["terminal", "bootstrap"] = "terminal"
    clip: float = Field(gt=0, le=1)
    grad_norm: float = Field(gt=0)
    distance: Literal["kl", "wasserstein"] = "kl"
    lambda_0: float = Field(ge=0)
    lambda_c: float = Field(ge=0)
    i1: int = Field(ge=0)
    i2: int = Field(ge=0)
    finetune: int = Field(ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if self.minibatch > self.envs * self.horizon:
            raise ValueError(f"minibatch must be at most envs x horizon = {self.envs * self.horizon}")
        if self.i1 > self.i2:
            raise ValueError(f"i1 must be at most i2 = {self.i2}")
        if self.lambda_c > self.lambda_0:
            raise ValueError(f"lambda_c must be at most lambda_0 = {self.lambda_0}")
        if self.iterations == 0:
            raise ValueError("i2 + finetune must be at least 1")
        return self

    @property
    def iterations(self) -> int:
        """Iterations with and without the teacher."""
        return self.i2 + self.finetune


class Train(_Section):
    """The `train` and `finetune` stages.

    schedule     which of `schedules` to follow
    network      `egocentric`: seen cells in the agent's frame; `map`: convolutions over the map, as the paper has it
    update       `fused`: this project's compiled update (CPU, no memory); `torch`: autograd; `auto`: the faster one
    device       `cpu`, `cuda` or `cuda:N` (torch update only)
    memory       of an episode's earlier steps (torch update only): `lstm`, or `stack`: the last `frames` observations
    warm_start   gradient steps on the collected states with the cached labels, before the first rollout
    checkpoint_s seconds between checkpoints
    """

    schedule: str
    network: Literal["egocentric", "map"] = "egocentric"
    update: Literal["auto", "fused", "torch"] = "auto"
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    memory: Literal["none", "lstm", "stack"] = "none"
    frames: int = Field(default=4, ge=2, le=64)
    warm_start: int = Field(default=0, ge=0)
    checkpoint_s: float = Field(default=20.0, gt=0)


class Evaluate(_Section):
    """The `evaluate` stage.

    episodes   test layouts, all different and none met in training, one episode each
    acting     `sampled` from the policy (the paper's way) or its `argmax`
    seed       of the sampled actions
    """

    episodes: int = Field(ge=1, le=100000)
    acting: Distinct[Acting]
    seed: int = Field(ge=0, lt=2**31)


class Params(_Section):
    """All of params.yaml.

    tasks      what is learned
    methods    the students to train; the untrained teacher (`llm`) is evaluated beside them
    seeds      students per task and method, with seeds 0..seeds-1
    """

    tasks: Distinct[str]
    methods: Distinct[Trained]
    seeds: int = Field(ge=1, le=1000)
    collect: Collect
    label: Label
    train: Train
    schedules: dict[str, Schedule] = Field(min_length=1)
    evaluate: Evaluate

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: list[str]) -> list[str]:
        from pipeline.tasks.registry import all_names, is_known

        for task in tasks:
            if not is_known(task):
                raise ValueError(f"unknown task {task!r}; allowed: {all_names()}")
        return tasks

    @model_validator(mode="after")
    def _known_schedule(self) -> Params:
        if self.train.schedule not in self.schedules:
            allowed = ", ".join(self.schedules)
            raise ValueError(f"train.schedule: unknown schedule {self.train.schedule!r}; allowed: {allowed}")
        return self

    @property
    def schedule(self) -> Schedule:
        """The schedule that `train` follows."""
        return self.schedules[self.train.schedule]


def load_params(path: Path) -> Params:
    """Read and check a params file. Raises ParamsError with one line per fault."""
    try:
        content = read_yaml(path)
    except YamlError as error:
        raise ParamsError(str(error)) from None
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: wanted keys and values, found {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError("\n".join(f"{path}: {_explain(fault)}" for fault in error.errors())) from None


def _explain(fault: Any) -> str:
    """One line for one fault: the key, what is wrong with it, and what is allowed."""
    where = [str(part) for part in fault["loc"]]
    key = ".".join(where)
    if fault["type"] == "extra_forbidden":
        allowed = _keys_beside(fault["loc"])
        close = difflib.get_close_matches(where[-1], allowed, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"unknown key {key}; {hint}allowed here: {', '.join(allowed)}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message[0].lower()}{message[1:]} (got {fault['input']!r})"


def _keys_beside(loc: tuple[Any, ...]) -> list[str]:
    """The keys that are allowed where an unknown one was found."""
    inside: Any = Params.model_fields[loc[0]].annotation if len(loc) > 1 else Params
    return list((Schedule if loc[0] == "schedules" else inside).model_fields)
