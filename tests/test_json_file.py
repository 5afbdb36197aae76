"""JSON that is read, or said to be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.json_file import JsonError, parse_json, read_json


@pytest.mark.parametrize("content", ['\ufeff{"a": 1}', '\ufeff{"a": 1}'.encode(), b'{"a": 1}'])
def test_a_byte_order_mark_is_no_fault(content: str | bytes) -> None:
    assert parse_json(content) == {"a": 1}


@pytest.mark.parametrize("content", ["", "{", "[" * 200_000, b"\xff\xfe\xfa"])
def test_what_is_no_json_is_said_to_be_none(content: str | bytes) -> None:
    with pytest.raises(JsonError, match=r"^not JSON"):
        parse_json(content)


@pytest.mark.parametrize(("content", "why"), [("{", "not JSON"), ("[1]", "wanted keys and values, found list")])
def test_a_file_is_named(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(JsonError, match=rf"config\.json: {why}"):
        read_json(path)
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}
