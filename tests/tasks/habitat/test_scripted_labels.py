"""Words and numbers of a situation, and the rule that is a teacher."""

from __future__ import annotations

import json

import pytest
from tiny import ROOT

from pipeline.instructions import Description, Verdict, options_of
from pipeline.plan_reader import read_plan
from pipeline.tables import read_instructions
from pipeline.tasks.habitat.description import DESCRIPTIONS, described
from pipeline.tasks.habitat.options import GRAMMAR, OPTIONS, PICK, PLACE, STOPPING
from pipeline.tasks.habitat.scripted import ERRORS, SHIPPED, frequencies, right_plan, wrong_plan


def test_options_are_numbered_as_the_grammar_has_them():
    options = options_of(GRAMMAR)
    assert len(options) == OPTIONS
    assert [options[number].name for number in (0, PICK, PLACE, STOPPING)] == ["navigate to", "pick", "place", "stop"]


def test_a_situation_in_words():
    assert described(2, 1, 0, 0) == Description(
        ("receptacle1", "receptacle2", "target", "target on receptacle1 far away"), None
    )
    assert described(0, 0, 1, 1) == Description(("different object", "receptacle1", "target"), "target")
    assert DESCRIPTIONS[((2 * 3 + 1) * 2 + 0) * 3 + 0] == described(2, 1, 0, 0)


@pytest.mark.parametrize(
    ("state", "plan"),
    [
        (described(2, 0, 0, 0), "navigate to <receptacle1>, pick <target>, stop"),
        (described(0, 2, 1, 0), "pick <target>, stop"),
        (described(1, 0, 0, 1), "stop"),
        (described(0, 0, 1, 2), "place <different object>, pick <target>, stop"),
    ],
)
def test_the_rule(state, plan):
    assert right_plan(state) == plan


@pytest.mark.parametrize("plan", [right_plan, wrong_plan])
def test_every_plan_of_the_rule_is_valid_where_it_is_given(plan):
    for state in DESCRIPTIONS:
        assert read_plan(plan(state), GRAMMAR, state).verdict == Verdict.VALID, f"{state}: {plan(state)}"
        assert wrong_plan(state) != right_plan(state)


def test_what_is_shipped_is_the_rule_and_labels_every_state():
    assert json.loads((ROOT / SHIPPED).read_text()) == frequencies()
    for task in ("NavPick", "NavPickStrict"):
        labels = read_instructions((ROOT / SHIPPED).parent / task / "labels.parquet", task, GRAMMAR)
        assert labels.keys() == {state.state_id for state in DESCRIPTIONS}
        assert all(label.shares[0].prob == pytest.approx(1 - ERRORS) for label in labels.values())


def test_without_errors_all_the_mass_is_right():
    plans = [entry["plans"] for entry in frequencies(0.0)["tables"][0]["entries"]]
    assert all(list(plan.values()) == [1.0] for plan in plans)
