"""The YAML at the head of a card, as the Hub reads it: a person's own entries stay, ours are worked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.label_sets.facts import SetFacts
from pipeline.label_sets.folder import CARD, SetError
from pipeline.terminal import printable

TAGS = ("llm4teach", "teacher-labels", "soft-labels", "policy-distillation")
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_ORDER = ("pretty_name", "license", "language", "tags", "task_categories", "size_categories", "configs")
_FIXED = ("size_categories", "configs")


class _NoAliases(yaml.SafeLoader):
    """YAML without references, with which a short text can stand for an endless one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not allowed")
        return super().compose_node(parent, index)


def split(card: str) -> tuple[dict[str, Any], str]:
    """A card's front matter and its text. Raises SetError if the front matter is no YAML mapping."""
    if not card.startswith("---\n"):
        return {}, card
    head, found, text = card[4:].partition("\n---\n")
    if not found:
        raise SetError(f"{CARD}: the front matter has no end (a line ---)")
    try:
        content = yaml.load(head, _NoAliases)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SetError(
            f"{CARD}: the front matter is not YAML: {printable(' '.join(str(error).split()), 120)}"
        ) from None
    if not isinstance(content, dict):
        raise SetError(f"{CARD}: the front matter is no mapping")
    return content, text


def generated(facts: SetFacts) -> dict[str, Any]:
    """The entries that follow from the tables: one config per task, for its labels, and one per further table."""
    rows = max(facts.total("labels"), facts.total("responses"))
    configs = [
        {"config_name": task.folder if table == "labels" else f"{task.folder}-{table}",
         "data_files": f"{task.folder}/{table}.parquet"}
        for task in facts.tasks
        for table in task.rows
    ]  # fmt: skip
    return {
        "size_categories": [next((name for limit, name in _SIZES if rows < limit), "n>10M")],
        "configs": configs,
    }


def completed(own: Mapping[str, Any], facts: SetFacts, pretty_name: str, licence: str | None) -> str:
    """The front matter with a person's own entries and ours, as text with its dashes."""
    defaults = {
        "pretty_name": pretty_name,
        "language": ["en"],
        "tags": list(TAGS),
        "task_categories": ["reinforcement-learning"],
    }
    content = {**defaults, **own, **({"license": licence} if licence else {}), **generated(facts)}
    ordered = {name: content[name] for name in (*_ORDER, *content) if name in content}
    return f"---\n{yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120)}---\n"


def check(head: Mapping[str, Any], facts: SetFacts) -> None:
    """Raise SetError unless the front matter describes these tables, and nothing that lies elsewhere."""
    for name, wanted in generated(facts).items():
        if head.get(name) != wanted:
            raise SetError(
                f"{CARD}: {name} in the front matter is not what the tables say; `labels pack` writes it anew"
            )
