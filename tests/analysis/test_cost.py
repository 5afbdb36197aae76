"""The cost of a student beside asking at every step."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.analysis.cost import Tokens, assumptions, cost, tokens_of_answer
from pipeline.instructions import Description
from pipeline.tasks.registry import get_task

STUDENT = {"parameters": 22024, "env_steps": 1e6, "seconds": 6.0}


def test_answers_tokens_seconds_and_euros() -> None:
    result = cost(Tokens(300, 100, True), states=6, samples=10, taught_steps=2000, llm_length=20.5, student=STUDENT)
    assert [way["answers"] for way in result["ways"]] == [60, 2000, 20500]
    table = result["ways"][0]
    assert table["tokens"] == 24000
    assert table["seconds"] == 60 * assumptions()["seconds_per_answer"]
    price = assumptions()["prices"][0]
    euros = (18000 * price["eur_per_million_in"] + 6000 * price["eur_per_million_out"]) / 1e6
    assert table["euros"][price["model"]] == pytest.approx(euros)


def test_without_an_evaluation_the_acting_llm_is_left_out() -> None:
    assert len(cost(Tokens(1, 1, True), 6, 10, 2000, None, STUDENT)["ways"]) == 2


def test_tokens_are_measured_where_a_model_was_asked() -> None:
    task = get_task("SimpleDoorKey")
    asked = {"answers": {"valid": 50, "unparseable": 10}, "tokens_in": 6000, "tokens_out": 1200}
    assert tokens_of_answer(task, [Description()], asked, Path()) == Tokens(100, 20, True)
    estimated = tokens_of_answer(task, [Description()], {"answers": {"valid": 0}, "tokens_in": 0}, Path())
    assert not estimated.measured
    assert 100 < estimated.sent < 1000


def test_every_assumption_names_its_source() -> None:
    assumed = assumptions()
    assert assumed["seconds_source"]
    assert all("20" in price["source"] for price in assumed["prices"])
