"""How long verifying a label set takes: the published one, and one of many labels with ten answers each, replayed.

Seconds are of a processor, in one process as `llm4teach labels verify` starts it, without that start.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipeline.instructions import Description
from pipeline.label_sets.check_set import check_set
from pipeline.label_sets.folder import Limits
from pipeline.label_sets.pack import pack
from pipeline.label_sets.replayed import answer_columns
from pipeline.plan_reader import PARSER_VERSION
from pipeline.tables import LABELS, PROMPTS, RESPONSES, label_id, write_table
from pipeline.tasks.registry import get_task
from pipeline.teacher.prompts.prompt import Prompt, load_prompt

ROOT = Path(__file__).resolve().parents[1]
TASK = "SimpleDoorKey"
ANSWERS = 10
WHEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
REASONING = "The agent has not found the door yet, so it makes sense to see more of the room before it goes anywhere. "


def responses_about(number: int, description: Description) -> list[dict[str, Any]]:
    """Ten answers to one question, most of them `explore`."""
    key = hashlib.sha256(str(number).encode()).hexdigest()
    return [
        {
            "request_key": key, "sample_index": k, "attempt": 1, "task": TASK, "state_id": description.state_id,
            "provider": "openai", "model_requested": "m", "model_returned": "m", "system_fingerprint": None,
            "response_id": f"chat-{number}-{k}",
            "status": 200, "text": f"{REASONING}{number}\nDecision: {{{'explore' if (number + k) % 5 else 'fly'}}}",
            "raw": "{}", "tokens_in": 200, "tokens_out": 40, "at": WHEN, "sdk": "x", "source": "online",
        }
        for k in range(ANSWERS)
    ]  # fmt: skip


def label_about(number: int, description: Description, prompt: Prompt) -> dict[str, Any]:
    row = {
        "task": TASK, "state_count": 1, "method": "sample", "provider": "openai", "model_requested": "m", "n_error": 0,
        "prompt_sha256": prompt.sha256, "parser_version": PARSER_VERSION, "params_requested": "{}",
        "params_effective": "{}",
        **answer_columns(responses_about(number, description), description, prompt, get_task(TASK).grammar),
    }  # fmt: skip
    return {**row, "label_id": label_id(row)}


def write_large_set(folder: Path, labels: int) -> None:
    """A packed set of so many labels, of things that nobody has seen."""
    task = get_task(TASK)
    prompt = load_prompt("chain_of_thought", task.prompt, task.grammar.objects, ROOT)

    def descriptions() -> Iterator[tuple[int, Description]]:
        return ((number, Description((f"thing {number}",))) for number in range(labels))

    place = folder / TASK
    write_table(place / "labels.parquet", (label_about(n, d, prompt) for n, d in descriptions()), LABELS)
    write_table(place / "responses.parquet", (r for n, d in descriptions() for r in responses_about(n, d)), RESPONSES)
    write_table(place / "prompts.parquet", [prompt.row()], PROMPTS)
    pack(folder)


def measure(folder: Path) -> str:
    """Verify a set; seconds of a processor and the most memory so far."""
    start = time.process_time()
    facts = check_set(folder, Limits())
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        f"{facts.total('labels'):,} labels, {facts.total('responses'):,} responses: {seconds:.2f} s, {memory:.2f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=100_000)
    arguments = parser.parse_args()
    print(f"published {measure(ROOT / 'data/published/doorkey')}")
    with tempfile.TemporaryDirectory() as place:
        write_large_set(Path(place) / "large", arguments.labels)
        print(f"large     {measure(Path(place) / 'large')}")


if __name__ == "__main__":
    main()
