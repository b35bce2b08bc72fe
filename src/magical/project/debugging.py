"""A debugger where a step's body raised."""

from __future__ import annotations

import contextlib
import pdb
import sys
from types import TracebackType

from magical.errors import MagicalError, is_foreign
from magical.masking import MaskedStream

__all__ = ["post_mortem"]


def post_mortem(error: BaseException) -> None:
    """Open the debugger in the innermost line of the project's own that led to an error.

    Args:
        error: what a body raised, or, where it broke its promise, what says so.
    """
    trace = _own(error.__traceback__)
    text = str(error) if isinstance(error, MagicalError) else f"{type(error).__name__}: {error}"
    with contextlib.redirect_stdout(MaskedStream.over(sys.__stdout__ or sys.stdout)):
        print(text)
        print("You are where it happened. w: where, p NAME: show, u and d: up and down, q: go on.")
        debugger = pdb.Pdb()
        debugger.reset()
        debugger.interaction(None, trace)


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The same traceback without the lines of others; all of it, if there is no line of the project's."""
    frames, step = [], trace
    while step is not None:
        frames.append(step)
        step = step.tb_next
    chain: TracebackType | None = None
    for part in reversed([f for f in frames if not is_foreign(f.tb_frame.f_code.co_filename)]):
        chain = TracebackType(chain, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return chain or trace
