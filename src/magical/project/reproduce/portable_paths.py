"""Portable paths: values, key parts and messages with paths relative to the project, for other machines."""

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

_DIGESTED_LABELS = ("gives", "takes:", "examples")  # whole contracts, too long for a record
_ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~-])/(?:[^\s/'\",:;()]+/)+([^\s/'\",:;()]*)")
_OUTPUT_PATH = re.compile(r'"→(/(?:[^"\\]|\\.)*)"')


def make_portable(value: Any, root: Path) -> Any:
    """Make each absolute path inside the project, in a JSON value, relative to the project's folder.

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
    prefix = "file:" if value.startswith("file:") else ""  # the prefix of a secret that is kept in a file
    path, folder = value.removeprefix(prefix), str(root)
    return f"{prefix}{'.' if path == folder else path.removeprefix(folder.rstrip(os.sep) + os.sep)}"


def portable_settings(value: Any, typed: Any, root: Path) -> Any:
    """Make the input paths and secrets in a run's settings relative to the project.

    Args:
        value: the settings as JSON.
        typed: the same, validated by the workflow's class.
        root: the project's folder.

    Example:
        >>> portable_settings({"file": "/shop/x.csv"}, {"file": InputPath("/shop/x.csv")}, Path("/shop"))
        {'file': 'x.csv'}
    """
    # A plain text stays as it is, even if it looks like a path: only its step knows what it means.
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
    """Make the parts of a key portable: contracts as digests, paths relative to the project.

    Example:
        >>> portable_parts({"argument:source": '"/shop/data/x.csv"'}, Path("/shop"))
        {'argument:source': '"data/x.csv"'}
    """
    return {
        label: hashlib.sha256(text.encode()).hexdigest()[:32]
        if label.startswith(_DIGESTED_LABELS)
        else _portable_argument(text, root)
        for label, text in parts.items()
    }


def _portable_argument(text: str, root: Path) -> str:
    """Make project and output paths relative in a key part: an argument's JSON, then digests of files."""
    text = _OUTPUT_PATH.sub(lambda found: f'"→{os.path.relpath(found[1], root)}"', text)
    folder = re.escape(json.dumps(str(root).rstrip(os.sep), ensure_ascii=False)[1:-1])
    text = re.sub(rf'(?:(?<=")|(?<="file:)){folder}(?=")', ".", text)
    return re.sub(rf'(?:(?<=")|(?<="file:)){folder}{re.escape(os.sep)}', "", text)


def without_paths(text: str, root: Path) -> str:
    """Make paths in the project relative to it, and shorten other absolute paths to their last part.

    Example:
        >>> without_paths("/shop/clean.py cannot read /srv/data/x.csv of /shop", Path("/shop"))
        'clean.py cannot read …/x.csv of the project'
    """
    folder, end = re.escape(str(root)), re.escape(os.sep)
    if str(root) != os.sep:  # in a project at the file system's root, every path would lie in the project
        text = re.sub(rf"(?<![\w.~/-]){folder}{end}(?=[\w.~])", "", text)
        text = re.sub(rf"(?<![\w.~/-]){folder}(?![\w-]|[.{end}]\w)", "the project", text)
    return _ABSOLUTE_PATH.sub(r"…/\1", text)
