"""The garbage collector, paused while the command imports: it would walk every new module again and again."""

from __future__ import annotations

import atexit
import gc

__all__ = ["pause", "resume"]

_state = {"paused": False, "at_exit": False}


def pause() -> None:
    """Switch the collector off until ``resume``; at exit it passes over all that is there then."""
    if gc.isenabled():
        gc.disable()
        _state["paused"] = True
    if not _state["at_exit"]:
        atexit.register(gc.freeze)
        _state["at_exit"] = True


def resume() -> None:
    """Switch the collector on again, if it was ``pause`` that switched it off.

    Example:
        >>> pause()
        >>> resume()
        >>> gc.isenabled()
        True
    """
    if _state["paused"]:
        _state["paused"] = False
        gc.freeze()
        gc.enable()
