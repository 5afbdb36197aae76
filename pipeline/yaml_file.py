"""Reading YAML as DVC reads it, and refusing what would be read silently in another way than it is meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml


class YamlError(ValueError):
    """A file that is not there, can't be read or is not YAML; the message names the file and the line."""


class _Loader(yaml.SafeLoader):
    """YAML with each key once, and with `4e-3` as a number (YAML 1.2, DVC's), not as a text (YAML 1.1)."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. Raises YamlError."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise YamlError(f"{path}: there is no such file") from None
    except OSError as error:
        raise YamlError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(f"{path}: not YAML: {_where(error)}") from None


def _where(error: Exception) -> str:
    """A YAML error in one line: what is wrong, and the line it is in."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"{getattr(error, 'problem', None) or error} (line {mark.line + 1}, column {mark.column + 1})"
