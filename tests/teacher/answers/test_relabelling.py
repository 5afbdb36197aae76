"""The stage again, after an edit: what is asked is what now reads otherwise, and paid answers are read anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import ROOT, params

from pipeline.instructions import Description, Grammar, Option, Plan, PlanShare, SoftInstruction
from pipeline.params import Params
from pipeline.tables import LABELS, PROMPTS, STATES, read_instructions, read_table, write_table
from pipeline.tasks.doorkey import task as doorkey
from pipeline.tasks.doorkey.task import grammar
from pipeline.teacher.answers.rows import Provenance, label_row
from pipeline.teacher.prompts.prompt import BUILT_IN
from stages.label import label

SIMPLE, COLOURED = "SimpleDoorKey", "ColoredDoorKey"
STATES_OF = {SIMPLE: 6, COLOURED: 13}


def published(task: str) -> list[dict[str, Any]]:
    return read_table(ROOT / "data/published/doorkey" / task / "labels.parquet", LABELS).to_pylist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose collected states are those of the published tables."""
    for task in STATES_OF:
        names = ("task", "state_id", "state_text", "sees", "holds")
        states = [{**{name: row[name] for name in names}, "state_count": 1} for row in published(task)]
        write_table(tmp_path / f"data/states/{task}.parquet", states, STATES)
    return tmp_path


def asking(url: str, **changes: Any) -> Params:
    settings = {"provider": "openai", "model": "any", "base_url": url, "seed": 0, "invalid_stop": 1.0, **changes}
    return params({f"label.{name}": value for name, value in settings.items()})


class Calls:
    """Runs the stage and says how many calls that took."""

    def __init__(self, server: Any, root: Path) -> None:
        self.server, self.root = server, root

    def __call__(self, *tasks: str, **changes: Any) -> int:
        before = self.server.replay.served["requests"]
        for task in tasks or STATES_OF:
            label(task, asking(self.server.url, **changes), self.root)
        return int(self.server.replay.served["requests"] - before)


@pytest.fixture
def calls(serve: Any, root: Path) -> Calls:
    served = root / "served.parquet"
    write_table(served, [row for task in STATES_OF for row in published(task)], LABELS)
    return Calls(serve(served), root)


def labels_of(root: Path, task: str) -> bytes:
    return (root / f"data/labels/{task}/labels.parquet").read_bytes()


def test_nothing_edited_nothing_asked(calls: Calls, root: Path) -> None:
    assert calls() == 6 + 13
    before = labels_of(root, COLOURED)
    assert calls() == 0
    assert labels_of(root, COLOURED) == before


def test_an_edited_rule_asks_about_its_own_task_only(calls: Calls, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls()
    before = {task: labels_of(root, task) for task in STATES_OF}
    with monkeypatch.context() as edit:
        edit.setattr(doorkey, "_COLOURS", replace(doorkey._COLOURS, rules=doorkey._COLOURS.rules + " Hurry."))
        assert calls() == 13
        assert calls() == 0
        assert labels_of(root, SIMPLE) == before[SIMPLE]
        assert labels_of(root, COLOURED) != before[COLOURED]
    assert calls() == 0  # the old rule's answers were kept
    assert labels_of(root, COLOURED) == before[COLOURED]


@pytest.mark.parametrize("part", ["system", "user", "answer"])
def test_a_prompt_of_the_users_own_is_asked_and_taken_back_it_is_not(calls: Calls, root: Path, part: str) -> None:
    calls(SIMPLE)
    before = labels_of(root, SIMPLE)
    own = root / f"prompts/chain_of_thought.{part}.txt"
    own.parent.mkdir()
    own.write_text((BUILT_IN / own.name).read_text() + "Hurry.\n")
    assert calls(SIMPLE) == 6
    (prompt,) = read_table(root / f"data/labels/{SIMPLE}/prompts.parquet", PROMPTS).to_pylist()
    assert "Hurry." in prompt[{"system": "system", "user": "template", "answer": "examples"}[part]]
    own.unlink()
    assert calls(SIMPLE) == 0
    assert labels_of(root, SIMPLE) == before


def wider(objects: tuple[str, ...]) -> Grammar:
    """The tasks' grammar with one more way to write `go to`."""
    known = grammar(objects)
    options = [replace(o, aliases=(*o.aliases, "stroll to")) if o.name == "go to" else o for o in known.options]
    return Grammar(tuple(options), objects)


def test_an_edited_grammar_reads_the_paid_answers_anew(serve: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = Plan((Option("go to", ("key",)),))
    rows = []
    for row in read_table(root / f"data/states/{SIMPLE}.parquet", STATES).to_pylist():
        description = Description(tuple(row["sees"]), row["holds"])
        says = SoftInstruction(description, (PlanShare(go, 1.0, "stroll to <key>"),))
        rows.append(label_row(SIMPLE, 1, "sample", says, [], Provenance("test")))
    write_table(root / "served.parquet", rows, LABELS)
    calls = Calls(serve(root / "served.parquet"), root)

    assert calls(SIMPLE) == 6
    path = root / f"data/labels/{SIMPLE}/labels.parquet"
    assert {one.residual for one in read_instructions(path, SIMPLE).values()} == {1.0}
    monkeypatch.setattr(doorkey, "grammar", wider)
    assert calls(SIMPLE) == 0
    with_key = [one for one in read_instructions(path, SIMPLE).values() if "key" in one.description.sees]
    assert [[(share.plan, share.prob) for share in one.shares] for one in with_key] == [[(go, 1.0)]] * len(with_key)
    assert with_key
