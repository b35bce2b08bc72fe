"""What a record says of places: paths relative to the project, and none of the machine where it can be."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from magical.settings.paths import InputPath
from magical.settings.secrets import Secret

__all__ = ["make_portable", "portable_parts", "portable_settings", "without_paths"]

_DIGESTED_LABELS = ("gives", "takes:", "examples")
_ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~-])/(?:[^\s/'\",:;()]+/)+([^\s/'\",:;()]*)")
_OUTPUT_PATH = re.compile(r'"→(/(?:[^"\\]|\\.)*)"')


def make_portable(value: Any, root: Path) -> Any:
    """Give a value with the paths that begin at the project made relative to it.

    Example:
        >>> make_portable({"source": "/shop/data/x.csv", "uri": "s3://shop/data"}, Path("/shop"))
        {'source': 'data/x.csv', 'uri': 's3://shop/data'}
    """
    if isinstance(value, Mapping):
        return {name: make_portable(item, root) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [make_portable(item, root) for item in value]
    if not isinstance(value, str):
        return value
    kind = "file:" if value.startswith("file:") else ""
    path, here = value.removeprefix(kind), str(root)
    if path == here:
        return f"{kind}."
    return f"{kind}{path.removeprefix(here.rstrip(os.sep) + os.sep)}"


def portable_settings(value: Any, typed: Any, root: Path) -> Any:
    """Give settings of a run for other machines: the paths among them relative to the project.

    A text stays as it is, whatever it looks like: nobody but its step knows what it starts from.

    Args:
        value: as the run has it, JSON.
        typed: the same as the workflow's class reads it, which knows paths and secrets.
        root: the project's folder.
    """
    if isinstance(typed, BaseModel):
        typed = dict(typed)
    if isinstance(value, Mapping) and isinstance(typed, Mapping):
        return {name: portable_settings(item, typed.get(name), root) for name, item in value.items()}
    if isinstance(value, list) and isinstance(typed, (list, tuple)) and len(value) == len(typed):
        return [portable_settings(item, other, root) for item, other in zip(value, typed, strict=True)]
    if isinstance(value, str) and isinstance(typed, InputPath):
        return os.path.relpath(value, root) if os.path.isabs(value) else value
    return make_portable(value, root) if isinstance(typed, Secret) else value


def portable_parts(parts: Mapping[str, str], root: Path) -> dict[str, str]:
    """Give the parts of a key as a record has them: contracts as digests, paths relative to the project."""
    return {
        label: hashlib.sha256(text.encode()).hexdigest()[:32]
        if label.startswith(_DIGESTED_LABELS)
        else _portable_argument(text, root)
        for label, text in parts.items()
    }


def _portable_argument(text: str, root: Path) -> str:
    """Of the JSON of an argument the texts that are paths of the project, or of a file that is written."""
    text = _OUTPUT_PATH.sub(lambda found: f'"→{os.path.relpath(found[1], root)}"', text)
    here = re.escape(json.dumps(str(root).rstrip(os.sep), ensure_ascii=False)[1:-1])
    text = re.sub(rf'(?:(?<=")|(?<="file:)){here}(?=")', ".", text)
    return re.sub(rf'(?:(?<=")|(?<="file:)){here}{re.escape(os.sep)}', "", text)


def without_paths(text: str, root: Path) -> str:
    """Give a message for readers elsewhere: of a path on this machine the last part is left.

    Example:
        >>> without_paths("/shop/clean.py cannot read /srv/data/x.csv of /shop", Path("/shop"))
        'clean.py cannot read …/x.csv of the project'
    """
    here, end = re.escape(str(root)), re.escape(os.sep)
    if str(root) != os.sep:
        text = re.sub(rf"(?<![\w.~/-]){here}{end}(?=[\w.~])", "", text)
        text = re.sub(rf"(?<![\w.~/-]){here}(?![\w-]|[.{end}]\w)", "the project", text)
    return _ABSOLUTE_PATH.sub(r"…/\1", text)
