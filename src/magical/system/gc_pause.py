"""The garbage collector, paused while the command imports: it would walk every new module again and again."""

from __future__ import annotations

import atexit
import gc

__all__ = ["pause_gc", "resume_gc"]

_state = {"paused": False, "at_exit": False}


def pause_gc() -> None:
    """Switch the collector off until ``resume_gc``; at exit it passes over all that is there then."""
    if gc.isenabled():
        gc.disable()
        _state["paused"] = True
    if not _state["at_exit"]:
        atexit.register(gc.freeze)
        _state["at_exit"] = True


def resume_gc() -> None:
    """Switch the collector on again, if it was ``pause_gc`` that switched it off.

    Example:
        >>> pause_gc()
        >>> resume_gc()
        >>> gc.isenabled()
        True
    """
    if _state["paused"]:
        _state["paused"] = False
        gc.freeze()
        gc.enable()
