"""The replay server as other clients use it: streams, cut answers, malformed requests, files and batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from teacher_fakes import lamp_states, write_lamp_labels

STATES = lamp_states(3)
ASKED: Any = [{"role": "user", "content": STATES[1].description.sentence}]


@pytest.fixture
def served(serve: Any, tmp_path: Path) -> Any:
    return serve(write_lamp_labels(tmp_path / "served.parquet", STATES))


@pytest.fixture
def client(served: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as made:
        yield made


def test_a_stream_says_the_same_as_an_answer_at_once(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="Lamps", messages=ASKED, n=2, seed=7)
    texts, ends, usage = ["", ""], [], None
    options: Any = {"include_usage": True}
    for event in client.chat.completions.create(
        model="Lamps", messages=ASKED, n=2, seed=7, stream=True, stream_options=options
    ):
        usage = event.usage or usage
        for choice in event.choices:
            texts[choice.index] += choice.delta.content or ""
            ends += [choice.finish_reason] if choice.finish_reason else []
    assert texts == [choice.message.content for choice in whole.choices]
    assert ends == ["stop", "stop"]
    assert usage == whole.usage


def test_a_text_completion_streams_too(client: openai.OpenAI) -> None:
    prompt = STATES[1].description.sentence
    whole = client.completions.create(model="Lamps", prompt=prompt, seed=7)
    events = client.completions.create(model="Lamps", prompt=prompt, seed=7, stream=True)
    assert "".join(event.choices[0].text for event in events) == whole.choices[0].text


def test_answers_end_at_max_tokens_and_before_a_stop(client: openai.OpenAI) -> None:
    def asked(**more: Any) -> Any:
        return client.chat.completions.create(model="Lamps", messages=ASKED, seed=7, **more).choices[0]

    whole = asked().message.content
    short = asked(max_tokens=3, logprobs=True)
    assert (short.message.content, short.finish_reason) == ("Summary: The", "length")
    assert len(short.logprobs.content) == 3
    assert asked(max_completion_tokens=3).message.content == "Summary: The"
    stopped = asked(stop=["Decision", "Reasoning"])
    assert (stopped.message.content, stopped.finish_reason) == (whole[: whole.index("Reasoning")], "stop")
    assert asked(stop="nowhere in it").message.content == whole


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"top_logprobs": "many"}, "top_logprobs"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"seed": "x"}, "seed"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.5}, "n"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [1]}, "messages.0"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stop": [1]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"model": 5}, "model"),
        ([], "the body"),
        (None, "the body"),
    ],
)
def test_a_malformed_field_is_named(served: Any, wrong: Any, field: str) -> None:
    body = {"model": "Lamps", "messages": ASKED, **wrong} if isinstance(wrong, dict) else wrong
    found = httpx2.post(f"{served.url}/chat/completions", json=body)
    assert found.status_code == 400
    assert found.json()["error"]["message"].startswith(field)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"input_file_id": []}', b'{"input_file_id": "file-1"}'])
def test_a_malformed_batch_is_no_fault_of_the_server(served: Any, body: bytes) -> None:
    served.app.state.batches.files["file-1"] = b'{"custom_id": 1}\n'
    assert httpx2.post(f"{served.url}/batches", content=body).status_code == 400
    assert httpx2.post(f"{served.url}/files", data={"purpose": "batch"}).status_code == 400


def test_models_files_and_batches_can_be_looked_up(served: Any, client: openai.OpenAI) -> None:
    assert client.models.retrieve("Lamps").id == "Lamps"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
    made = client.files.create(file=("lines.jsonl", b"\n"), purpose="batch")
    assert client.files.retrieve(made.id).bytes == 1
    assert [file.id for file in client.files.list()] == [made.id]
    line = b'{"custom_id": "1", "url": "/v1/chat/completions", "body": {}}\n'
    lines = client.files.create(file=("lines.jsonl", line), purpose="batch")
    served.app.state.batches.pending = True
    batch = client.batches.create(input_file_id=lines.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.retrieve(batch.id).status == "in_progress"
    assert client.batches.cancel(batch.id).status == "cancelled"
    assert client.batches.retrieve(batch.id).status == "cancelled"
    with pytest.raises(openai.NotFoundError):
        client.batches.cancel("batch_99")
