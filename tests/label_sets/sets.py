"""Label sets for tests: small, whole, and made by the code that labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from tiny import ROOT

from pipeline.instructions import Description
from pipeline.label_sets.pack import pack
from pipeline.params import Label
from pipeline.tables import LABELS, PROMPTS, RESPONSES, STATES, packed, write_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.answers.rows import hardened
from pipeline.teacher.asking.requests import CHAT, make_request
from pipeline.teacher.methods.sample import row_of_answers
from pipeline.teacher.prompts.prompt import load_prompt
from pipeline.teacher.states import State

TASK = "SimpleDoorKey"
DESCRIPTIONS = (
    Description(),
    Description(("key",)),
    Description(("door",)),
    Description((), "key"),
    Description(("door",), "key"),
)
ANSWERS = {
    (): ["explore", "explore"],
    ("key",): ["go to <key>, pick up <key>", "pick up <key>", "fly to <key>"],
    ("door",): ["explore", "open <door>"],
}
WHEN = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def responses_about(
    description: Description,
    settings: Label,
    model: str = "model-1",
    first: int = 0,
    texts: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """`settings.samples` answers of a teacher who keeps saying the same few things; the first one failed once."""
    prompt = load_prompt("chain_of_thought", get_task(TASK).prompt, get_task(TASK).grammar.objects, ROOT)
    state = State(description, 7)
    request = make_request(settings, state, CHAT, {"messages": prompt.messages(description)}, {})
    texts = texts or ANSWERS.get(description.sees, ["explore", "open <door>"])
    common = {
        "request_key": request.key,
        "task": TASK,
        "state_id": description.state_id,
        "provider": settings.provider,
        "base_url": settings.base_url,
        "model_requested": settings.model,
        "sdk": "test 1",
        "source": "online",
    }
    failed = {**common, "sample_index": first, "attempt": 1, "status": 500, "error": "server error", "at": WHEN}
    answers = [
        {
            **common,
            "sample_index": first + k,
            "attempt": 2 if k == 0 else 1,
            "status": 200,
            "text": f"Reasoning: step {k}.\nDecision: {{{texts[k % len(texts)]}}}",
            "raw": "{}",
            "model_returned": model,
            "system_fingerprint": "fp-1",
            "response_id": hashlib.sha256(f"{model} {description} {first + k}".encode()).hexdigest()[:16],
            "tokens_in": 100,
            "tokens_out": 10,
            "cost": 0.001,
            "latency_s": 0.5,
            "at": WHEN + timedelta(seconds=first + k),
        }
        for k in range(settings.samples)
    ]
    return [failed, *answers]


def write_tables(
    folder: Path,
    descriptions: Sequence[Description] = DESCRIPTIONS,
    model: str = "model-1",
    samples: int = 4,
    first: int = 0,
    method: str = "sample",
    texts: Sequence[str] | None = None,
) -> Path:
    """The four tables of TASK under a folder, as the stages write them."""
    task = get_task(TASK)
    settings = Label(provider="openai", model=model, base_url="http://127.0.0.1:1/v1", samples=samples, method=method)
    prompt = load_prompt("chain_of_thought", task.prompt, task.grammar.objects, ROOT)
    labels, responses, states = [], [], []
    for number, description in enumerate(descriptions):
        own = responses_about(description, settings, model, first, texts)
        state = State(description, 10 * (number + 1))
        row = row_of_answers(task, settings, prompt, state, [one for one in own if not one.get("error")], 1)
        labels.append(hardened(row) if method == "hard" else row)
        responses += own
        states.append(
            {
                "task": TASK, "state_id": description.state_id, "state_text": description.sentence,
                "sees": list(description.sees), "holds": description.holds, "state_count": state.visits,
                "counts": [{"behaviour": "random", "count": state.visits}],
                "examples": packed({"map": np.full((2, 10, 10, 4), number, np.uint8)}),
            }
        )  # fmt: skip
    place = folder / TASK
    write_table(place / "labels.parquet", labels, LABELS, settings.model_dump())
    write_table(place / "responses.parquet", responses, RESPONSES, settings.model_dump())
    write_table(place / "prompts.parquet", [prompt.row()], PROMPTS, settings.model_dump())
    write_table(place / "states.parquet", states, STATES, {"seed": 0})
    return folder


def make_set(folder: Path, **options: Any) -> Path:
    """A packed set of TASK."""
    pack(write_tables(folder, **options), "cc-by-4.0", "A set for tests")
    return folder
