"""Arguments in keys: JSON, with a type mark on values that JSON alone would confuse."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from magical.contracts.contract import schema_of
from magical.keys.packages import is_project
from magical.settings import InputPath, OutputPath, Secret, import_string, to_json

__all__ = ["encode_argument", "parse_argument_kind", "strip_type_marks"]

_MARK = "!"  # the first character of the only key of a JSON object that represents a marked value
# In this order: a datetime is a date too.
_TYPE_MARKS: dict[type, str] = {
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    dt.datetime: "datetime",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "timedelta",
    Secret: "secret",
}


def encode_argument(value: Any, paths: list[str], roots: list[Any]) -> str:
    """Encode an argument of a step as JSON with type marks, for a key.

    Args:
        value: the argument.
        paths: a list to which its input files are appended; the text has ``(content)`` in their place.
        roots: a list to which its classes and functions are appended: their code is part of the key.

    Raises:
        SettingsError: the argument cannot be written as JSON.

    Example:
        >>> encode_argument([1, 2], [], []), encode_argument((1, 2), [], [])
        ('[1, 2]', '{"!tuple": [1, 2]}')
    """

    def override(item: Any) -> Any:
        if isinstance(item, OutputPath):  # before InputPath, its base class
            return f"→{item.text}"
        if isinstance(item, InputPath):
            paths.append(str(Path.cwd() / item))
            return "(content)"
        if isinstance(item, type) and issubclass(item, BaseModel):
            roots.append(item)
            return {"contract": schema_of(item).to_json()}
        if isinstance(item, BaseModel) and is_project(sys.modules.get(type(item).__module__)):
            roots.append(type(item))
        elif callable(item) and hasattr(item, "__qualname__"):
            roots.append(item)
            return import_string(item)
        return _encode_marked(item, override, roots)

    return json.dumps(to_json(value, override), sort_keys=True, ensure_ascii=False)


def strip_type_marks(text: str) -> str:
    """Remove the type marks from an encoded argument, to show it to a reader.

    Example:
        >>> strip_type_marks('{"!tuple": [1, {"!date": "2024-01-31"}]}')
        '[1, "2024-01-31"]'
    """
    try:
        # Digests of files may follow the JSON.
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return text
    return json.dumps(_strip_marks(value), sort_keys=True, ensure_ascii=False) + text[end:]


def parse_argument_kind(text: str) -> str:
    """Read the name of an argument's type from its encoded text.

    Example:
        >>> parse_argument_kind('{"!tuple": [1]}'), parse_argument_kind("[1]")
        ('tuple', 'list')
    """
    value = json.JSONDecoder().raw_decode(text)[0]
    return _read_mark(value).partition(":")[0] or type(value).__name__


def _encode_marked(item: Any, override: Callable[[Any], Any], roots: list[Any]) -> Any:
    """Encode a value that needs a type mark; NotImplemented for one whose plain JSON is unambiguous."""
    if isinstance(item, enum.Enum):  # first, since an enum may be an int or a text as well
        if is_project(sys.modules.get(type(item).__module__)):
            roots.append(type(item))
        return {f"{_MARK}enum:{import_string(type(item))}": to_json(item.value, override)}
    if isinstance(item, float) and not math.isfinite(item):
        return {f"{_MARK}float": str(item)}
    if isinstance(item, Mapping):
        if all(isinstance(k, str) and not k.startswith(_MARK) for k in item):
            return NotImplemented
        pairs = [[to_json(k, override), to_json(v, override)] for k, v in item.items()]
        return {f"{_MARK}dict": sorted(pairs, key=json.dumps)}
    if isinstance(item, Path):
        return {f"{_MARK}path": str(item)}
    kind = next((name for cls, name in _TYPE_MARKS.items() if isinstance(item, cls)), "")
    if not kind:
        return NotImplemented
    if kind == "tuple":
        return {f"{_MARK}{kind}": to_json(list(item), override)}
    if isinstance(item, (set, frozenset)):
        return {f"{_MARK}{kind}": sorted((to_json(v, override) for v in item), key=json.dumps)}
    return {f"{_MARK}{kind}": to_json(item)}


def _read_mark(value: Any) -> str:
    """Return the mark of a decoded JSON value, such as ``tuple``; empty if it has none."""
    name = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    return name.removeprefix(_MARK) if name.startswith(_MARK) else ""


def _strip_marks(value: Any) -> Any:
    if mark := _read_mark(value):
        inner = value[f"{_MARK}{mark}"]
        if mark == "dict":
            return {str(_strip_marks(k)): _strip_marks(v) for k, v in inner}
        return _strip_marks(inner)
    if isinstance(value, dict):
        return {k: _strip_marks(v) for k, v in value.items()}
    return [_strip_marks(v) for v in value] if isinstance(value, list) else value
