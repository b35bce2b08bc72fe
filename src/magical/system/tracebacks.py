"""Of a traceback, the lines that the author wrote."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from magical.errors import MagicalError, is_foreign, shorten
from magical.masking import mask

__all__ = ["attach_trace", "author_frames", "format_frames", "format_trace"]

MAX_FRAMES = 8
_MAX_CAUSE_FRAMES = 3
_MAX_CAUSES = 3


def author_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Give the author's frames of an error, the outermost first."""
    return [f for f in traceback.extract_tb(error.__traceback__) if not is_foreign(f.filename)]


def format_frames(error: BaseException) -> str:
    """Give the author's frames of an error and of what it came from, two lines each; empty if there are none.

    An error that comes from another process brings its frames along.
    """
    if "frames" in error.__dict__:
        return str(error.__dict__["frames"])
    blocks: list[str] = []
    for cause in _cause_chain(error):
        if not (frames := author_frames(cause)):
            continue
        lines = _format_frame_lines(frames, _MAX_CAUSE_FRAMES if blocks else MAX_FRAMES)
        if blocks:
            words = shorten(cause, 160)
            lines.insert(0, f"  because of {type(cause).__name__}{f': {words}' if words else ''}")
        blocks.append("\n".join(lines))
        if len(blocks) > _MAX_CAUSES:
            break
    return "\n".join(blocks)


def format_trace(error: BaseException) -> str:
    """Give the whole traceback, with the frames of magical and of libraries, below the author's own."""
    return str(error.__dict__.get("trace") or mask("".join(traceback.format_exception(error)))).rstrip()


def attach_trace(made: MagicalError, error: BaseException) -> MagicalError:
    """Note on an error the frames and the traceback of what it came from, so that they travel with it."""
    made.__dict__["frames"] = format_frames(error)
    made.__dict__["trace"] = format_trace(error)
    return made


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = here.__cause__ or (None if here.__suppress_context__ else here.__context__)


def _format_frame_lines(frames: list[traceback.FrameSummary], limit: int) -> list[str]:
    first = limit // 3
    shown = frames if len(frames) <= limit else [*frames[:first], *frames[first - limit :]]
    lines = []
    for number, frame in enumerate(shown):
        if len(frames) > limit and number == first:
            lines.append(f"  … {len(frames) - limit} more")
        lines.append(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}")
        if frame.line:
            lines.append(f"    {shorten(frame.line, 100)}")
    return lines
