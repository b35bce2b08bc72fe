"""Read the record of a run from a file: it may be of another release, or changed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from magical.errors import UsageError, shorten

__all__ = ["FORMAT", "read_record"]

FORMAT = 1
"""Changed when a record of an earlier release can no longer be compared with."""

_NEEDED: dict[str, type] = {"format": int, "run": str, "workflow": str, "settings": dict, "steps": dict}


def read_record(path: Path) -> dict[str, Any]:
    """Read a record that was written into a file.

    Raises:
        UsageError: it is none, or of another format.
    """
    hint = "write one: magical runs RUN --json > record.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise UsageError(f"{path.name} is no record of a run: {reason}.", hint=hint) from None
    if not isinstance(found, dict) or not {"run", "settings"} <= found.keys():
        raise UsageError(f"{path.name} is no record of a run.", hint=hint)
    if found.get("format", FORMAT) != FORMAT:
        raise UsageError(
            f"{path.name} is a record of format {shorten(found['format'], 20)}; this magical reads {FORMAT}.",
            hint="reproduce it with the release that wrote it, or write it again.",
        )
    odd = [name for name, kind in _NEEDED.items() if not isinstance(found.get(name), kind)]
    if odd or not all(isinstance(step, dict) for step in found["steps"].values()):
        raise UsageError(
            f"{path.name} is no whole record: {', '.join(odd) or 'steps'} is missing.", hint=hint
        )
    return found
