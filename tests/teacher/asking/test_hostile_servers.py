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


SHAPES = [
    "", " ", "null", "true", "0", "-1e999", "NaN", '""', '"text"', "[]", "[1]", "[[]]", "{}", '{"a": 1', "{]",
    "\ufeff", "\x00", '{"choices": null}', '{"choices": 1}', '{"choices": "x"}', '{"choices": {}}', '{"choices": []}',
    '{"choices": [null]}', '{"choices": [1]}', '{"choices": [[]]}', '{"choices": [{}]}',
    '{"choices": [{"message": null}]}',
    '{"choices": [{"message": 1}]}', '{"choices": [{"message": []}]}', '{"choices": [{"message": {}}]}',
    '{"choices": [{"message": {"content": 1}}]}', '{"choices": [{"message": {"content": {}}}]}',
    '{"choices": [{"message": {"content": true}}]}', '{"choices": [{"text": null}]}', '{"choices": [{"text": 1}]}',
    '{"choices": [{"text": {}}]}', '{"error": "no"}', '{"error": {}, "choices": []}', '{"error": {"message": null}}',
    '{"error": {"code": [], "message": {}}}', '{"object": "error"}', '{"object": "error", "code": "x"}',
    '{"choices": [], "usage": []}', '{"choices": [], "usage": {"prompt_tokens": "x", "completion_tokens": -1}}',
    '{"choices": [], "usage": {"prompt_tokens": 1e400}}', "1" * 5000, "[" * 100_000, '{"a":' * 100_000,
]  # fmt: skip
"""Bodies under status 200 that hold no answer."""
STATUSES = {
    "passes": [408, 409, 425, 429, 500, 501, 502, 503, 504, 507, 520, 529, 599],
    "stays": [401, 403, 404, 405, 410, 413, 451],
}
WAITS = [
    "0", "0.01", "-5", "", " ", "soon", "nan", "1e-3", "\u0663", "0x1", "Wed, 21 Oct 2015 07:28:00 GMT",
    "Wed, 99 Oct 2015 07:28:00 GMT", "2015-10-21T07:28:00Z", "Sun, 06 Nov 1994 08:49:37", "x" * 4000,
]  # fmt: skip
"""All of which ask for no wait, or for none that can be understood."""
CLOSE = "connection: close"


def asked_of(server: Any) -> list[str]:
    """The states that were asked about, in order."""
    questions = [
        json.loads(request.partition(b"\r\n\r\n")[2])["messages"][-1]["content"] for request in server.requests
    ]
    return [state.description.sentence for text in questions for state in STATES if state.description.sentence in text]


def failed_then_well(first: bytes, root: Path) -> str:
    """What fails once: the error that is kept for it. The table is then complete, and nothing is asked twice."""
    with hostile([first], WELL) as server:
        rows, responses = label_all(STATES, settings(server.url), root)
        names = asked_of(server)
        assert sorted(names.count(state.description.sentence) for state in STATES) == [1, 2]
        assert names.count(names[0]) == 2
    assert [row["n_valid"] for row in rows] == [10, 10]
    (failed,) = [r["error"] for r in responses if r["error"]]
    return str(failed)


def test_no_shape_of_a_body_is_more_than_a_failed_call(tmp_path: Path) -> None:
    assert len(SHAPES) >= 46
    for number, shape in enumerate(SHAPES):
        body = shape.encode("utf-8", "surrogatepass")
        assert len(failed_then_well(response(body, headers=[CLOSE]), tmp_path / str(number))) <= 500


@pytest.mark.parametrize("wait", WAITS)
def test_no_form_of_retry_after_is_misread(wait: str, tmp_path: Path) -> None:
    header = f"retry-after: {wait}".encode().decode("latin-1")
    assert failed_then_well(response(b"{}", "429 slow down", [header, CLOSE]), tmp_path).startswith("429: ")


@pytest.mark.parametrize("wait", ["3600", "1e9", "inf", "9" * 400, "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_wait_beyond_the_bound_ends_the_run_with_what_was_paid(wait: str, tmp_path: Path) -> None:
    refusal = response(b"{}", "503 busy", [f"retry-after: {wait}", CLOSE])
    with hostile(WELL, [refusal], WELL) as server:
        with pytest.raises(
            LabellingStopped, match=r"(?s)asks to wait \d+ s, until .*10 new answers of this run are kept"
        ):
            label_all(STATES, settings(server.url), tmp_path)
        rows, _ = label_all(STATES, settings(server.url), tmp_path)
        first, refused, again = asked_of(server)
    assert first != refused == again
    assert [row["n_valid"] for row in rows] == [10, 10]


@pytest.mark.parametrize("status", STATUSES["passes"])
def test_a_status_that_may_pass_is_tried_again(status: int, tmp_path: Path) -> None:
    assert failed_then_well(response(b"no", f"{status} no", [CLOSE]), tmp_path) == f"{status}: no"


@pytest.mark.parametrize("status", STATUSES["stays"])
def test_a_status_that_stays_ends_the_run_with_what_was_paid(status: int, tmp_path: Path) -> None:
    with hostile(WELL, [response(b"no", f"{status} no", [CLOSE])], WELL) as server:
        with pytest.raises(LabellingStopped, match=rf"(?s)the server refuses: {status}: no.*10 new answers") as stop:
            label_all(STATES, settings(server.url), tmp_path)
        assert stop.value.exit_code == 1
        rows, _ = label_all(STATES, settings(server.url), tmp_path)
        first, refused, again = asked_of(server)
    assert first != refused == again
    assert [row["n_valid"] for row in rows] == [10, 10]
