"""Progress of a run in the terminal, one line a step; little is printed when the output is piped."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from magical.errors import strip_control_characters
from magical.events import (
    Event,
    LogLine,
    Progress,
    RunStarted,
    StepCached,
    StepFailed,
    StepFinished,
    StepLeftOut,
    StepPending,
    StepRetried,
    StepStarted,
)

__all__ = ["Console", "RowProgress"]

_COLOURS = {"green": "32", "yellow": "33", "red": "31", "dim": "2"}


class Console:
    """A listener that writes one line for each step that ends, and the lines that steps print.

    Args:
        stream: stderr by default, so that the answer on stdout stays clean.
        show_progress: on by default in a terminal only; failures and warnings always show.

    Example:
        >>> Console(sys.stdout, show_progress=True).on(StepCached(step="clean", key="k1"))
        = clean    fresh
    """

    def __init__(self, stream: TextIO | None = None, show_progress: bool | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._show_progress = self._is_terminal if show_progress is None else show_progress
        self._width = 0

    def on(self, event: Event) -> None:
        """Print an event, unless it is progress that nobody watches."""
        match event:
            case RunStarted():
                self._width = min(max((len(n) for n in event.nodes), default=0), 32)
            case StepStarted() if self._show_progress and self._is_terminal:
                # Without a line feed: the line of the finished step overwrites it.
                self._write_line("…", "dim", event.step, "", end="\r")
            case Progress() if self._show_progress and self._is_terminal:
                self._write_line("…", "dim", event.step, self._cut(event), end="\r")
            case StepFinished() if self._show_progress and event.step in event.origin:
                self._write_line("~", "yellow", event.step, f"pretended  {event.summary}")
            case StepFinished() if self._show_progress:
                self._write_line("✓", "green", event.step, f"{event.seconds:6.2f} s  {event.summary}")
            case StepCached() if self._show_progress:
                self._write_line("=", "dim", event.step, "   fresh")
            case StepFailed():
                self._write_line("✗", "red", event.step, "failed")
            case StepPending():
                self._write_line("-", "yellow", event.step, "pending")
            case StepLeftOut():
                self._write_line("-", "yellow", event.step, f"left out: {event.reason}")
            case StepRetried():
                text = f"attempt {event.attempt} failed: {_first_line(event.message)}"
                self._write_line("↻", "yellow", event.step, text)
                self._write_line(" ", "dim", "", f"again in {event.wait:g} s")
            case LogLine(level="print"):
                self._write_line("│", "dim", event.step, event.text)
            case LogLine() if self._show_progress or event.level not in ("info", "debug"):
                self._write_line("!" if event.level != "info" else " ", "yellow", event.step, event.text)

    def _cut(self, event: Progress) -> str:
        """Word the progress of a step; only the last row of a line that wraps would be overwritten."""
        room = shutil.get_terminal_size().columns - max(self._width, len(event.step)) - 4
        return f"{event.done} of {event.total}  {event.text}"[: max(room, 0)]

    def _write_line(self, mark: str, colour: str, step: str, text: str, end: str = "\n") -> None:
        clear = "\r\x1b[2K" if self._is_terminal else ""
        if self._is_terminal:
            mark = f"\x1b[{_COLOURS[colour]}m{mark}\x1b[0m"
        # A column name or a printed line could otherwise move the cursor or clear the screen.
        step, text = strip_control_characters(step), strip_control_characters(text)
        self._stream.write(f"{clear}{mark} {step:<{self._width}} {text}".rstrip() + end)
        self._stream.flush()


def _first_line(message: str) -> str:
    """Return the first line of a message, with the second if the first ends in a colon."""
    first, *rest = message.splitlines()
    return f"{first} {rest[0].strip()}" if first.endswith(":") and rest else first


class RowProgress:
    """One line in a terminal with the rows that are done; nothing is printed when the output is piped.

    Args:
        stream: stderr by default.

    Example:
        >>> RowProgress(sys.stdout).on_rows(100_000, 200_000)
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._started = time.perf_counter()

    def on_rows(self, rows: int, total: int) -> None:
        """Print the rows that are done, of all if that is known, and the rows a second so far."""
        if not self._stream.isatty():
            return
        of = f" of {total:,}" if total else ""
        rate = rows / max(time.perf_counter() - self._started, 1e-9)
        # Without a line feed: the next line overwrites it.
        end = "\r\x1b[2K" if rows == total else "\r"
        self._stream.write(f"\r\x1b[2K… {rows:,}{of} rows, {rate:,.0f} rows/s{end}")
        self._stream.flush()
