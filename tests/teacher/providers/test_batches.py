"""Batches by file and by the Batch API: only what is missing is asked for, and nothing is read twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import content, label_all, lamp_states, settings, write_lamp_labels

from pipeline.teacher.answers.ledger import Ledger
from pipeline.teacher.asking.batch_lines import write_files
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.server.answers import LabelIndex
from pipeline.teacher.server.app import ReplayServer, ServerBehaviour

STATES = lamp_states(12)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_lamp_labels(tmp_path / "served.parquet", STATES)


def by_file(**changes: Any) -> Any:
    return settings("http://unused/v1", provider="batch-file", batch_dir="batches", **changes)


def requests_in(root: Path) -> list[dict[str, Any]]:
    files = sorted((root / "batches/Lamps").glob("requests-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def answer(server: ReplayServer, line: dict[str, Any]) -> dict[str, Any]:
    """A result line as an offline engine writes it."""
    body = server.complete(line["url"], line["body"])
    return {"id": "r", "custom_id": line["custom_id"], "error": None, "response": {"status_code": 200, "body": body}}


def write_results(root: Path, name: str, lines: list[dict[str, Any]]) -> None:
    (root / "batches/Lamps" / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def stop_for_answers(root: Path, **changes: Any) -> str:
    with pytest.raises(LabellingStopped) as stop:
        label_all(STATES, by_file(**changes), root)
    return str(stop.value)


def test_requests_go_out_and_results_come_back(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    message = stop_for_answers(tmp_path)
    assert "vllm run-batch -i" in message
    lines = requests_in(tmp_path)
    assert len(lines) == len({line["custom_id"] for line in lines}) == len(STATES)
    assert all(line["body"]["n"] == 10 and line["method"] == "POST" for line in lines)

    write_results(tmp_path, "results-1.jsonl", [answer(server, line) for line in lines])
    rows, responses = label_all(STATES, by_file(), tmp_path)
    assert [row["n_valid"] for row in rows] == [10] * len(STATES)
    assert {r["source"] for r in responses} == {"import"}
    assert requests_in(tmp_path) == []


def test_only_what_failed_is_asked_for_again(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path)
    results = [answer(server, line) for line in requests_in(tmp_path)]
    results[0] |= {"response": None, "error": {"code": "batch_expired", "message": "expired"}}
    results[1]["response"] = {"status_code": 400, "body": {"error": {"message": "refused here"}}}
    results[2]["response"]["body"]["choices"] = results[2]["response"]["body"]["choices"][:4]
    write_results(tmp_path, "results-1.jsonl", results[:-1])

    message = stop_for_answers(tmp_path)
    assert "refused here" in message
    again = {line["custom_id"].split(".", 1)[0]: line for line in requests_in(tmp_path)}
    keys = [result["custom_id"].split(".")[0] for result in results]
    assert set(again) == {keys[0], keys[1], keys[2], keys[-1]}
    assert again[keys[2]]["custom_id"].endswith(".4.6")
    assert again[keys[2]]["body"]["n"] == 6

    stop_for_answers(tmp_path)
    write_results(tmp_path, "results-2.jsonl", [answer(server, line) for line in again.values()])
    rows, responses = label_all(STATES, by_file(), tmp_path)
    assert [row["n_valid"] for row in rows] == [10] * len(STATES)
    answered = [(r["request_key"], r["sample_index"]) for r in responses if r["error"] is None]
    assert len(answered) == len(set(answered)) == 120
    assert not any("duplicate" in (r["error"] or "") for r in responses)


def test_results_of_another_set_up_are_passed_over_and_counted(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path)
    write_results(tmp_path, "results-1.jsonl", [answer(server, line) for line in requests_in(tmp_path)])
    assert "12 results were of other settings" in stop_for_answers(tmp_path, temperature=0.3)


def test_broken_lines_are_counted_and_named_and_the_rest_is_read(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path)
    lines = [json.dumps(answer(server, line)) for line in requests_in(tmp_path)]
    broken = ["", '{"custom_id": "somebody elses"}', "[" * 100_000, *lines[:-1], '{"custom_id": ', ""]
    (tmp_path / "batches/Lamps/results-1.jsonl").write_text("\n".join(broken))
    message = stop_for_answers(tmp_path)
    assert "110 answers read, 10 are missing" in message
    assert "results-1.jsonl, line 2: not a result of our requests" in message
    assert "3 lines like that could not be read" in message


@pytest.mark.parametrize("name", ["requests-1_output.jsonl", "requests-1.results.jsonl", "requests-answers.jsonl"])
def test_results_that_are_named_after_the_requests_are_read_and_kept(labels: Path, tmp_path: Path, name: str) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path)
    write_results(tmp_path, name, [answer(server, line) for line in requests_in(tmp_path)])
    rows, _ = label_all(STATES, by_file(), tmp_path)
    assert [row["n_valid"] for row in rows] == [10] * len(STATES)
    assert [path.name for path in (tmp_path / "batches/Lamps").iterdir()] == [name]


def test_characters_that_end_a_line_elsewhere_end_none_here(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path)
    results = [answer(server, line) for line in requests_in(tmp_path)]
    for result in results:
        for choice in result["response"]["body"]["choices"]:
            choice["message"]["content"] = "Summary: a\u2028b\u0085c\nDecision: {explore}"
    text = "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results)
    (tmp_path / "batches/Lamps/results-1.jsonl").write_text(text)
    rows, _ = label_all(STATES, by_file(), tmp_path)
    assert [row["n_valid"] for row in rows] == [10] * len(STATES)


def test_files_that_are_read_again_bring_nothing_twice(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path)
    results = [answer(server, line) for line in requests_in(tmp_path)]
    results[0] |= {"response": None, "error": {"message": "expired"}}
    results[1]["response"] = {"status_code": 400, "body": {"error": {"message": "refused here"}}}
    write_results(tmp_path, "results-1.jsonl", results)
    ledger = Ledger(tmp_path / ".teacher_cache/ledger.sqlite")
    keys = [result["custom_id"].split(".")[0] for result in results]
    for _ in range(3):
        stop_for_answers(tmp_path)
        assert [ledger.failures(key, 10) for key in keys[:3]] == [1, 1, 0]


def test_what_a_call_cost_is_kept_though_its_first_sample_was_there(labels: Path, tmp_path: Path) -> None:
    server = ReplayServer(LabelIndex([labels]), ServerBehaviour(), [])
    stop_for_answers(tmp_path, price_out=1.0)
    results = [answer(server, line) for line in requests_in(tmp_path)]
    first = json.loads(json.dumps(results))
    for result in first:
        result["response"]["body"]["choices"] = result["response"]["body"]["choices"][:1]
    write_results(tmp_path, "results-1.jsonl", first)
    write_results(tmp_path, "results-2.jsonl", results)
    _, responses = label_all(STATES, by_file(price_out=1.0), tmp_path)
    told = [(r["sample_index"], r["raw"] is None, r["cost"] is None, r["tokens_out"] is None) for r in responses]
    assert told == [(k, k > 1, k > 1, k > 1) for k in range(10)] * len(STATES)


def test_files_stay_within_the_apis_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.teacher.asking.batch_lines.MOST_LINES", 3)
    monkeypatch.setattr("pipeline.teacher.asking.batch_lines.MOST_BYTES", 20)
    written = write_files(["12345678\n"] * 5 + ["1\n"] * 4, tmp_path, "part")
    assert [count for _, count in written] == [2, 2, 3, 2]
    assert sum(len(path.read_text().splitlines()) for path, _ in written) == 9


def by_api(url: str, **changes: Any) -> Any:
    return settings(url, provider="openai-batch", poll_s=0.01, max_wait_s=0.5, **changes)


def test_the_batch_api_answers_everything_and_is_asked_again_for_what_expired(
    serve: Any, labels: Path, tmp_path: Path
) -> None:
    server = serve(labels, seed=2)
    server.app.state.batches.drop_every = 5
    rows, responses = label_all(STATES, by_api(server.url, seed=1), tmp_path)
    batches = server.app.state.batches.batches.values()
    assert [batch["request_counts"]["total"] for batch in batches] == [12, 2]
    assert {r["source"] for r in responses} == {"batch"}
    assert sum(row["n_error"] for row in rows) == 2
    online, _ = label_all(STATES, settings(server.url, seed=1), tmp_path / "online")
    same = ("plans", "verdicts", "residual_mass", "n_valid")
    assert [{k: r[k] for k in same} for r in content(rows)] == [{k: r[k] for k in same} for r in content(online)]


def test_a_batch_under_way_is_waited_for_by_the_next_run(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    server.app.state.batches.pending = True
    for _ in range(2):
        with pytest.raises(LabellingStopped, match=r"(?s)batch_\d+ is in_progress.*every finished answer is kept"):
            label_all(STATES, by_api(server.url), tmp_path)
    server.app.state.batches.pending = False
    rows, _ = label_all(STATES, by_api(server.url), tmp_path)
    assert len(rows) == 12
    assert len(server.app.state.batches.batches) == 1


def test_a_batch_that_was_made_is_collected_without_being_looked_for(
    serve: Any, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server with many batches of others may list ours on no first page."""
    monkeypatch.setattr("pipeline.teacher.providers.openai_batch._BatchRun._find_lost", lambda _: None)
    rows, _ = label_all(STATES, by_api(serve(labels).url), tmp_path)
    assert len(rows) == 12


