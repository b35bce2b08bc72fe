"""Of a traceback, the lines that the author wrote."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from magical.errors import MagicalError, is_foreign, shorten
from magical.masking import mask

__all__ = ["frames_text", "own_frames", "remember_trace", "trace_text"]

MOST = 8
_MOST_OF_A_CAUSE = 3
_CAUSES = 3


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Give the author's frames of an error, the outermost first."""
    return [f for f in traceback.extract_tb(error.__traceback__) if not is_foreign(f.filename)]


def frames_text(error: BaseException) -> str:
    """Give the author's frames of an error and of what it came from, two lines each; empty if there are none.

    An error that comes from another process brings its frames along.
    """
    if "frames" in error.__dict__:
        return str(error.__dict__["frames"])
    blocks: list[str] = []
    for cause in _chain(error):
        if not (frames := own_frames(cause)):
            continue
        lines = _lines(frames, _MOST_OF_A_CAUSE if blocks else MOST)
        if blocks:
            words = shorten(cause, 160)
            lines.insert(0, f"  because of {type(cause).__name__}{f': {words}' if words else ''}")
        blocks.append("\n".join(lines))
        if len(blocks) > _CAUSES:
            break
    return "\n".join(blocks)


def trace_text(error: BaseException) -> str:
    """Give the whole traceback, with the frames of magical and of libraries, below the author's own."""
    return str(error.__dict__.get("trace") or mask("".join(traceback.format_exception(error)))).rstrip()


def remember_trace(made: MagicalError, error: BaseException) -> MagicalError:
    """Note on an error the frames and the traceback of what it came from, so that they travel with it."""
    made.__dict__["frames"] = frames_text(error)
    made.__dict__["trace"] = trace_text(error)
    return made


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = here.__cause__ or (None if here.__suppress_context__ else here.__context__)


def _lines(frames: list[traceback.FrameSummary], most: int) -> list[str]:
    first = most // 3
    shown = frames if len(frames) <= most else [*frames[:first], *frames[first - most :]]
    lines = []
    for number, frame in enumerate(shown):
        if len(frames) > most and number == first:
            lines.append(f"  … {len(frames) - most} more")
        lines.append(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}")
        if frame.line:
            lines.append(f"    {shorten(frame.line, 100)}")
    return lines
