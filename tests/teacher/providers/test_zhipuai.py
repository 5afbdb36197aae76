"""ChatGLM's SDK against the replay server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import LampTask, label_all, lamp_states, settings, write_lamp_labels

from pipeline.params import ParamsError
from pipeline.teacher.answers.provenance import zhipuai_sampling
from pipeline.teacher.asking.estimate import estimate
from pipeline.teacher.errors import LabellingStopped, TeacherError
from pipeline.teacher.labelling import Labelling
from pipeline.teacher.server import app
from pipeline.teacher.server.fields import read_fields

pytestmark = pytest.mark.usefixtures("quick")
STATES = lamp_states(4)
KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0.Abcdefghijklmnop"


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZHIPUAI_API_KEY", KEY)
    return write_lamp_labels(tmp_path / "served.parquet", STATES)


def glm(url: str, **changes: Any) -> Any:
    return settings(url, provider="zhipuai", **changes)


def test_every_answer_is_a_call_of_its_own(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    rows, responses = label_all(STATES, glm(server.url), tmp_path)
    assert [row["n_valid"] for row in rows] == [10] * 4
    assert server.replay.served["requests"] == 40
    assert KEY not in json.dumps([rows, responses], default=str)
    assert json.loads(rows[0]["params_requested"])["temperature"] == 1.0
    assert json.loads(rows[0]["params_effective"])["temperature"] == 0.99
    assert json.loads(rows[0]["params_effective"])["top_p"] == 0.99


def test_an_estimate_counts_a_call_per_answer(tmp_path: Path) -> None:
    assert estimate(Labelling(LampTask(), STATES, glm("http://unused/v1"), tmp_path)).requests == 40
    assert estimate(Labelling(LampTask(), STATES, settings("http://unused/v1"), tmp_path)).requests == 4


@pytest.mark.parametrize("fault", ["429", "500", "reset", "malformed", "error-200"])
def test_failures_that_pass(serve: Any, labels: Path, tmp_path: Path, fault: str) -> None:
    server = serve(labels, f"{fault}:1:3", retry_after_s=0.01)
    rows, responses = label_all(STATES, glm(server.url), tmp_path)
    assert [row["n_valid"] for row in rows] == [10] * 4
    assert sum(1 for r in responses if r["error"]) == 3


def test_a_long_retry_after_and_a_refused_key(serve: Any, labels: Path, tmp_path: Path) -> None:
    with pytest.raises(LabellingStopped, match="asks to wait 400 s"):
        label_all(STATES, glm(serve(labels, "429:1:1", retry_after_s=400).url), tmp_path)
    with pytest.raises(LabellingStopped, match="the server refuses: 401") as stop:
        label_all(STATES, glm(serve(labels, "401").url), tmp_path)
    assert KEY not in str(stop.value)


def test_what_the_sdk_makes_of_values() -> None:
    assert zhipuai_sampling({"temperature": 0.0, "top_p": 0.5}) == {
        "temperature": 0.01,
        "do_sample": False,
        "top_p": 0.5,
    }
    assert zhipuai_sampling({"temperature": 1.5, "top_p": 1.0}) == {"temperature": 0.99, "top_p": 0.99}
    assert zhipuai_sampling({"temperature": 0.7}) == {"temperature": 0.7}


def test_the_values_are_really_changed_by_the_sdk(
    serve: Any, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(labels)
    seen: list[dict[str, Any]] = []

    def spy(body: dict[str, Any]) -> Any:
        seen.append(body)
        return read_fields(body)

    monkeypatch.setattr(app, "read_fields", spy)
    for temperature in (0.0, 0.7, 1.0, 2.0):
        label_all(STATES[:1], glm(server.url, samples=1, temperature=temperature), tmp_path)
        wanted = zhipuai_sampling({"temperature": temperature, "top_p": 1.0})
        assert {name: seen[-1].get(name) for name in wanted} == wanted


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TeacherError, match="ZHIPUAI_API_KEY is not set"):
        label_all(STATES, glm("http://unused/v1"), tmp_path)
    monkeypatch.setitem(sys.modules, "zhipuai", None)
    with pytest.raises(TeacherError, match=r"pip install 'llm4teach\[zhipuai\]'"):
        label_all(STATES, glm("http://unused/v1"), tmp_path)
    with pytest.raises(ParamsError, match="logprob is not possible with zhipuai"):
        glm("http://unused/v1").replaced({"method": "logprob"})


def test_a_server_that_the_environment_names_is_another_server(
    serve: Any, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are its own: a second one is asked again, the first not."""
    first, second = serve(labels), serve(labels)
    for server in (first, second, first):
        monkeypatch.setenv("ZHIPUAI_BASE_URL", server.url)
        label_all(STATES, glm(None), tmp_path)
    assert [server.replay.served["requests"] for server in (first, second)] == [40, 40]
