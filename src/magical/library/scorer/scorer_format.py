"""The form of a saved scorer: who wrote it, and clear words where it cannot be read here."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from magical.errors import StoreError, shorten
from magical.keys.packages import find_package, read_versions

__all__ = ["SCORER_FILE", "SCORER_FORMAT", "describe_writer", "explain_failure", "read_scorer_file"]

SCORER_FORMAT = 2
SCORER_FILE = "scorer.json"

_LIBRARIES = ("sklearn", "lightgbm", "numpy", "polars", "skops", "skrub", "xgboost", "catboost")


def describe_writer() -> dict[str, str]:
    """Return the versions of magical, Python and the libraries that a Pipeline may hold objects of.

    Example:
        >>> list(describe_writer())[:2]
        ['magical', 'python']
    """
    versions = read_versions()
    found = (find_package(name) for name in _LIBRARIES)
    writer = {"magical": versions["magical-thinking"], "python": versions["python"]}
    return {**writer, **dict(package for package in found if package)}


def read_scorer_file(folder: Path) -> dict[str, Any]:
    """Read the JSON of a saved scorer.

    Raises:
        StoreError: there is none, or it has a form that this release does not know.
    """
    try:
        data = json.loads((folder / SCORER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{folder} holds no scorer: {shorten(error, 160)}.", hint="was it registered by magical?"
        ) from None
    form = data.get("format") if isinstance(data, dict) else None
    if not isinstance(form, int):
        raise StoreError(f"{folder} holds no scorer.", hint="was it registered by magical?")
    if form == SCORER_FORMAT:
        return dict(data)
    writer, here = _name_release(data.get("written_by", {})), _name_release(describe_writer())
    newer = form > SCORER_FORMAT
    raise StoreError(
        f"This model was registered by {writer} in the form {form}, and here is {here}, which reads the form "
        f"{SCORER_FORMAT}.",
        hint=f"score it with {writer} or a later one: pip install --upgrade magical-thinking."
        if newer
        else "register it again: magical run, with this release.",
    )


def explain_failure(data: Mapping[str, Any], error: Exception) -> StoreError | None:
    """Explain a failure to load by other versions than the writer's, or by damage; None if it is neither."""
    written, here = data.get("written_by", {}), describe_writer()
    differing = {n: (v, here.get(n, "none")) for n, v in written.items() if v != here.get(n)}
    said = f"This model cannot be loaded here: {type(error).__name__}: {shorten(error, 160)}"
    if not differing:
        return (
            StoreError(said, hint="its files are damaged: register it again.") if _is_damage(error) else None
        )
    shown = "; ".join(f"{n} {then or 'from its source'}, here {now}" for n, (then, now) in differing.items())
    names = [n for n in differing if n not in ("magical", "python")]
    hint = f"use Python {written.get('python', '')}."
    if names:
        hint = f"pip install {' '.join(f'{n}=={written[n]}' for n in names)}"
    return StoreError(said, f"It was registered with {shown}.", hint=hint)


def _is_damage(error: Exception) -> bool:
    return isinstance(error, (pickle.UnpicklingError, EOFError, zipfile.BadZipFile))


def _name_release(written: Mapping[str, str]) -> str:
    return f"magical {written['magical']}" if written.get("magical") else "another release of magical"
