"""Tracebacks reduced to the frames of the project's author."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from magical.errors import MagicalError, is_foreign, shorten
from magical.masking import mask

__all__ = ["attach_trace", "author_frames", "format_frames", "format_trace"]

MAX_FRAMES = 8
MAX_TRACE = 20_000
"""Characters of a traceback that are kept."""
_MAX_CAUSE_FRAMES = 3
_MAX_CAUSES = 3
_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>")


def author_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """List the frames of an error that lie in the author's own files, the outermost first."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_foreign(f.filename)]
    # Python 3.11 has a frame for a comprehension, on the line of the frame around it; later ones have not.
    return [
        f
        for i, f in enumerate(frames)
        if not (i and f.name in _COMPREHENSIONS and _is_same_line(*frames[i - 1 : i + 1]))
    ]


def _is_same_line(one: traceback.FrameSummary, other: traceback.FrameSummary) -> bool:
    return (one.filename, one.lineno) == (other.filename, other.lineno)


def format_frames(error: BaseException) -> str:
    """Format the author's frames of an error and of its causes, two lines each; empty if there are none."""
    # A traceback cannot be pickled: an error from another process carries its frames as text.
    if "frames" in error.__dict__:
        return str(error.__dict__["frames"])
    blocks: list[str] = []
    for cause in _cause_chain(error):
        if not (frames := author_frames(cause)):
            continue
        lines = _format_frame_lines(frames, _MAX_CAUSE_FRAMES if blocks else MAX_FRAMES)
        if blocks:
            message = shorten(cause, 160)
            lines.insert(0, f"  because of {type(cause).__name__}{f': {message}' if message else ''}")
        blocks.append("\n".join(lines))
        if len(blocks) > _MAX_CAUSES:
            break
    return "\n".join(blocks)


def format_trace(error: BaseException) -> str:
    """Format the whole traceback, with the frames of magical and of libraries, without secrets.

    The middle of a very long one, such as that of an exception whose message is a table, is left out.
    """
    if "trace" in error.__dict__:
        return str(error.__dict__["trace"])
    text = mask("".join(traceback.format_exception(error))).rstrip()
    if (surplus := len(text) - MAX_TRACE) <= 0:
        return text
    return f"{text[: MAX_TRACE // 2]}\n… {surplus:,} characters more …\n{text[-MAX_TRACE // 2 :]}"


def attach_trace(error: MagicalError, cause: BaseException) -> MagicalError:
    """Store the frames and the traceback of the cause on an error as texts, which survive pickling.

    Example:
        >>> format_trace(attach_trace(MagicalError("clean failed"), ValueError("no rows")))
        'ValueError: no rows'
    """
    error.__dict__["frames"] = format_frames(cause)
    error.__dict__["trace"] = format_trace(cause)
    return error


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    seen: set[int] = set()  # a chain of contexts may be a circle
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _format_frame_lines(frames: list[traceback.FrameSummary], limit: int) -> list[str]:
    """Format the first and last frames, at most ``limit`` of them, two lines each."""
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
