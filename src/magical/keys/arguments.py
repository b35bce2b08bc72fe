"""Arguments in keys: JSON, with a type mark on values that JSON alone would confuse.

All that a body can see of an argument counts: the order of a dictionary, and the class of a collection.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from magical.contracts.contract import schema_of
from magical.keys.packages import is_project
from magical.settings import FunctionReference, InputPath, OutputPath, Secret, import_string, to_json
from magical.settings.paths import ReplacementGroup

__all__ = ["encode_argument", "parse_argument_kind", "split_file_marks", "strip_type_marks"]

_MARK = "!"  # the first character of the only key of a JSON object that represents a marked value
_FILE_MARK = re.compile(r' (\w+):("(?:[^"\\]|\\.)*")')
# Their classes are no mark: plain JSON means the first, and a setting on the command line is of the other.
_PLAIN_CLASSES = (dict, list, tuple, set, frozenset, ReplacementGroup)
# In this order: a datetime is a date too.
_TYPE_MARKS: dict[type, str] = {
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
            paths.append(item.location)
            return "(content)"
        if isinstance(item, FunctionReference) and item:
            roots.append(item.load())
            return str(item)
        if _table_package(item):
            return {f"{_MARK}table": _digest_table(item)}
        if isinstance(item, type) and issubclass(item, BaseModel):
            roots.append(item)
            return {"contract": schema_of(item).to_json()}
        if isinstance(item, BaseModel) and is_project(sys.modules.get(type(item).__module__)):
            roots.append(type(item))
        elif callable(item) and hasattr(item, "__qualname__"):
            roots.append(item)
            return import_string(item)
        return _encode_marked(item, override, roots)

    return json.dumps(to_json(value, override), ensure_ascii=False)


def split_file_marks(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Split the text of an argument in a key into its JSON, and the digest and name of each input file.

    Raises:
        ValueError: the text does not begin with JSON.

    Example:
        >>> split_file_marks('"(content)" 7c1e:"x.csv"')
        ('"(content)"', [('7c1e', 'x.csv')])
    """
    end = json.JSONDecoder().raw_decode(text)[1]
    return text[:end], [(digest, json.loads(name)) for digest, name in _FILE_MARK.findall(text[end:])]


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
    return json.dumps(_strip_marks(value), ensure_ascii=False) + text[end:]


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
    if isinstance(item, (Mapping, list, tuple, set, frozenset)):
        return _encode_collection(item, override, roots)
    if isinstance(item, Path):
        return {f"{_MARK}path": str(item)}
    kind = next((name for cls, name in _TYPE_MARKS.items() if isinstance(item, cls)), "")
    return {f"{_MARK}{kind}": to_json(item)} if kind else NotImplemented


def _table_package(value: Any) -> str:
    """Return the package of a table in memory; empty for another value."""
    package = type(value).__module__.partition(".")[0]
    return package if type(value).__name__ == "DataFrame" and package in ("polars", "pandas") else ""


def _digest_table(table: Any) -> str:
    # Here, since keys are made in commands that import neither polars nor pandas.
    from magical.contracts.table_digest import table_digest
    from magical.contracts.tables import to_polars

    digest = table_digest(to_polars(table))
    if _table_package(table) == "polars":
        return digest
    import pandas as pd

    # A body may see the index and the types of pandas, too.
    index = pd.util.hash_pandas_object(table.index).to_numpy().tobytes()
    types = f"{table.index.names} {dict(table.dtypes)}".encode()
    return hashlib.sha256(digest.encode() + index + types).hexdigest()[:40]


def _encode_collection(item: Any, override: Callable[[Any], Any], roots: list[Any]) -> Any:
    """Encode a collection in its own order, but sets; with its class, if that is not a builtin one."""
    cls = type(item)
    mark = "" if cls in _PLAIN_CLASSES else f":{import_string(cls)}"
    if mark and is_project(sys.modules.get(cls.__module__)):
        roots.append(cls)
    if isinstance(item, Mapping):
        is_text = all(isinstance(k, str) and not k.startswith(_MARK) for k in item)
        if is_text and not mark:
            return NotImplemented
        if isinstance(item, defaultdict):  # a body that asks for a key that is not there sees the factory
            mark += f":{to_json(item.default_factory, override)}"
        kind, content = "dict", [[to_json(k, override), to_json(v, override)] for k, v in item.items()]
    elif isinstance(item, (set, frozenset)):
        # By repr first: the files of paths must be in one order in every process.
        members = [to_json(v, override) for v in sorted(item, key=repr)]
        kind, content = "set" if isinstance(item, set) else "frozenset", sorted(members, key=json.dumps)
    elif isinstance(item, list) and not mark:
        return NotImplemented
    else:
        kind = "tuple" if isinstance(item, tuple) else "list"
        content = [to_json(v, override) for v in item]
    return {f"{_MARK}{kind}{mark}": content}


def _read_mark(value: Any) -> str:
    """Return the mark of a decoded JSON value, such as ``tuple``; empty if it has none."""
    name = next(iter(value)) if isinstance(value, dict) and len(value) == 1 else ""
    return name.removeprefix(_MARK) if name.startswith(_MARK) else ""


def _strip_marks(value: Any) -> Any:
    if mark := _read_mark(value):
        inner = value[f"{_MARK}{mark}"]
        if mark.partition(":")[0] == "dict":
            return {str(_strip_marks(k)): _strip_marks(v) for k, v in inner}
        return _strip_marks(inner)
    if isinstance(value, dict):
        return {k: _strip_marks(v) for k, v in value.items()}
    return [_strip_marks(v) for v in value] if isinstance(value, list) else value
