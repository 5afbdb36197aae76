"""Budgets, dry runs, bad answers, Ctrl-C, and keys that must not get anywhere."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from teacher_fakes import LampTask, label_all, lamp_states, settings, write_lamp_labels

from pipeline.instructions import Description
from pipeline.params import ParamsError, load_params
from pipeline.tables import LABELS, RESPONSES, STATES, read_instructions, read_table, write_table
from pipeline.teacher.asking.estimate import estimate
from pipeline.teacher.errors import LabellingStopped, TeacherError
from pipeline.teacher.labelling import Labelling
from pipeline.teacher.redaction import HIDDEN, Redactor, checked_url
from pipeline.teacher.states import State
from stages.label import label

pytestmark = pytest.mark.usefixtures("quick")
STATES_ASKED = lamp_states(12)
KEY = "sk-proj-3fQ9zLm0X7vT2bNc8RkEw5"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_lamp_labels(tmp_path / "served.parquet", STATES_ASKED)


def test_max_requests_is_never_exceeded_and_the_next_run_goes_on(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    for run in (1, 2):
        with pytest.raises(LabellingStopped, match=r"label\.max_requests = 5 is reached"):
            label_all(STATES_ASKED, settings(server.url, max_requests=5), tmp_path)
        assert server.replay.served["requests"] == 5 * run
    rows, _ = label_all(STATES_ASKED, settings(server.url, max_requests=5), tmp_path)
    assert len(rows) == 12
    assert server.replay.served["requests"] == 12


def test_failed_calls_count_as_requests(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "500:1:3")
    with pytest.raises(LabellingStopped, match="max_requests"):
        label_all(STATES_ASKED, settings(server.url, max_requests=6), tmp_path)
    assert server.replay.served["requests"] == 6


def test_cost_and_token_budgets_stop_in_time(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    priced = {"price_in": 1000.0, "price_out": 2000.0, "concurrency": 4, "max_tokens": 60}
    _, responses = label_all(STATES_ASKED, settings(server.url, **priced), tmp_path / "free")
    whole = sum(r["cost"] or 0 for r in responses)
    spent = sum(1000e-6 * (r["tokens_in"] or 0) + 2000e-6 * (r["tokens_out"] or 0) for r in responses)
    assert whole == pytest.approx(spent)
    with pytest.raises(LabellingStopped, match=r"label\.max_cost = .* is reached"):
        label_all(STATES_ASKED, settings(server.url, **priced, max_cost=whole / 2), tmp_path / "cost")
    assert 12 < server.replay.served["requests"] <= 12 + 6
    tokens = sum((r["tokens_in"] or 0) + (r["tokens_out"] or 0) for r in responses)
    with pytest.raises(LabellingStopped, match=r"label\.max_total_tokens"):
        label_all(STATES_ASKED, settings(server.url, max_total_tokens=tokens // 2, max_tokens=60), tmp_path / "tokens")
    assert server.replay.served["requests"] <= 12 + 6 + 6


def test_a_cost_bound_without_prices_is_refused() -> None:
    with pytest.raises(ParamsError, match="max_cost needs price_in and price_out"):
        settings("http://localhost/v1").replaced({"max_cost": 1.0})


def test_the_estimate_counts_what_is_missing_and_asks_nothing(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    asked = settings(server.url, price_in=1.0, price_out=2.0)
    before = estimate(Labelling(LampTask(), STATES_ASKED, asked, tmp_path))
    assert (before.states, before.samples, before.requests) == (12, 120, 12)
    assert before.cost == pytest.approx((before.tokens_in + 2 * before.tokens_out) / 1e6)
    assert not (tmp_path / ".teacher_cache").exists()
    assert server.replay.served["requests"] == 0
    with pytest.raises(LabellingStopped):
        label_all(STATES_ASKED, settings(server.url, max_requests=5), tmp_path)
    after = estimate(Labelling(LampTask(), STATES_ASKED, asked, tmp_path))
    assert (after.states, after.samples, after.requests) == (7, 70, 7)
    label_all(STATES_ASKED, asked, tmp_path)
    assert estimate(Labelling(LampTask(), STATES_ASKED, asked, tmp_path)).samples == 0


def test_the_estimate_is_near_what_is_spent(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    expected = estimate(Labelling(LampTask(), STATES_ASKED, settings(server.url), tmp_path))
    _, responses = label_all(STATES_ASKED, settings(server.url), tmp_path)
    assert sum(r["tokens_in"] or 0 for r in responses) == pytest.approx(expected.tokens_in, rel=0.5)


def test_the_estimate_of_scores_counts_every_token_that_may_be_answered(tmp_path: Path) -> None:
    asked = settings("http://unused/v1", method="logprob", scoring="letters", max_tokens=100)
    assert estimate(Labelling(LampTask(), STATES_ASKED, asked, tmp_path)).tokens_out == 12 * 8


def test_a_table_that_many_runs_have_filled_is_judged_whole(serve: Any, labels: Path, tmp_path: Path) -> None:
    """Each run stops after twenty useless answers, until the last one finds nothing left to ask."""
    server = serve(labels, "nonsense")
    for _ in range(6):
        with pytest.raises(LabellingStopped, match="20 of the latest 20 answers"):
            label_all(STATES_ASKED, settings(server.url, concurrency=1), tmp_path)
    complete = server.replay.complete
    server.app.state.batches._complete = lambda path, body: complete(path, body, "nonsense")
    for provider in ("openai", "openai-batch"):
        with pytest.raises(LabellingStopped, match=r"100% of the finished table's 120 answers are unusable") as stop:
            label_all(STATES_ASKED, settings(server.url, provider=provider), tmp_path)
        assert (stop.value.exit_code, stop.value.then) == (1, None)


def test_mostly_unusable_answers_end_the_run_early_with_examples(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "nonsense")
    with pytest.raises(
        LabellingStopped, match=r"(?s)20 of the latest 20 answers are unusable.*talk about the weather.*unknown"
    ):
        label_all(STATES_ASKED, settings(server.url, concurrency=1), tmp_path)
    assert server.replay.served["requests"] == 2


def test_unusable_answers_are_residual_mass_where_that_is_wanted(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "nonsense")
    rows, _ = label_all(STATES_ASKED, settings(server.url, invalid_stop=1.0), tmp_path)
    assert all((row["residual_mass"], row["plans"], row["n_invalid"]) == (1.0, [], 10) for row in rows)


def test_the_most_probable_plan_has_no_more_mass_than_all_plans(serve_app: Any, tmp_path: Path) -> None:
    """Seven answers are usable: five for one plan, two for another."""
    answers = ["explore"] * 5 + ["go to <amber lamp>"] * 2 + ["fly"] * 3

    async def answer(_: Any) -> JSONResponse:
        return JSONResponse({"choices": [{"message": {"content": f"Decision: {{{text}}}"}} for text in answers]})

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    (row,), _ = label_all([State(Description(("amber lamp",)), 1)], settings(url, method="hard"), tmp_path)
    assert [plan["prob"] for plan in row["plans"]] == [pytest.approx(0.7)]
    assert row["residual_mass"] == pytest.approx(0.3)
    assert row["entropy"] == pytest.approx(-0.3 * math.log(0.3) - 0.7 * math.log(0.7))
    write_table(tmp_path / "labels.parquet", [row], LABELS)
    assert read_instructions(tmp_path / "labels.parquet", "Lamps")


@pytest.mark.parametrize("key", ["clé-très-secrète", "two words", "tab\tin it"])
def test_a_key_that_no_header_can_hold_is_named_once(
    serve: Any, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    server = serve(labels)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(TeacherError, match="the environment variable OPENAI_API_KEY has") as error:
        label_all(STATES_ASKED, settings(server.url), tmp_path)
    assert (error.value.exit_code, key in str(error.value)) == (2, False)
    assert server.replay.served["requests"] == 0


@pytest.fixture
def ctrl_c_counts() -> Iterator[None]:
    """SIGINT as in a terminal: who starts the tests in the background has it ignored in all that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_counts")
