"""Labels from token logprobs: by letters and by plans, against the table that is served."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from teacher_fakes import settings

from pipeline.instructions import Description, Option, Plan
from pipeline.tables import read_instructions
from pipeline.tasks.registry import get_task
from pipeline.teacher.asking.calls import CallFailed
from pipeline.teacher.errors import LabellingStopped
from pipeline.teacher.methods.candidates import candidate_plans
from pipeline.teacher.methods.letters import letter_scores
from pipeline.teacher.methods.plans import continuation_score
from pipeline.teacher.server.faults import parse_faults
from pipeline.teacher.states import State
from pipeline.teacher.teacher import ask

pytestmark = pytest.mark.usefixtures("quick")
PUBLISHED = Path(__file__).resolve().parents[3] / "data/published/doorkey"
NAME = "ColoredDoorKey"


@pytest.mark.parametrize("scoring", ["letters", "plans"])
def test_scores_give_back_the_served_distribution(serve: Any, tmp_path: Path, scoring: str) -> None:
    task = get_task(NAME)
    truth = read_instructions(PUBLISHED / NAME / "labels.parquet", NAME)
    server = serve(PUBLISHED / NAME / "labels.parquet")
    states = [State(one.description, 1) for one in truth.values()]
    asked = settings(server.url, model=NAME, method="logprob", scoring=scoring)
    rows = list(ask(task, states, asked, tmp_path).labels)
    for row, state in zip(rows, states, strict=True):
        candidates = candidate_plans(task, state.description)
        probs = {str(s.plan): s.prob for s in truth[row["state_id"]].shares if s.plan in candidates}
        total = sum(probs.values())
        found = {plan["text"]: plan for plan in row["plans"]}
        for plan, prob in probs.items():
            assert found[plan]["prob"] == pytest.approx(prob / total, abs=1e-4)
            assert found[plan]["logprob"] is not None
        assert (row["method"], row["score_normalisation"]) == ("logprob", "softmax")
        assert row["score_stage"] is not None
    assert server.replay.served["requests"] == (
        len(states) if scoring == "letters" else sum(len(candidate_plans(task, s.description)) for s in states)
    )


@pytest.mark.parametrize("scoring", ["letters", "plans"])
def test_a_server_without_logprobs_ends_the_run_and_says_so(serve: Any, tmp_path: Path, scoring: str) -> None:
    server = serve(PUBLISHED / NAME / "labels.parquet", "null-logprobs")
    asked = settings(server.url, model=NAME, method="logprob", scoring=scoring, attempts=2)
    with pytest.raises(LabellingStopped, match="the server sent no logprobs"):
        ask(get_task(NAME), [State(Description(), 1)], asked, tmp_path)


@pytest.mark.parametrize("scoring", ["letters", "plans"])
def test_a_server_without_logprobs_is_asked_once(serve: Any, tmp_path: Path, scoring: str) -> None:
    server = serve(PUBLISHED / NAME / "labels.parquet", "null-logprobs")
    truth = read_instructions(PUBLISHED / NAME / "labels.parquet", NAME)
    states = [State(one.description, 1) for one in truth.values()]
    with pytest.raises(LabellingStopped, match="the server sent no logprobs"):
        ask(get_task(NAME), states, settings(server.url, model=NAME, method="logprob", scoring=scoring), tmp_path)
    assert server.replay.served["requests"] == 1


def test_a_logprob_above_0_is_refused() -> None:
    with pytest.raises(CallFailed, match="a logprob above 0"):
        letter_scores({"content": [entry("A", -0.1, B=0.5)]}, 3)
    with pytest.raises(CallFailed, match="a logprob above 0"):
        continuation_score({"content": [{"token": "ab", "logprob": 3.0}]}, 0, 2, "sum")
    assert letter_scores({"content": [entry("A", 1e-7)]}, 3) == {0: 1e-7}


def test_candidates_make_sense_and_can_be_carried_out() -> None:
    task = get_task(NAME)
    texts = [str(plan) for plan in candidate_plans(task, Description(("color1 door", "color1 key"), "color2 key"))]
    assert "explore" in texts
    assert "drop <color2 key>, go to <color1 key>, pick up <color1 key>" in texts
    assert "go to <color1 door>, open <color1 door>" in texts
    assert not any("drop <color1 key>" in text for text in texts)
    assert len(set(texts)) == len(texts) <= 20


def test_nothing_is_done_with_what_is_held_but_put_down() -> None:
    """Also where it is in sight as well, as another one of its kind."""
    for sees in (("color1 door",), ("color1 door", "color1 key")):
        texts = [str(plan) for plan in candidate_plans(get_task(NAME), Description(sees, "color1 key"))]
        assert not any("go to <color1 key>" in text or "pick up <color1 key>" in text for text in texts)
        assert "drop <color1 key>" in texts
        assert "go to <color1 door>, open <color1 door>" in texts


def entry(token: str, logprob: float, **others: float) -> dict[str, Any]:
    return {
        "token": token,
        "logprob": logprob,
        "top_logprobs": [{"token": t.replace("_", " "), "logprob": v} for t, v in others.items()],
    }


def test_spellings_of_a_letter_are_added_and_other_tokens_passed_over() -> None:
    found = {"content": [entry("\n", -0.1), entry("A", math.log(0.5), A=math.log(0.5), _A=math.log(0.2), B=-9999.0)]}
    assert letter_scores(found, 3) == pytest.approx({0: math.log(0.7)})
    assert letter_scores({"content": [entry("The", -0.1, Z=-2.0)]}, 3) == {}


def test_letters_beyond_the_candidates_have_no_score_whatever_was_drawn() -> None:
    assert letter_scores({"content": [entry("D", -0.1, A=-3.0)]}, 3) == {0: -3.0}
    assert letter_scores({"content": [entry("The", -0.1, B=-2.0), entry("A", -0.1)]}, 3) == {1: -2.0}


def test_a_continuation_is_scored_by_the_tokens_that_reach_into_it() -> None:
    tokens = [("Plan", None), (": {", -1.0), ("go", -0.5), (" home", -0.25), ("}", -0.25), ("\n", -7.0)]
    found = {"content": [{"token": token, "logprob": value} for token, value in tokens]}
    assert continuation_score(found, 7, 15, "sum") == pytest.approx(-1.0)
    assert continuation_score(found, 7, 15, "mean") == pytest.approx(-1.0 / 3)
    with pytest.raises(CallFailed, match="no logprobs"):
        continuation_score({"content": []}, 7, 15, "sum")


def test_candidates_score_as_plans() -> None:
    assert candidate_plans(get_task("SimpleDoorKey"), Description()) == [Plan((Option("explore"),))]


def test_fault_names_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown kind 'boom'"):
        parse_faults("boom")


@pytest.mark.parametrize("value", [math.nan, math.inf, "-1.0", None])
def test_scores_that_are_no_numbers_are_no_scores(value: Any) -> None:
    assert letter_scores({"content": [entry("A", value, B=-1.0)]}, 3) == {1: -1.0}
    with pytest.raises(CallFailed, match="no logprobs"):
        continuation_score({"content": [{"token": "ab", "logprob": value}]}, 0, 2, "sum")
