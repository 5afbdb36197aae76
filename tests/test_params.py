"""Every kind of mistake in a params file gets one line with the key and what is allowed, and nothing is written."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tiny import ROOT, llm4teach, params, write_params

from pipeline.params import ParamsError, load_params


def fault(tmp_path: Path, changes: dict[str, Any]) -> str:
    """The message for params with these changes."""
    with pytest.raises(ParamsError) as error:
        load_params(write_params(tmp_path / "params.yaml", changes))
    return str(error.value).replace(f"{tmp_path}/", "")


def test_the_params_of_this_project_are_fine() -> None:
    loaded = load_params(ROOT / "params.yaml")
    assert loaded.schedule == loaded.schedules[loaded.train.schedule]
    assert load_params(ROOT / "params.yaml") == loaded


def test_the_papers_schedule_is_the_papers() -> None:
    """Table 1, Eq. 3 and section 4.1 of the paper."""
    paper = load_params(ROOT / "params.yaml").schedules["paper"]
    assert (paper.lambda_0, paper.lambda_c, paper.i1, paper.i2) == (10.0, 0.1, 1000, 2000)
    assert (paper.envs, paper.epochs, paper.minibatch, paper.lr, paper.lr_end) == (10, 3, 128, 1e-3, 1e-3)
    assert (paper.entropy, paper.value, paper.gamma, paper.clip, paper.grad_norm) == (0.001, 0.5, 0.99, 0.2, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sedes": 3}, "unknown key sedes; did you mean seeds? allowed here: tasks, methods, seeds"),
        ({"train.shedule": "x"}, "unknown key train.shedule; did you mean schedule? allowed here: schedule, network"),
        ({"schedules.tiny.hroizon": 3}, "unknown key schedules.tiny.hroizon; did you mean horizon? allowed here: envs"),
        ({"collect.zzz": 3}, "unknown key collect.zzz; allowed here: behaviours, steps, envs, seed"),
        ({"label.extra_body": {"API-Key": "x"}}, "label.extra_body: has API-Key in it; keys come from the environment"),
        (
            {"label.extra_body": {"a": [{"access_token": "x"}], "max_tokens": 3, "password": "y"}},
            "label.extra_body: has password, access_token in it; keys come from the environment only",
        ),
        ({"label.extra_body": {"a": date(2024, 1, 1)}}, "label.extra_body: wanted what JSON can hold; quote dates"),
        ({"seeds": None}, "seeds is missing"),
        ({"schedules.tiny.gamma": None}, "schedules.tiny.gamma is missing"),
        ({"seeds": "3"}, "seeds: input should be a valid integer (got '3')"),
        ({"seeds": True}, "seeds: input should be a valid integer (got True)"),
        ({"schedules.tiny.envs": 8.5}, "schedules.tiny.envs: input should be a valid integer (got 8.5)"),
        ({"collect": 3}, "collect: input should be a valid dictionary"),
        ({"methods": "llm4teach"}, "methods: input should be a valid list (got 'llm4teach')"),
        ({"seeds": 0}, "seeds: input should be greater than or equal to 1 (got 0)"),
        ({"schedules.tiny.gamma": 1.5}, "schedules.tiny.gamma: input should be less than or equal to 1 (got 1.5)"),
        ({"schedules.tiny.lr": float("nan")}, "schedules.tiny.lr: input should be"),
        ({"schedules.tiny.lambda_0": float("inf")}, "schedules.tiny.lambda_0: input should be a finite number"),
        ({"evaluate.episodes": 0}, "evaluate.episodes: input should be greater than or equal to 1"),
        ({"tasks": []}, "tasks: list should have at least 1 item"),
        ({"schedules": {}}, "schedules: dictionary should have at least 1 item"),
        ({"tasks": ["SimpelDoorKey"]}, "tasks: unknown task 'SimpelDoorKey'; allowed: SimpleDoorKey, LavaDoorKey"),
        ({"tasks": ["LavaDoorKey", "LavaDoorKey"]}, "tasks: 'LavaDoorKey' is listed twice"),
        ({"methods": ["ppo"]}, "methods: unknown method 'ppo'; allowed: hierarchical, rl, llm4teach"),
        ({"methods": ["llm"]}, "methods: unknown method 'llm'; allowed: hierarchical, rl, llm4teach"),
        ({"methods": ["rl", "rl"]}, "methods: 'rl' is listed twice"),
        ({"evaluate.acting": ["argmax", "argmax"]}, "evaluate.acting: 'argmax' is listed twice"),
        ({"collect.behaviours": ["sleep"]}, "collect.behaviours.0: input should be 'random', "),
        ({"train.schedule": "fast"}, "train.schedule: unknown schedule 'fast'; allowed: tiny"),
        ({"train.device": "gpu"}, "train.device: string should match pattern"),
        ({"train.network": "vit"}, "train.network: unknown network 'vit'; allowed: auto, egocentric, map,"),
        ({"label.provider": "gpt"}, "label.provider: input should be 'published'"),
        ({"label.provider": "openai"}, "label: model is missing; provider openai needs the name of a model"),
        ({"label.method": "logprob"}, "label: method: logprob is not possible with published"),
        ({"label.max_cost": 1.0}, "label: max_cost needs price_in and price_out"),
        ({"schedules.tiny.minibatch": 129}, "schedules.tiny: minibatch must be at most envs x horizon = 128"),
        ({"schedules.tiny.i1": 7}, "schedules.tiny: i1 must be at most i2 = 6"),
        ({"schedules.tiny.lambda_c": 3.0}, "schedules.tiny: lambda_c must be at most lambda_0 = 2.0"),
        (
            {"schedules.tiny.i1": 0, "schedules.tiny.i2": 0, "schedules.tiny.finetune": 0},
            "schedules.tiny: i2 + finetune must be at least 1",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    assert fault(tmp_path, changes).startswith(f"params.yaml: {message}")


@pytest.mark.parametrize(
    ("key", "refused", "allowed"),
    [
        ("seeds", [0, 1001], [1, 1000]),
        ("collect.steps", [0], [1]),
        ("collect.envs", [0, 65537], [1, 65536]),
        ("collect.seed", [-1, 2**31], [0, 2**31 - 1]),
        ("label.samples", [0, 10001], [1, 10000]),
        ("label.model", [""], ["m"]),
        ("label.temperature", [-0.1, 2.1], [0.0, 2.0]),
        ("label.top_p", [0.0, 1.1], [0.1, 1.0]),
        ("label.max_tokens", [0], [1]),
        ("label.seed", [-1, 2**31], [0, 2**31 - 1]),
        ("label.api_key_env", ["sk-1", "1A", ""], ["OPENAI_API_KEY", "_k1"]),
        ("label.answers_per_call", [0, 10001], [1, 10000]),
        ("label.concurrency", [0, 4097], [1, 4096]),
        ("label.timeout_s", [0.0], [0.1]),
        ("label.attempts", [0, 1001], [1, 1000]),
        ("label.max_wait_s", [-0.1], [0.0]),
        ("label.max_requests", [-1], [0]),
        ("label.max_total_tokens", [-1], [0]),
        ("label.price_in", [-0.1], [0.0]),
        ("label.price_out", [-0.1], [0.0]),
        ("label.invalid_stop", [0.0, 1.1], [0.1, 1.0]),
        ("label.responses", [""], ["r"]),
        ("label.batch_dir", [""], ["b"]),
        ("label.poll_s", [0.0], [0.1]),
        ("schedules.tiny.envs", [0, 65537], [1, 65536]),
        ("schedules.tiny.horizon", [0, 4097], [1, 4096]),
        ("schedules.tiny.epochs", [0, 101], [1, 100]),
        ("schedules.tiny.minibatch", [0], [1, 128]),
        ("schedules.tiny.lr", [0.0, 1.1], [1e-9, 1.0]),
        ("schedules.tiny.lr_end", [-0.1, 1.1], [0.0, 1.0]),
        ("schedules.tiny.entropy", [-0.1, 10.1], [0.0, 10.0]),
        ("schedules.tiny.entropy_end", [-0.1, 10.1], [0.0, 10.0]),
        ("schedules.tiny.value", [-0.1, 100.1], [0.0, 100.0]),
        ("schedules.tiny.gamma", [-0.1, 1.1], [0.0, 1.0]),
        ("schedules.tiny.gae", [-0.1, 1.1], [0.0, 1.0]),
        ("schedules.tiny.clip", [0.0, 1.1], [0.1, 1.0]),
        ("schedules.tiny.grad_norm", [0.0], [0.1]),
        ("schedules.tiny.lambda_c", [-0.1], [0.0, 2.0]),
        ("schedules.tiny.i1", [-1], [0, 6]),
        ("schedules.tiny.finetune", [-1], [0]),
        ("train.frames", [1, 65], [2, 64]),
        ("train.warm_start", [-1], [0]),
        ("train.checkpoint_s", [0.0], [0.1]),
        ("evaluate.episodes", [0, 100001], [1, 100000]),
        ("evaluate.seed", [-1, 2**31], [0, 2**31 - 1]),
    ],
)
def test_the_range_of_a_number_or_text(key: str, refused: list[Any], allowed: list[Any]) -> None:
    for value in allowed:
        params({"schedules.tiny.minibatch": 1, key: value})
    for value in refused:
        with pytest.raises(ValueError, match=rf"\n{re.escape(key)}\n"):  # the key that pydantic names
            params({"schedules.tiny.minibatch": 1, key: value})


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    lines = fault(tmp_path, {"seeds": 0, "collect.seed": -1, "extra": 1}).splitlines()
    assert [line.split()[1].rstrip(":") for line in lines] == ["seeds", "collect.seed", "unknown"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "params.yaml: wanted keys and values, found NoneType"),
        (b"- seeds", "params.yaml: wanted keys and values, found list"),
        (b"seeds: [1", "params.yaml: not YAML: expected ',' or ']', but got '<stream end>' (line 1, column 10)"),
        (b"seeds: 1\nseeds: 2\n", "params.yaml: not YAML: the key 'seeds' is there twice (line 2, column 1)"),
        (b"\xff\xfe\x00", "params.yaml: not YAML: 'utf-8' codec can't decode"),
        (b"\x00", "params.yaml: not YAML: unacceptable character"),
        (b"? [1]\n: 2\n", "params.yaml: not YAML: found unhashable key"),
    ],
)
def test_what_is_no_yaml_or_no_params_is_told(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    with pytest.raises(ParamsError) as error:
        load_params(path)
    assert str(error.value).replace(f"{tmp_path}/", "").startswith(message)
    assert len(str(error.value).splitlines()) == 1


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: there is no such file"):
        load_params(tmp_path / "none.yaml")
    with pytest.raises(ParamsError, match="Is a directory"):
        load_params(tmp_path)


@pytest.mark.parametrize("number", ["4e-3", "4.0e-3", "0.004", "4.E-3"])
def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path, number: str) -> None:
    """YAML 1.1 takes `4e-3` for a text; DVC, which reads YAML 1.2, would not."""
    path = write_params(tmp_path / "params.yaml", {"schedules.tiny.lr": "NUMBER"})
    path.write_text(path.read_text().replace("NUMBER", number))
    assert load_params(path).schedule.lr == 0.004


def test_whole_numbers_serve_as_fractions() -> None:
    assert params({"schedules.tiny.lambda_0": 2}).schedule.lambda_0 == 2.0


def test_params_cant_be_changed_after_they_were_checked() -> None:
    with pytest.raises(ValueError, match="frozen"):
        params().seeds = -1  # type: ignore[misc]


@pytest.mark.parametrize("stage", ["collect", "label", "train", "finetune", "evaluate"])
def test_every_stage_refuses_bad_params_and_writes_nothing(tmp_path: Path, stage: str) -> None:
    write_params(tmp_path / "params.yaml", {"seeds": 0})
    done = llm4teach(tmp_path, stage, "--task", "SimpleDoorKey")
    assert done.returncode == 2
    assert done.stderr == ("llm4teach: params.yaml: seeds: input should be greater than or equal to 1 (got 0)\n")
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