def test_ctrl_c_keeps_every_answer(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, latency_s=0.1)

    def press() -> None:
        while server.replay.served["answers"] < 40:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    with pytest.raises(LabellingStopped, match=r"(?s)interrupted.*answers of this run are kept") as stop:
        label_all(STATES_ASKED, settings(server.url, concurrency=2), tmp_path)
    finger.join()
    assert stop.value.exit_code == 130
    label_all(STATES_ASKED, settings(server.url), tmp_path)
    assert server.replay.served["answers"] <= 12 * 10 + 2 * 10


def everything_written(folder: Path) -> str:
    """All text in a folder: raw bytes, and the tables' content, which is compressed in the files."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            found.append(path.read_bytes().decode(errors="replace"))
        for name, schema in (("labels.parquet", LABELS), ("responses.parquet", RESPONSES)):
            if path.name == name:
                found.append(json.dumps(read_table(path, schema).to_pylist(), default=str))
    return "\n".join(found)


@pytest.mark.parametrize("fault", ["", "401", "500:1:2"])
def test_the_key_is_sent_and_appears_nowhere_else(
    serve: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    key_state = Description(("key",))
    published = Path(__file__).resolve().parents[3] / "data/published/doorkey/SimpleDoorKey/labels.parquet"
    server = serve(published, fault)
    seen: list[str] = []
    inner = server.replay._answer

    async def spy(request: Any) -> Any:
        seen.append(request.headers.get("authorization", ""))
        return await inner(request)

    monkeypatch.setattr(server.replay, "_answer", spy)
    root = tmp_path / "project"
    row = {"task": "SimpleDoorKey", "state_id": key_state.state_id, "sees": ["key"], "holds": None, "state_count": 1}
    write_table(root / "data/states/SimpleDoorKey.parquet", [row], STATES)
    params = load_params(Path(__file__).resolve().parents[3] / "params.yaml")
    params = params.model_copy(update={"label": settings(server.url, model="SimpleDoorKey")})
    message = ""
    if fault == "401":
        with pytest.raises(LabellingStopped, match="Incorrect API key provided") as stop:
            label("SimpleDoorKey", params, root)
        message = str(stop.value)
        assert HIDDEN in message
    else:
        label("SimpleDoorKey", params, root)
    out, err = capfd.readouterr()
    assert set(seen) == {f"Bearer {KEY}"}
    written = everything_written(root)
    assert "SimpleDoorKey" in written
    for text in (message, out, err, written):
        assert KEY not in text
        assert KEY[3:] not in text


def test_zhipuais_two_part_keys_are_removed_in_whole_and_in_parts() -> None:
    redact = Redactor("0123456789abcdef.ZyXwVu9876543210")
    assert redact("id 0123456789abcdef, all 0123456789abcdef.ZyXwVu9876543210.") == f"id {HIDDEN}, all {HIDDEN}."


def test_what_looks_like_a_key_is_removed_even_if_it_is_another_one() -> None:
    assert Redactor(None)("Incorrect API key provided: sk-abc12*****wxyz.") == f"Incorrect API key provided: {HIDDEN}"


@pytest.mark.parametrize("url", ["http://me:secret99@host/v1", "https://host/v1?api-key=secret99"])
def test_keys_in_addresses_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(TeacherError, match="keys come from the environment only") as error:
        checked_url(url)
    assert "secret99" not in str(error.value)


@pytest.mark.parametrize("secret", [KEY, "sk-another-key-of-mine", "Bearer 0123456789"])
def test_a_key_in_the_body_is_refused_without_being_shown(
    serve: Any, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Tables say what was asked, so a key must not be in it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = serve(labels)
    with pytest.raises(TeacherError, match=r"label\.extra_body: has a key in it") as error:
        label_all(STATES_ASKED, settings(server.url, extra_body={"guided": [{"by": secret}]}), tmp_path)
    assert secret not in str(error.value)
    assert server.replay.served["requests"] == 0


def test_openais_own_server_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="OPENAI_API_KEY is not set"):
        label_all(STATES_ASKED, settings("http://unused/v1").replaced({"base_url": None}), tmp_path)


def test_only_asking_loads_a_client() -> None:
    code = (
        "import sys, stages.labels, stages.label, pipeline.tables, pipeline.teacher.providers.published;"
        "print([m for m in ('openai', 'zhipuai', 'torch', 'uvicorn', 'datasets') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_hard_labels_without_a_usable_plan_are_all_residual(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "nonsense")
    rows, _ = label_all(STATES_ASKED, settings(server.url, method="hard", invalid_stop=1.0), tmp_path)
    write_table(tmp_path / "labels.parquet", rows, LABELS)
    assert all(one.residual == 1 for one in read_instructions(tmp_path / "labels.parquet", "Lamps").values())
