"""`llm4teach teacher serve` as a process: anyone can label from it with the official SDK."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import typer
from typer.testing import CliRunner

from stages.teacher import app, label_files

ROOT = Path(__file__).resolve().parents[2]
QUESTION = [{"role": "user", "content": "Scene: The agent observes a key, and holds nothing."}]


@pytest.fixture
def url() -> Iterator[str]:
    """A server with all published tables, on a free port."""
    command = [sys.executable, "-c", "from stages.teacher import app; app()", "serve", "--labels", "data/published"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--faults", "429:1:1", "--retry-after", "400"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.communicate(timeout=10)


def test_the_official_sdk_gets_answers_models_and_faults(url: str) -> None:
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    with pytest.raises(openai.RateLimitError) as refusal:
        client.chat.completions.create(model="SimpleDoorKey", messages=QUESTION)  # type: ignore[arg-type]
    assert refusal.value.response.headers["retry-after"] == "400"

    answer = client.chat.completions.create(
        model="SimpleDoorKey", messages=QUESTION, n=5, logprobs=True, top_logprobs=3  # type: ignore[arg-type]
    )  # fmt: skip
    assert len(answer.choices) == 5
    for choice in answer.choices:
        assert choice.message.content is not None
        assert choice.logprobs is not None
        assert choice.logprobs.content is not None
        assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
        assert "Decision: {" in choice.message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert "DivergedDoorKey" in [model.id for model in client.models.list()]
    with pytest.raises(openai.BadRequestError, match="no label for the state"):
        client.chat.completions.create(model="x", messages=[{"role": "user", "content": "Hello?"}])
    client.close()


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"no labels\.parquet"):
        label_files([tmp_path])
    missing = CliRunner().invoke(app, ["serve", "--labels", str(tmp_path / "none.parquet")])
    assert missing.exit_code == 2
    assert "there is no such file" in missing.stderr
    labels = str(ROOT / "data/published/doorkey/SimpleDoorKey/labels.parquet")
    odd = CliRunner().invoke(app, ["serve", "--labels", labels, "--faults", "429:often"])
    assert odd.exit_code == 2
    assert "kind[:probability[:times]]" in odd.stderr
