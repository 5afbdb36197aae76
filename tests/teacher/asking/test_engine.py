"""The engine against a misbehaving server over real HTTP: a complete table or a clear end, nothing counted twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from teacher_fakes import content, label_all, lamp_states, settings, write_lamp_labels

from pipeline.params import ParamsError
from pipeline.tables import RESPONSES, write_table
from pipeline.teacher.errors import LabellingStopped

pytestmark = pytest.mark.usefixtures("quick")
STATES = lamp_states(12)
SAMPLES = 10


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_lamp_labels(tmp_path / "served.parquet", STATES)


def check_complete(rows: list[dict[str, Any]], responses: list[dict[str, Any]]) -> None:
    """Every state has all its samples, and each sample exactly one answer."""
    assert [row["state_id"] for row in rows] == [state.description.state_id for state in STATES]
    assert all(row["n_valid"] + row["n_invalid"] == SAMPLES == row["n_requested"] for row in rows)
    answers = Counter((r["request_key"], r["sample_index"]) for r in responses if r["error"] is None)
    assert len(answers) == len(STATES) * SAMPLES
    assert set(answers.values()) == {1}
    for row in rows:
        assert abs(sum(plan["prob"] for plan in row["plans"]) + row["residual_mass"] - 1) < 1e-9


def test_a_well_behaved_server_is_asked_once_per_state(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    rows, responses = label_all(STATES, settings(server.url), tmp_path)
    check_complete(rows, responses)
    assert server.replay.served["requests"] == len(STATES)
    assert [row["state_count"] for row in rows] == [state.visits for state in STATES]
    assert {row["model_returned"] for row in rows} == {"replay-Lamps"}


@pytest.mark.parametrize(
    "fault",
    ["429", "500", "502", "503", "reset", "malformed", "empty", "no-choices", "error-200"],
)
def test_failures_that_pass_cost_nothing_but_time(serve: Any, labels: Path, tmp_path: Path, fault: str) -> None:
    server = serve(labels, f"{fault}:1:3", retry_after_s=0.01)
    rows, responses = label_all(STATES, settings(server.url), tmp_path)
    check_complete(rows, responses)
    failed = [r for r in responses if r["error"] is not None]
    assert server.replay.injector.made == {fault: 3}
    assert len(failed) == 3 == sum(row["n_error"] for row in rows)
    assert all(r["text"] is None for r in failed)
    assert server.replay.served["requests"] == len(STATES) + 3


def test_one_choice_where_ten_were_asked_is_topped_up(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "one:1:5")
    check_complete(*label_all(STATES, settings(server.url), tmp_path))
    assert server.replay.served["answers"] == len(STATES) * SAMPLES


def test_a_server_that_never_knows_n_is_asked_for_single_answers(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "one")
    check_complete(*label_all(STATES, settings(server.url), tmp_path))
    assert server.replay.served["requests"] == len(STATES) * SAMPLES


@pytest.mark.parametrize("fault", ["legacy", "parts"])
def test_answers_in_other_shapes_are_read(serve: Any, labels: Path, tmp_path: Path, fault: str) -> None:
    server = serve(labels, fault, seed=3)
    plain = serve(labels, seed=3)
    odd = label_all(STATES, settings(server.url, seed=5), tmp_path / "odd")
    check_complete(*odd)
    assert content(odd[0]) == content(label_all(STATES, settings(plain.url, seed=5), tmp_path / "plain")[0])


@pytest.mark.parametrize("fault", ["slow", "hang"])
def test_a_body_slower_than_the_timeout_is_asked_for_again(
    serve: Any, labels: Path, tmp_path: Path, fault: str
) -> None:
    server = serve(labels, f"{fault}:1:2", slow_s=30.0)
    rows, responses = label_all(STATES, settings(server.url, timeout_s=2.0), tmp_path)
    check_complete(rows, responses)
    assert [r["error"] for r in responses if r["error"]] == ["no answer in 2.0 s"] * 2


def test_a_slow_body_within_the_timeout_is_read(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "slow:1:2", slow_s=0.3)
    rows, responses = label_all(STATES, settings(server.url), tmp_path)
    check_complete(rows, responses)
    assert not any(r["error"] for r in responses)


def test_a_long_retry_after_ends_the_run_with_the_time(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "429:1:1", retry_after_s=400)
    with pytest.raises(
        LabellingStopped, match=r"(?s)wait 400 s, until \d\d:\d\d:\d\d.*answered will be asked again"
    ) as stop:
        label_all(STATES, settings(server.url, concurrency=1), tmp_path)
    assert stop.value.exit_code == 1
    assert server.replay.served["requests"] == 1
    check_complete(*label_all(STATES, settings(server.url), tmp_path))


def test_a_long_retry_after_is_waited_for_if_allowed(
    serve: Any, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def no_sleep(self: Any, seconds: float) -> None:
        waits.append(seconds)
        self.resume_at = 0.0

    monkeypatch.setattr("pipeline.teacher.asking.pace.Pace.sleep", no_sleep)
    server = serve(labels, "429:1:1", retry_after_s=400)
    check_complete(*label_all(STATES, settings(server.url, max_wait_s=1000.0, concurrency=1), tmp_path))
    assert max(waits) == pytest.approx(400, abs=1)


def test_a_server_that_only_fails_ends_the_run(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, "500")
    with pytest.raises(LabellingStopped, match=r"3 failures in a row .*500: internal error"):
        label_all(STATES, settings(server.url, attempts=3), tmp_path)


@pytest.mark.parametrize("fault", ["401", "404"])
def test_a_refusal_that_would_come_again_ends_the_run_at_once(
    serve: Any, labels: Path, tmp_path: Path, fault: str
) -> None:
    server = serve(labels, fault)
    with pytest.raises(LabellingStopped, match=f"the server refuses: {fault}"):
        label_all(STATES, settings(server.url, concurrency=1), tmp_path)
    assert server.replay.served["requests"] == 1


def test_a_rate_limit_is_kept_to_without_a_lost_sample(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, rate_limit=20.0)
    states = lamp_states(12)
    check_complete(*label_all(states, settings(server.url, concurrency=64), tmp_path))


def test_concurrency_stays_within_its_bound(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, latency_s=0.02)
    check_complete(*label_all(STATES, settings(server.url, concurrency=3), tmp_path))
    assert server.replay.served["most_at_once"] == 3


def test_more_samples_later_ask_only_for_the_difference(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    first, _ = label_all(STATES, settings(server.url, samples=4), tmp_path)
    rows, responses = label_all(STATES, settings(server.url), tmp_path)
    check_complete(rows, responses)
    assert server.replay.served["answers"] == len(STATES) * SAMPLES
    again, _ = label_all(STATES, settings(server.url, samples=4), tmp_path)
    assert content(again) == content(first)
    assert server.replay.served["answers"] == len(STATES) * SAMPLES


def test_other_settings_are_other_requests(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    asked = [settings(server.url, **change) for change in ({}, {"temperature": 0.5}, {"model": "other"}, {"seed": 7})]
    keys = set()
    for one in asked:
        _, responses = label_all(STATES[:1], one, tmp_path)
        keys |= {r["request_key"] for r in responses}
    assert len(keys) == len(asked) == server.replay.served["requests"]


def test_ten_draws_stay_ten_draws(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    rows, responses = label_all([STATES[1]], settings(server.url, samples=200), tmp_path)
    assert len({r["sample_index"] for r in responses}) == 200
    counts = [plan["count"] for plan in rows[0]["plans"]]
    assert sum(counts) == 200
    assert len(counts) == 2


def test_error_objects_in_fastchats_shape_are_failures(serve_app: Any, tmp_path: Path) -> None:
    async def answer(_: Any) -> JSONResponse:
        return JSONResponse({"object": "error", "message": "NETWORK ERROR", "code": 40301}, 200)

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    with pytest.raises(LabellingStopped, match="the server refuses: 403: NETWORK ERROR"):
        label_all(STATES, settings(url), tmp_path)


def test_half_characters_and_nul_in_an_answer_are_kept_in_a_writable_form(serve_app: Any, tmp_path: Path) -> None:
    async def answer(_: Any) -> Response:
        choice = r'{"message": {"content": "Decision: {explore} \ud83d \u0000 \u00e9"}}'
        body = f'{{"model": "\\ud800", "choices": [{", ".join([choice] * 10)}]}}'
        return Response(body, media_type="application/json")

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    rows, responses = label_all(STATES, settings(url), tmp_path)
    check_complete(rows, responses)
    write_table(tmp_path / "responses.parquet", responses, RESPONSES)
    assert {r["text"] for r in responses} == {"Decision: {explore} ? \ufffd é"}


def test_a_quota_that_is_used_up_by_the_last_answer_is_no_reason_to_stop(serve_app: Any, tmp_path: Path) -> None:
    async def answer(_: Any) -> JSONResponse:
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h0m0s"}
        return JSONResponse({"choices": [{"message": {"content": "Decision: {explore}"}}] * 10}, headers=headers)

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    label_all(STATES[:1], settings(url), tmp_path)
    with pytest.raises(LabellingStopped, match=r"quota is used up for 3\d\d\d s"):
        label_all(STATES, settings(url, concurrency=1), tmp_path)


def test_what_the_labelling_sets_itself_cannot_be_overridden() -> None:
    with pytest.raises(ParamsError, match="extra_body can't hold n, stream"):
        settings("http://localhost/v1").replaced({"extra_body": {"n": 3, "stream": True, "min_p": 0.1}})


def test_the_system_message_and_the_address_are_part_of_a_request(serve: Any, labels: Path, tmp_path: Path) -> None:
    one, two = serve(labels), serve(labels)
    keys = []
    for url in (one.url, two.url, two.url):
        _, responses = label_all(STATES[:1], settings(url), tmp_path)
        keys.append(responses[0]["request_key"])
        if len(keys) == 2:
            (tmp_path / "prompts").mkdir()
            (tmp_path / "prompts/chain_of_thought.system.txt").write_text("$rules\nTake care.\n")
    assert len(set(keys)) == 3
    assert (one.replay.served["requests"], two.replay.served["requests"]) == (1, 2)


def test_with_a_seed_single_answers_are_the_same_draws_as_ten_at_once(serve: Any, labels: Path, tmp_path: Path) -> None:
    ten, single = serve(labels), serve(labels, "one")
    rows, _ = label_all(STATES, settings(ten.url, seed=5), tmp_path / "ten")
    again, _ = label_all(STATES, settings(single.url, seed=5), tmp_path / "single")
    assert content(again) == content(rows)
    assert any(len(row["plans"]) == 2 for row in rows)


def test_refusals_slow_the_engine_down(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels, concurrency=2, latency_s=0.1)
    check_complete(*label_all(STATES, settings(server.url, concurrency=12, attempts=100), tmp_path))
    assert server.replay.served["refused"] < 40
