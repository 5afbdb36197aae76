"""Prompts and answers: what a model is shown, and what is made of what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.instructions import Description, Verdict
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.reading import find_decision, read_answer
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.prompts.prompt import Prompt, load_prompt, roles, shown

TASK = get_task("ColoredDoorKey")
STATE = Description(("color1 door", "color2 key"), "color1 key")


def prompt(root: Path, name: str = "chain_of_thought") -> Prompt:
    return load_prompt(name, TASK.prompt, TASK.grammar.objects, root)


@pytest.mark.parametrize(
    ("answer", "decision", "in_place"),
    [
        ("Summary: s\nReasoning: r\nDecision: {explore}", "{explore}", True),
        ("Reasoning: {no} maybe.\n**Decision:** {explore}", "{explore}", True),
        ("decision: explore", "explore", True),
        ("Decision: ```{explore}```", "{explore}", True),
        ("Decision:\n1. go to <key>\n2. pick up <key>", "1. go to <key>\n2. pick up <key>", True),
        ("Decision: {explore}\n\nI hope this helps!", "{explore}", True),
        ("Decision: explore\nNote: nothing else.", "explore", True),
        ("Decision: {explore}\nWait. Decision: {open <door>}", "{open <door>}", True),
        ("<think>Decision: {explore}</think>\nDecision: {open <door>}", "{open <door>}", True),
        ("Summary: s Reasoning: r Decision: {explore}", "{explore}", True),
        ("Plan: explore", "explore", False),
        ("Final answer: {explore}", "{explore}", False),
        ('```json\n{"summary": "s", "decision": "explore"}\n```', "explore", False),
        ('{"plan": ["go to <key>", "pick up <key>"]}', "go to <key>, pick up <key>", False),
        ("I would {explore} here.", "explore", False),
        ("Thinking.\nexplore", "explore", False),
        ("", "", False),
    ],
)
def test_decisions_are_found_where_models_write_them(answer: str, decision: str, in_place: bool) -> None:
    assert find_decision(answer) == (decision, in_place)


@pytest.mark.parametrize(
    ("answer", "verdict", "plan"),
    [
        ("Decision: {go to <red door>, open <red door>}", Verdict.VALID, "go to <color1 door>, open <color1 door>"),
        ("Decision: go to the red door, open red door", Verdict.REPAIRED, "go to <color1 door>, open <color1 door>"),
        ("{go to <blue key>}", Verdict.REPAIRED, "go to <color2 key>"),
        ("Decision: {Go to <Blue key>}", Verdict.REPAIRED, "go to <color2 key>"),
        ("Decision: {go to <green key>}", Verdict.UNKNOWN_OBJECT, None),
        ("Decision: {use <red key>}", Verdict.UNKNOWN_OPTION, None),
        ("Decision: {drop <blue key>}", Verdict.NOT_EXECUTABLE, None),
        ("", Verdict.UNPARSEABLE, None),
    ],
)
def test_answers_are_judged_in_the_words_of_descriptions(
    tmp_path: Path, answer: str, verdict: Verdict, plan: str | None
) -> None:
    _, reading = read_answer(answer, prompt(tmp_path), TASK.grammar, STATE)
    assert reading.verdict is verdict
    assert (str(reading.plan) if reading.plan else None) == plan


def test_a_model_sees_colours_and_never_roles(tmp_path: Path) -> None:
    messages = prompt(tmp_path).messages(STATE)
    text = json.dumps(messages)
    assert "color" not in text
    assert messages[-1]["content"] == "Scene: The agent observes a red door, a blue key, and holds a red key.\n"
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert "Summary:" in messages[2]["content"]
    assert "Reasoning:" in messages[2]["content"]
    assert messages[2]["content"].strip().endswith("Decision: {go to <red key>, pick up <red key>}")


def test_colours_and_roles_are_each_others_inverse() -> None:
    text = "go to <color1 key>, open <color2 door>, drop <color6 key>"
    assert roles(shown(text)) == text
    assert roles("the Gray key") == "the color6 key"


def test_tasks_without_colours_keep_their_words(tmp_path: Path) -> None:
    task = get_task("SimpleDoorKey")
    plain = load_prompt("chain_of_thought", task.prompt, task.grammar.objects, tmp_path)
    assert plain.read_back("a red herring") == "a red herring"


def test_a_users_own_prompt_comes_first_and_changes_the_hash(tmp_path: Path) -> None:
    built_in = prompt(tmp_path)
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "chain_of_thought.system.txt").write_text("$rules\nCost: $$5. Be brief.\n")
    own = prompt(tmp_path)
    assert own.system.endswith("Cost: $5. Be brief.\n")
    assert own.template == built_in.template
    assert own.sha256 != built_in.sha256
    assert own.row()["prompt_sha256"] == own.sha256


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("system", "$rules $colour", r"system\.txt: unknown placeholder \$colour; allowed: .*rules"),
        ("system", "$rules costs 5$", r"system\.txt: a \$ that is no placeholder"),
        ("user", "What now?", r"user\.txt: the placeholder \$state is missing"),
    ],
)
def test_faults_in_prompt_files_are_named(tmp_path: Path, part: str, text: str, message: str) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / f"prompts/chain_of_thought.{part}.txt").write_text(text)
    with pytest.raises(TeacherError, match=message):
        prompt(tmp_path)


def test_an_unknown_prompt_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        TeacherError, match=r"'poem': there is no .*poem\.system\.txt; .*chain_of_thought, continuation"
    ):
        prompt(tmp_path, "poem")


@settings(max_examples=200, deadline=None)
@given(st.text() | st.lists(st.sampled_from([*"{}<>:,.\n*`", "Decision:", " explore", "go to <red key>"])).map("".join))
def test_no_answer_at_all_breaks_the_reading(text: str) -> None:
    decision, reading = read_answer(text, prompt(Path("nowhere")), TASK.grammar, STATE)
    assert isinstance(decision, str)
    assert (reading.plan is not None) == reading.verdict.usable


@pytest.mark.parametrize("filler", ["\n", "\n#", " \n", "{", "Decision", "plan", "<think>"])
def test_a_megabyte_of_anything_is_read_in_one_pass(filler: str) -> None:
    """In quadratic time, each of these would take hours."""
    assert find_decision(f"Decision: {{explore}} x{filler * (1_000_000 // len(filler))}y")[0] != ""
    assert find_decision(f"x{filler * (1_000_000 // len(filler))}y")[0] is not None
