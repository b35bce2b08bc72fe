"""What a record says of places: paths relative to the project, and none of the machine where it can be."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["portable", "portable_parts", "without_paths"]

_LONG = ("gives", "takes:", "examples")
_ABSOLUTE = re.compile(r"(?<![\w.:/~-])/(?:[^\s/'\",:;()]+/)+([^\s/'\",:;()]*)")


def portable(value: Any, root: Path) -> Any:
    """Give a value with the paths in the project made relative to it; a file elsewhere, too.

    Example:
        >>> portable({"source": "/shop/data/x.csv"}, Path("/shop"))
        {'source': 'data/x.csv'}
    """
    if isinstance(value, Mapping):
        return {name: portable(item, root) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [portable(item, root) for item in value]
    if not isinstance(value, str):
        return value
    if os.path.isabs(value) and "\n" not in value and os.path.isfile(value):
        return os.path.relpath(value, root)
    return _from_root(value, root)


def portable_parts(parts: Mapping[str, str], root: Path) -> dict[str, str]:
    """Give the parts of a key as a record has them: contracts as digests, paths relative to the project."""
    return {
        label: hashlib.sha256(text.encode()).hexdigest()[:32]
        if label.startswith(_LONG)
        else str(portable(text, root))
        for label, text in parts.items()
    }


def without_paths(text: str, root: Path) -> str:
    """A message for readers elsewhere: of a path on this machine the last part is left."""
    return _ABSOLUTE.sub(r"…/\1", _from_root(text, root))


def _from_root(text: str, root: Path) -> str:
    here = str(root)
    if here == os.sep or here not in text:
        return text
    return re.sub(rf"(?<![\w.~-]){re.escape(here)}(?:{re.escape(os.sep)}|(?![\w.-]))", "", text) or "."
