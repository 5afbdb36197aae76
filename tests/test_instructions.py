"""Descriptions, plans and distributions over them: what is written is read again, and what is wrong is told."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.instructions import (
    Description,
    Grammar,
    Option,
    OptionSpec,
    Plan,
    PlanShare,
    Reading,
    SoftInstruction,
    Verdict,
    with_colour_roles,
)
from pipeline.plan_reader import read_plan
from pipeline.registry import TASKS
from pipeline.tasks.minigrid_numbers import COLOURS
from pipeline.tasks.registry import get_task

SIMPLE = get_task("SimpleDoorKey").grammar
GRAMMARS = [get_task(name).grammar for name in TASKS.built_in]
EVERYTHING = Description(("door", "key"), "key")
NOTHING = Description()
EXPLORE = Option("explore")
GO, TAKE, DROP = (Option(name, ("key",)) for name in ("go to", "pick up", "drop"))
OPEN = Option("open", ("door",))


@st.composite
def plans(draw: st.DrawFn) -> tuple[Grammar, Plan, Description]:
    """A plan of some task's grammar, and a state in which its first option can start."""
    grammar = draw(st.sampled_from(GRAMMARS))
    possible = [Option(spec.name) for spec in grammar.options if not spec.about]
    possible += [
        Option(spec.name, (thing,))
        for spec in grammar.options
        for thing in grammar.objects
        if thing.endswith(spec.about or "-")
    ]
    options = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=6))
    first = options[0]
    sees = draw(st.lists(st.sampled_from(grammar.objects), max_size=3))
    holds = draw(st.sampled_from((None, *grammar.objects)))
    if first.args:
        spec = grammar.spec(first.name)
        assert spec is not None
        if spec.held or draw(st.booleans()):
            holds = first.args[0]
        else:
            sees.append(first.args[0])
    return grammar, Plan(tuple(options)), Description(tuple(sees), holds)


@given(plans())
def test_a_printed_plan_is_read_as_itself(drawn: tuple[Grammar, Plan, Description]) -> None:
    grammar, plan, description = drawn
    assert read_plan(str(plan), grammar, description) == Reading(plan, Verdict.VALID)


@given(st.one_of(st.text(), st.text(alphabet="go tpickuexlrdn<>key,.{}1 \n", max_size=40)))
def test_any_text_is_judged_and_what_is_usable_reads_as_itself(text: str) -> None:
    reading = read_plan(text, SIMPLE, EVERYTHING)
    assert (reading.plan is not None) == reading.verdict.usable
    assert bool(reading.why) != reading.verdict.usable
    if reading.plan is not None:
        assert read_plan(str(reading.plan), SIMPLE, EVERYTHING) == Reading(reading.plan, Verdict.VALID)


@pytest.mark.parametrize(
    ("text", "options", "verdict"),
    [
        ("explore", [EXPLORE], Verdict.VALID),
        ("go to <key>, pick up <key>", [GO, TAKE], Verdict.VALID),
        ("  go to  <key> ,pick up <key>\n", [GO, TAKE], Verdict.VALID),
        ("go to <key>\npick up <key>", [GO, TAKE], Verdict.VALID),
        ("go to <key> and then pick up <key>", [GO, TAKE], Verdict.VALID),
        ("Go To <Key>", [GO], Verdict.REPAIRED),
        ("go to key", [GO], Verdict.REPAIRED),
        ("go to <the key>", [GO], Verdict.REPAIRED),
        ("go to the <key>", [GO], Verdict.REPAIRED),
        ("goto <key>; grab <key>", [GO, TAKE], Verdict.REPAIRED),
        ("{go to <key>, pick up <key>}", [GO, TAKE], Verdict.REPAIRED),
        ("1. go to <key>\n2. pick up <key>", [GO, TAKE], Verdict.REPAIRED),
        ("- drop <key>", [DROP], Verdict.REPAIRED),
        ("go to <key> and pick up <key>", [GO, TAKE], Verdict.REPAIRED),
        ("go to the key AND Grab <key>", [GO, TAKE], Verdict.REPAIRED),
        ("Step 1: go to <key>\nStep 2: pick up <key>", [GO, TAKE], Verdict.REPAIRED),
        ("go to <key> (the near one, I think), pick up <key> (again)", [GO, TAKE], Verdict.REPAIRED),
        ("open <door>.", [OPEN], Verdict.REPAIRED),
        ("open <door> with <key>", [OPEN], Verdict.REPAIRED),
        ("unlock the door using the key", [OPEN], Verdict.REPAIRED),
    ],
)
def test_what_models_write_is_forgiven_and_said_so(text: str, options: list[Option], verdict: Verdict) -> None:
    assert read_plan(text, SIMPLE, EVERYTHING) == Reading(Plan(tuple(options)), verdict)


