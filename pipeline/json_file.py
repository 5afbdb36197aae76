"""Reading JSON, with errors for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class JsonError(ValueError):
    """What is no JSON, or not the JSON that was wanted; a file is named."""


def parse_json(content: str | bytes) -> Any:
    """What a JSON text says; a byte order mark before it is no fault. Raises JsonError saying why it can't be read."""
    try:
        return json.loads(content.removeprefix("\ufeff") if isinstance(content, str) else content)
    except ValueError as error:
        raise JsonError(f"not JSON ({error})") from None
    except RecursionError:
        raise JsonError("not JSON (nested too deeply)") from None


def read_json(path: Path) -> dict[str, Any]:
    """The keys and values of a JSON file. Raises JsonError, naming the file, and OSError for one that isn't there."""
    try:
        content = parse_json(path.read_bytes())
    except JsonError as error:
        raise JsonError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise JsonError(f"{path}: wanted keys and values, found {type(content).__name__}")
    return content
