"""The lock files of a project: which versions of packages it was to be run with."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["lock_digests"]

_NAMES = (
    "requirements.lock",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pixi.lock",
    "Pipfile.lock",
    "conda-lock.yml",
)


def lock_digests(root: Path) -> dict[str, str]:
    """Give the digests of the lock files in a project's folder, by name.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "uv.lock").write_text("version = 1")
        >>> list(lock_digests(folder))
        ['uv.lock']
    """
    found: dict[str, str] = {}
    for name in _NAMES:
        try:
            found[name] = hashlib.sha256((root / name).read_bytes()).hexdigest()
        except OSError:  # there is none, and an unreadable one locks nothing
            continue
    return found