@pytest.mark.parametrize(
    ("text", "description", "verdict", "why"),
    [
        ("", EVERYTHING, Verdict.UNPARSEABLE, "empty"),
        ("{ }", EVERYTHING, Verdict.UNPARSEABLE, "empty"),
        (", ;", EVERYTHING, Verdict.UNPARSEABLE, "no option"),
        ("explore, " * 200, EVERYTHING, Verdict.UNPARSEABLE, "1000"),
        ("use <key>", EVERYTHING, Verdict.UNKNOWN_OPTION, "use <key>"),
        ("gotoo <key>", EVERYTHING, Verdict.UNKNOWN_OPTION, "gotoo"),
        ("explore, fly", EVERYTHING, Verdict.UNKNOWN_OPTION, "fly"),
        ("go to <handle>", EVERYTHING, Verdict.UNKNOWN_OBJECT, "handle"),
        ("go to", EVERYTHING, Verdict.UNKNOWN_OBJECT, "go to what"),
        ("pick up <door>", EVERYTHING, Verdict.UNKNOWN_OBJECT, "pick up what"),
        ("explore <room>", EVERYTHING, Verdict.UNKNOWN_OBJECT, "takes no object"),
        ("go to <key>", NOTHING, Verdict.NOT_EXECUTABLE, "key has not been seen"),
        ("drop <key>", Description(("key",)), Verdict.NOT_EXECUTABLE, "key is not held"),
    ],
)
def test_what_is_wrong_is_told(text: str, description: Description, verdict: Verdict, why: str) -> None:
    reading = read_plan(text, SIMPLE, description)
    assert (reading.plan, reading.verdict) == (None, verdict)
    assert why in reading.why


def test_a_plan_may_have_a_thousand_characters() -> None:
    longest, longer = "explore, explore" + ",explore" * 123, "explore, explore, explore" + ",explore" * 122
    assert (len(longest), len(longer)) == (1000, 1001)
    assert read_plan(longest, SIMPLE, NOTHING) == Reading(Plan((EXPLORE,) * 125), Verdict.VALID)
    assert read_plan(longer, SIMPLE, NOTHING).verdict is Verdict.UNPARSEABLE


def test_an_and_or_brackets_within_a_name_separate_nothing() -> None:
    things = ("salt and pepper", "door (left)")
    grammar = Grammar((OptionSpec("take", ("pepper", ")")),), things)
    for thing in things:
        plan = Plan((Option("take", (thing,)),))
        assert read_plan(str(plan), grammar, Description(things)) == Reading(plan, Verdict.VALID)


def test_a_grammar_that_was_pickled_is_the_same_one() -> None:
    """Also in another process, where the hashes of text are others."""
    assert hash(SIMPLE) == hash(pickle.loads(pickle.dumps(SIMPLE)))
    assert set(SIMPLE.__getstate__()) == {"options", "objects"}


