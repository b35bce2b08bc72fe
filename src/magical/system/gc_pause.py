"""A pause of the garbage collector while modules are imported."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator

__all__ = ["gc_paused", "pause_gc", "resume_gc"]

_state = {"paused": False, "at_exit": False}


def pause_gc() -> None:
    """Switch the garbage collector off until ``resume_gc``."""
    # Imports create many objects and almost no garbage: each pass would walk all modules in vain.
    if gc.isenabled():
        gc.disable()
        _state["paused"] = True
    if not _state["at_exit"]:
        atexit.register(gc.freeze)  # the collection at exit would free what the process's end frees anyway
        _state["at_exit"] = True


def resume_gc() -> None:
    """Switch the collector on again if ``pause_gc`` switched it off.

    Example:
        >>> pause_gc()
        >>> resume_gc()
        >>> gc.isenabled()
        True
    """
    if _state["paused"]:
        _state["paused"] = False
        gc.freeze()  # imported modules live to the end; later passes need not visit them
        gc.enable()


@contextlib.contextmanager
def gc_paused(*, freezes: bool = False) -> Iterator[None]:
    """Switch the garbage collector off for a block in the middle of a run, if it is on.

    Args:
        freezes: later passes leave out all that exists at the end of the block, such as imported modules.

    Example:
        >>> with gc_paused():
        ...     gc.isenabled()
        False
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if freezes:
            gc.freeze()
        gc.enable()
