"""Which files are read while a project is imported and drawn: what it draws may depend on them."""

from __future__ import annotations

import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["files_read"]

_watching = threading.local()
_hooked = threading.Lock()
_state = {"hooked": False}


@contextmanager
def files_read() -> Iterator[set[str]]:
    """Collect the files that this thread opens for reading; Python's own and installed ones are left out.

    Example:
        >>> with files_read() as read:
        ...     _ = Path("settings.toml").exists()
        >>> read
        set()
    """
    with _hooked:
        if not _state["hooked"]:
            sys.addaudithook(_hear)
            _state["hooked"] = True
    found: set[str] = set()
    _watching.files = found
    try:
        yield found
    finally:
        _watching.files = None
        own = (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), "/proc", "/sys", "/dev")
        found -= {
            f for f in found if f.startswith(own) or f.endswith((".pyc", ".py")) or not Path(f).is_file()
        }


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    files = getattr(_watching, "files", None) if event == "open" else None
    if files is None:
        return
    path, mode = arguments[0], arguments[1]
    if isinstance(path, (str, Path)) and (mode is None or "r" in mode):
        files.add(str(Path.cwd() / path))
