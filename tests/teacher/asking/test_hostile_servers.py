"""Servers that send bombs, redirects, resets and nonsense: what was paid is kept, and the next run goes on.

Each case is the first response; after it, the server answers well. So a run either gets over it, or ends with a clear
error; and a second run then asks for exactly what is missing.
"""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import RESET, hostile, response
from teacher_fakes import label_all, lamp_states, settings

from pipeline.teacher.errors import LabellingStopped

pytestmark = pytest.mark.usefixtures("quick")
KEY = "sk-proj-3fQ9zLm0X7vT2bNc8RkEw5"
STATES = lamp_states(2)
GOOD = "Decision: {explore}"
CHOICE = {"message": {"content": GOOD}, "finish_reason": "stop"}
ANSWER = json.dumps({"choices": [CHOICE] * 10}).encode()
WELL = [response(ANSWER, headers=["connection: close"])]
MEGA = 1 << 20


def squeezed(count: int) -> bytes:
    """So many megabytes of blanks as gzip."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * MEGA) for _ in range(count)) + packer.flush()


GZIP, DEFLATE = "content-encoding: gzip", "content-encoding: deflate"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

FAILURES: dict[str, tuple[list[bytes], str]] = {
    "gzip bomb": ([response(squeezed(450), headers=[GZIP])], "more than 8 MB"),
    "gzip bomb in an error": ([response(squeezed(450), "500 no", headers=[GZIP])], "more than 8 MB"),
    "deflate bomb": ([response(zlib.compress(b"x" * 20 * MEGA), headers=[DEFLATE])], "more than 8 MB"),
    "300 MB": ([response(b"", length=300 * MEGA), *[b" " * MEGA] * 300], "more than 8 MB"),
    "300 MB in chunks": ([CHUNKED, *[b"100000\r\n" + b" " * MEGA + b"\r\n"] * 300], "more than 8 MB"),
    "no gzip after all": ([response(ANSWER, headers=[GZIP])], "can't be unpacked"),
    "half of a gzip": ([response(gzip.compress(ANSWER)[:60], headers=[GZIP])], "malformed answer"),
    "an encoding not asked for": ([response(ANSWER, headers=["content-encoding: br"])], "packed by 'br'"),
    "reset at once": ([RESET], "closed the connection"),
    "reset in the headers": ([b"HTTP/1.1 200 OK\r\ncontent-le", RESET], "closed the connection"),
    "reset after the headers": ([response(b"", length=100), RESET], "broke off"),
    "reset in the body": ([response(ANSWER[:50], length=len(ANSWER)), RESET], "broke off"),
    "end in the body": ([response(ANSWER[:50], length=len(ANSWER))], "broke off"),
    "end in a chunk": ([CHUNKED + b"ff\r\n" + ANSWER[:9]], "broke off"),
    "nothing": ([b""], "closed the connection"),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n"], ""),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_fails_once_is_counted_bounded_and_asked_for_again(case: str, tmp_path: Path) -> None:
    pieces, why = FAILURES[case]
    tracemalloc.start()
    with hostile(pieces, WELL) as server:
        rows, responses = label_all(STATES, settings(server.url, timeout_s=20.0), tmp_path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(server.requests) == 3
    assert peak < 64 * MEGA
    assert [row["n_valid"] for row in rows] == [10, 10]
    (failed,) = [r for r in responses if r["error"]]
    assert why in failed["error"]


@pytest.mark.parametrize("case", ["reset after the headers", "reset in the body", "end in a chunk", "gzip bomb"])
def test_an_answer_that_has_begun_is_paid(case: str, tmp_path: Path) -> None:
    """Each call may cost ten answers of ten tokens at 1 each, so that 250 allow two."""
    asked = {"price_out": 1e6, "max_tokens": 10, "max_cost": 250.0}
    with hostile(FAILURES[case][0]) as server:
        with pytest.raises(LabellingStopped, match=r"(?s)max_cost = 250.0 is reached \(200.0000 spent.*2 calls failed"):
            label_all(STATES, settings(server.url, **asked), tmp_path)
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("provider", ["openai", "zhipuai", "openai-batch"])
def test_prompts_go_nowhere_else(provider: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIPUAI_API_KEY", KEY)
    with hostile(WELL) as other:
        for target in (f"{other.url}/chat/completions", "/v1/chat/completions", "http://[bad", ""):
            with hostile([response(b"", status, [f"location: {target}", "connection: close"])]) as server:
                asked = settings(server.url, provider=provider, max_requests=3)
                with pytest.raises(LabellingStopped, match=r"redirects|the server refuses: 30"):
                    label_all(STATES, asked, tmp_path)
                assert len(server.requests) <= 3
        assert other.requests == []


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def strings(value: Any) -> Iterator[str]:
    """Every text in tables."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for one in value.items() for text in strings(list(one)))
    elif isinstance(value, list | tuple):
        yield from (text for one in value for text in strings(one))


ANSI = "\x1b[31m\x9b2J\x07\u202e"


@pytest.mark.parametrize("secret", [KEY, escaped(KEY), escaped(KEY).upper().replace("\\U", "\\u"), escaped(ANSI)])
@pytest.mark.parametrize("status", ["200 OK", "400 no", "500 no"])
def test_keys_and_escapes_are_kept_nowhere(
    status: str, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In every field of an answer, plain and as JSON may escape it, and in what is no JSON."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    choice = f'{{"message": {{"content": "Decision: {{explore}} {secret}"}}, "finish_reason": "{secret}"}}'
    fields = ", ".join(f'"{name}": "{secret}"' for name in ("model", "id", "system_fingerprint", "object", secret))
    bodies = [
        f'{{"choices": [{", ".join([choice] * 10)}], {fields}}}',
        f'{{"error": {{"message": "{secret}", "code": "{secret}", "type": "{secret}"}}, {fields}}}',
        f"<html>{secret}",
        f'["{secret}"',
    ]
    for number, body in enumerate(bodies):
        said = ""
        headers = [f"x-request-id: {KEY}", "connection: close"]
        with hostile([response(body.encode(), status.replace("no", f"no {KEY}"), headers)]) as server:
            asked = settings(server.url, attempts=2, invalid_stop=1.0)
            try:
                tables = label_all(STATES, asked, tmp_path / str(number))
            except LabellingStopped as stop:
                said, tables = str(stop), ([], [])
        out, err = capfd.readouterr()
        kept = "".join(path.read_bytes().decode(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
        for text in (said, out, err, kept, json.dumps(tables, default=str), json.dumps(tables, default=str, indent=1)):
            assert KEY not in text
            assert escaped(KEY) not in text.lower()
            assert KEY not in re.sub(r"\\\\+u00(..)", lambda found: chr(int(found.group(1), 16)), text)
        for text in (said, *strings(tables)):
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