def test_only_the_first_option_must_be_possible_now() -> None:
    reading = read_plan("explore, go to <key>, pick up <key>", SIMPLE, NOTHING)
    assert reading == Reading(Plan((EXPLORE, GO, TAKE)), Verdict.VALID)
    assert read_plan("drop <key>", SIMPLE, Description((), "key")).verdict is Verdict.VALID
    assert read_plan("go to <key>", SIMPLE, Description((), "key")).verdict is Verdict.VALID
    other = Description(("color1 key",), "color2 key")
    assert read_plan("drop <color1 key>", get_task("ColoredDoorKey").grammar, other).verdict is Verdict.NOT_EXECUTABLE


def test_a_description_is_one_sentence_whatever_the_order() -> None:
    one, other = Description(("key", "door"), None), Description(("door", "key"))
    assert one == other
    assert one.sentence == "The agent observes a door, a key, and holds nothing."
    assert Description(("door",), "key").sentence == "The agent observes a door, and holds a key."
    assert NOTHING.sentence == "The agent observes nothing, and holds nothing."
    assert one.state_id == other.state_id != NOTHING.state_id
    assert len(one.state_id) == 64


things = st.builds("{} {}".format, st.sampled_from(COLOURS), st.sampled_from(("key", "door")))
coloured = st.builds(Description, st.lists(things, max_size=4).map(tuple), st.none() | things)


@given(coloured, st.permutations(COLOURS))
def test_one_answer_serves_all_colours(description: Description, order: list[str]) -> None:
    """Swapping colours changes nothing in the canonical description, and its roles lead back to the colours."""
    swap = dict(zip(COLOURS, order, strict=True))

    def swapped(thing: str) -> str:
        colour, kind = thing.split()
        return f"{swap[colour]} {kind}"

    other = Description(
        tuple(swapped(thing) for thing in description.sees), swapped(description.holds) if description.holds else None
    )
    canonical, roles = with_colour_roles(description, COLOURS)
    assert with_colour_roles(other, COLOURS)[0] == canonical
    assert sorted(roles.values()) == [f"color{number}" for number in range(1, len(roles) + 1)]
    back = {role: colour for colour, role in roles.items()}

    def restored(thing: str) -> str:
        role, kind = thing.split()
        return f"{back[role]} {kind}"

    sees = tuple(restored(thing) for thing in canonical.sees)
    assert Description(sees, restored(canonical.holds) if canonical.holds else None) == description


@pytest.mark.parametrize("held", ["red", "blue"])
def test_what_is_held_decides_where_what_is_seen_leaves_a_choice(held: str) -> None:
    """Of two keys in sight one is in the hand: whichever it is, it is the first colour."""
    description = Description(("blue key", "red key"), f"{held} key")
    other = {"red": "blue", "blue": "red"}[held]
    canonical = Description(("color1 key", "color2 key"), "color1 key")
    assert with_colour_roles(description, COLOURS) == (canonical, {held: "color1", other: "color2"})


def test_roles_keep_different_states_apart() -> None:
    same, different = Description(("red door",), "red key"), Description(("red door",), "blue key")
    assert with_colour_roles(same, COLOURS)[0] != with_colour_roles(different, COLOURS)[0]


EXPLORING, GOING = Plan((EXPLORE,)), Plan((GO,))


def share(plan: Plan, prob: float) -> PlanShare:
    return PlanShare(plan, prob, str(plan))