def test_a_batch_that_a_killed_run_made_is_found_again(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    server.app.state.batches.pending = True
    with pytest.raises(LabellingStopped):
        label_all(STATES, by_api(server.url), tmp_path)
    ledger = Ledger(tmp_path / ".teacher_cache/ledger.sqlite")
    ledger._db.execute("UPDATE batches SET batch_id = NULL")
    ledger.close()
    server.app.state.batches.pending = False
    label_all(STATES, by_api(server.url), tmp_path)
    assert len(server.app.state.batches.batches) == 1


def test_two_processes_don_t_submit_the_same(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    server.app.state.batches.pending = True
    with pytest.raises(LabellingStopped, match="every finished answer is kept"):
        label_all(STATES, by_api(server.url), tmp_path)
    other = Ledger(tmp_path / ".teacher_cache/ledger.sqlite")
    assert other._db.execute("SELECT COUNT(*) FROM claimed").fetchone() == (0,)  # given up with the run
    (labelling,) = other._db.execute("SELECT labelling FROM batches").fetchone()
    other._db.execute("DELETE FROM batches")  # as if the other process had claimed, and not submitted yet
    assert other.claim([labelling], 1) == [[0]]
    server.app.state.batches.pending = False
    with pytest.raises(LabellingStopped, match="another process is at this labelling's batches"):
        label_all(STATES, by_api(server.url), tmp_path)
    assert len(server.app.state.batches.batches) == 1
    other.release(labelling)
    other.close()
    rows, _ = label_all(STATES, by_api(server.url), tmp_path)
    assert len(rows) == 12


def test_a_batch_that_was_never_made_is_made(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    server.app.state.batches.pending = True
    with pytest.raises(LabellingStopped):
        label_all(STATES, by_api(server.url), tmp_path)
    ledger = Ledger(tmp_path / ".teacher_cache/ledger.sqlite")
    ledger._db.execute("UPDATE batches SET batch_id = NULL, intent = 'lost'")
    ledger.close()
    server.app.state.batches.pending = False
    rows, _ = label_all(STATES, by_api(server.url), tmp_path)
    assert len(rows) == 12
    assert len(server.app.state.batches.batches) == 2


def test_batches_that_keep_failing_end_the_run(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    server.app.state.batches.drop_every = 1
    with pytest.raises(LabellingStopped, match=r"120 samples are still missing after 5 rounds of batches.*in time"):
        label_all(STATES, by_api(server.url), tmp_path)


def test_a_batch_beyond_the_budget_is_not_made(serve: Any, labels: Path, tmp_path: Path) -> None:
    server = serve(labels)
    with pytest.raises(LabellingStopped, match=r"12 requests .* label\.max_requests = 11"):
        label_all(STATES, by_api(server.url, max_requests=11), tmp_path)
    assert server.app.state.batches.batches == {}
