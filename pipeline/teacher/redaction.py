"""Keys and control characters out of everything that is kept or shown of what a server sends.

Servers echo keys, also escaped, in whatever field they like; control characters would act on a terminal.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.teacher.errors import TeacherError

HIDDEN = "[key removed]"
KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "openai-batch": "OPENAI_API_KEY", "zhipuai": "ZHIPUAI_API_KEY"}
_LOOKS_LIKE_A_KEY = re.compile(r"(?:\bsk-[\w*.-]{6,}|(?<=Bearer )[^\s\"',}]{6,})")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""All that moves a terminal's cursor or turns its text around, but tabs and newlines."""


def api_key(provider: str, variable: str | None) -> str | None:
    """The provider's key from the environment, or None. `variable` names another variable than the usual one.

    Blanks around it, such as the newline of a file it was read from, are no part of it. Raises TeacherError for one
    with characters that can't be sent.
    """
    name = variable or KEY_VARIABLES.get(provider, "")
    key = os.environ.get(name, "").strip()
    if not all("!" <= character <= "~" for character in key):
        raise TeacherError(f"the key in the environment variable {name} has blanks or characters beyond ASCII in it")
    return key or None


class Redactor:
    """Removes the given keys, whatever looks like one, and control characters from text."""

    def __init__(self, *keys: str | None) -> None:
        parts = [part for key in keys if key for part in (key, *key.split(".")) if len(part) >= 6]
        written = (_as_written(part) for part in sorted(set(parts), key=len, reverse=True))
        self._keys = re.compile("|".join(written)) if parts else None

    def __call__(self, text: str) -> str:
        if self._keys is not None:
            text = self._keys.sub(HIDDEN, text)
        if "sk-" in text or "Bearer " in text:
            text = _LOOKS_LIKE_A_KEY.sub(HIDDEN, text)
        return _CONTROL.sub("\ufffd", text)


def _as_written(key: str) -> str:
    """A pattern of a key, each of its characters plain or as JSON, or a program's repr, may escape it."""
    return "".join(rf"(?:{re.escape(one)}|(?<!\\)\\{{1,8}}(?i:u00|x)(?i:{ord(one):02x}))" for one in key)


def check_body(body: Mapping[str, Any], key: str | None) -> None:
    """Raise TeacherError if a body, which tables show, holds the key or what looks like one."""
    text = json.dumps(body)
    if Redactor(key)(text) != text:
        raise TeacherError("label.extra_body: has a key in it; keys come from the environment only")


def checked_url(url: str) -> str:
    """A base URL without its final slash. Raises TeacherError if it is none, or holds a user, password or query."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TeacherError("label.base_url: wanted http(s)://host[:port]/path, such as http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise TeacherError("label.base_url: has a user, password or query in it; keys come from the environment only")
    return url.rstrip("/")