@pytest.mark.parametrize(
    ("probs", "residual", "message"),
    [
        ([0.5, 0.4], 0.0, r"sum to 0\.900000"),
        ([0.5, 0.5], 0.5, r"sum to 1\.500000"),
        ([], 0.0, r"sum to 0\.000000"),
        ([1.5, -0.5], 0.0, r"\[0, 1\]"),
        ([math.nan, 0.5], 0.5, r"\[0, 1\]"),
        ([0.5, 0.5], math.inf, r"\[0, 1\]"),
    ],
)
def test_what_is_no_distribution_is_refused(probs: list[float], residual: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SoftInstruction(NOTHING, tuple(share(p, x) for p, x in zip((EXPLORING, GOING), probs, strict=False)), residual)


@pytest.mark.parametrize("off", [-1, 1])
def test_a_sum_may_be_wrong_by_a_millionth(off: float) -> None:
    one = SoftInstruction(NOTHING, (share(EXPLORING, 0.5),), 0.5 + off * 0.9e-6)
    assert one.residual == 0.5 + off * 0.9e-6
    with pytest.raises(ValueError, match="not 1"):
        SoftInstruction(NOTHING, (share(EXPLORING, 0.5),), 0.5 + off * 1.1e-6)


def test_a_plan_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        SoftInstruction(NOTHING, (share(EXPLORING, 0.5), share(EXPLORING, 0.5)))


def test_entropy_counts_the_residual_as_one_more_outcome() -> None:
    one = SoftInstruction(NOTHING, (share(EXPLORING, 0.25), share(GOING, 0.5)), 0.25)
    assert one.entropy == pytest.approx(1.5 * math.log(2))
    assert [s.prob for s in one.shares] == [0.5, 0.25]
    assert SoftInstruction(NOTHING, (share(EXPLORING, 1.0),)).entropy == 0
    assert SoftInstruction(NOTHING, (), 1.0).entropy == 0


def test_frequencies_of_answers() -> None:
    answers = ["explore", "go to <key>", "Explore", "use <key>", "explore"]
    readings = [(text, read_plan(text, SIMPLE, EVERYTHING)) for text in answers]
    one = SoftInstruction.from_readings(EVERYTHING, readings)
    assert [(s.plan, s.prob, s.count, s.text) for s in one.shares] == [
        (EXPLORING, 0.6, 3, "explore"),
        (GOING, 0.2, 1, "go to <key>"),
    ]
    assert one.residual == pytest.approx(0.2)
    with pytest.raises(ValueError, match="no answers"):
        SoftInstruction.from_readings(EVERYTHING, [])


@pytest.mark.parametrize("shift", [0.0, -1000.0, 500.0])
def test_log_scores_become_a_softmax_by_hand(shift: float) -> None:
    """exp(ln 3) : exp(0) is 3 : 1, however far both are shifted."""
    one = SoftInstruction.from_logprobs(NOTHING, {GOING: shift, EXPLORING: math.log(3) + shift})
    assert [(s.plan, s.prob) for s in one.shares] == [(EXPLORING, pytest.approx(0.75)), (GOING, pytest.approx(0.25))]
    assert [s.logprob for s in one.shares] == [math.log(3) + shift, shift]
    assert (one.residual, one.shares[0].count) == (0.0, None)


def test_impossible_log_scores() -> None:
    assert SoftInstruction.from_logprobs(NOTHING, {GOING: -math.inf, EXPLORING: -5.0}).shares[0].prob == 1.0
    for scores in ({}, {GOING: -math.inf}, {GOING: math.nan, EXPLORING: 0.0}, {GOING: math.inf}):
        with pytest.raises(ValueError, match="no finite log-scores"):
            SoftInstruction.from_logprobs(NOTHING, scores)


def test_the_hard_teacher_takes_the_most_probable_plan() -> None:
    soft = SoftInstruction(NOTHING, (share(EXPLORING, 0.3), replace(share(GOING, 0.4), count=4)), 0.3)
    hard = soft.hardened()
    assert [(s.plan, s.prob, s.count) for s in hard.shares] == [(GOING, 1.0, 4)]
    assert hard.residual == 0
    tie = SoftInstruction(NOTHING, (share(GOING, 0.5), share(EXPLORING, 0.5)))
    assert tie.hardened().shares[0].plan == EXPLORING  # `explore` comes before `go to` in the alphabet
    nothing_usable = SoftInstruction(NOTHING, (), 1.0)
    assert nothing_usable.hardened() == nothing_usable
