"""Who answered, with what settings, and when: the provenance of a label row, out of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.params import Label
from pipeline.teacher.answers.rows import Provenance
from pipeline.teacher.asking.requests import sampling
from pipeline.teacher.prompts.prompt import Prompt


def provenance(settings: Label, prompt: Prompt, answers: Sequence[dict[str, Any]]) -> Provenance:
    """Who answered, with what settings, and when; several models or fingerprints are all named."""
    requested = {**sampling(settings), "seed": settings.seed, **settings.extra_body}
    sent = {name: value for name, value in requested.items() if value is not None}
    times = [answer["at"] for answer in answers]

    def all_of(column: str) -> str | None:
        return ", ".join(sorted({answer[column] for answer in answers if answer[column]})) or None

    return Provenance(
        settings.provider,
        settings.model,
        all_of("model_returned"),
        all_of("system_fingerprint"),
        prompt.sha256,
        sent,
        zhipuai_sampling(sent) if settings.provider == "zhipuai" else sent,
        min(times, default=None),
        max(times, default=None),
        sorted({answer["response_id"] for answer in answers if answer["response_id"]}),
    )


def zhipuai_sampling(sent: dict[str, Any]) -> dict[str, Any]:
    """What ChatGLM's SDK makes of sampling values: temperatures of 0 become greedy, values of 1 and above 0.99."""
    changed = dict(sent)
    if changed.get("temperature", 1.0) <= 0:
        changed.update(temperature=0.01, do_sample=False)
    elif "temperature" in changed:
        changed["temperature"] = 0.99 if changed["temperature"] >= 1 else changed["temperature"]
    if changed.get("top_p", 0.0) >= 1:
        changed["top_p"] = 0.99
    return changed
