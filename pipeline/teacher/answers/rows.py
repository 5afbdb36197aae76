"""From judged answers to rows of the label table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.instructions import Description, Plan, PlanShare, Reading, SoftInstruction
from pipeline.plan_reader import PARSER_VERSION
from pipeline.tables import instruction_columns, label_id


@dataclass(frozen=True)
class Answer:
    """One answer as it was judged, or several equal ones.

    text     as the model wrote it, without the reasoning around it
    reading  the plan made of it and the verdict
    share    its part of all answers for the description, in (0, 1]
    count    how many answers it stands for; None where only frequencies are known
    """

    text: str
    reading: Reading
    share: float
    count: int | None = None


@dataclass(frozen=True)
class Provenance:
    """Who was asked, how, when, and with what effect: the columns of a label row that say where it comes from."""

    provider: str
    model_requested: str | None = None
    model_returned: str | None = None
    system_fingerprint: str | None = None
    prompt_sha256: str | None = None
    params_requested: Mapping[str, Any] = field(default_factory=dict)
    params_effective: Mapping[str, Any] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None
    response_ids: Sequence[str] = ()

    def columns(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "model_requested": self.model_requested,
            "model_returned": self.model_returned,
            "system_fingerprint": self.system_fingerprint,
            "prompt_sha256": self.prompt_sha256,
            "parser_version": PARSER_VERSION,
            "params_requested": canonical_json(self.params_requested),
            "params_effective": canonical_json(self.params_effective),
            "first_at": self.first_at,
            "last_at": self.last_at,
            "response_ids": list(self.response_ids),
        }


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no blanks: equal content gives equal text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def tally(description: Description, answers: Iterable[Answer]) -> SoftInstruction:
    """The distribution over plans that answers amount to; unusable ones are its residual mass.

    Equal plans are added up under the text of the largest share. Raises ValueError unless the shares sum to one.
    """
    merged: dict[Plan, list[Answer]] = {}
    residual = 0.0
    for answer in answers:
        if answer.reading.plan is None:
            residual += answer.share
        else:
            merged.setdefault(answer.reading.plan, []).append(answer)
    shares = []
    for plan, same in merged.items():
        counts = [answer.count for answer in same if answer.count is not None]
        text = max(same, key=lambda answer: answer.share).text
        count = sum(counts) if len(counts) == len(same) else None
        shares.append(PlanShare(plan, min(sum(a.share for a in same), 1.0), text, count))
    return SoftInstruction(description, tuple(shares), min(residual, 1.0))


def verdict_columns(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """How much of the answers got each verdict, by falling share, with the first answer of each as an example."""
    found: dict[str, dict[str, Any]] = {}
    for answer in answers:
        verdict = answer.reading.verdict.value
        entry = found.setdefault(verdict, {"verdict": verdict, "prob": 0.0, "count": 0, "example": answer.text[:200]})
        entry["prob"] += answer.share
        entry["count"] = None if answer.count is None or entry["count"] is None else entry["count"] + answer.count
    total = sum(entry["count"] or 0 for entry in found.values())
    for entry in found.values():
        if entry["count"] is not None:
            entry["prob"] = entry["count"] / total
    return sorted(found.values(), key=lambda entry: (-entry["prob"], entry["verdict"]))


def label_row(
    task: str,
    state_count: int,
    method: str,
    instruction: SoftInstruction,
    verdicts: list[dict[str, Any]],
    provenance: Provenance,
    n_requested: int | None = None,
    n_error: int | None = None,
    scores: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """One row of the label table.

    scores  for `logprob` rows: how scores were normalised, and whether they are from before or after sampling
    """
    counts = [(entry["verdict"] in ("valid", "repaired"), entry["count"]) for entry in verdicts]
    known = bool(counts) and all(count is not None for _, count in counts)
    row = {
        "task": task,
        "state_count": state_count,
        "method": method,
        **instruction_columns(instruction),
        "verdicts": verdicts,
        "n_requested": n_requested,
        "n_valid": sum(count for usable, count in counts if usable) if known else None,
        "n_invalid": sum(count for usable, count in counts if not usable) if known else None,
        "n_error": n_error,
        "score_normalisation": scores[0] if scores else None,
        "score_stage": scores[1] if scores else None,
        **provenance.columns(),
    }
    return {"label_id": label_id(row), **row}


def hardened(row: Mapping[str, Any]) -> dict[str, Any]:
    """A label row with the mass of all its plans on the most probable one, as `method: hard`.

    What was unusable stays so: verdicts, counts and residual mass are as they were.
    """
    residual = row["residual_mass"]
    plans = [{**plan, "prob": 1.0 - residual} for plan in row["plans"][:1]]
    entropy = sum(-mass * math.log(mass) for mass in (residual, 1.0 - residual) if mass > 0)
    changed = {**row, "method": "hard", "plans": plans, "entropy": entropy}
    return {**changed, "label_id": label_id(changed)}
