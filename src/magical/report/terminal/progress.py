"""Progress of a run in a terminal or a notebook, one line a step; little is printed into a pipe."""

from __future__ import annotations

import io
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TextIO, cast

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

__all__ = ["Console", "NotebookCell", "RowProgress", "open_console"]

_COLOURS = {"green": "32", "yellow": "33", "red": "31", "dim": "2"}


class Console:
    """A listener that writes one line for each step that ends, and the lines that steps print.

    Args:
        stream: stderr by default, so that the answer on stdout stays clean.
        show_progress: on by default in a terminal only; failures and warnings always show.
        leaves_prints: True to leave the lines that steps print to the run, which writes them as they are.

    Example:
        >>> Console(sys.stdout, show_progress=True).on(StepCached(step="clean", key="k1"))
        = clean    fresh
    """

    def __init__(
        self,
        stream: TextIO | io.TextIOBase | None = None,
        show_progress: bool | None = None,
        leaves_prints: bool = False,
    ) -> None:
        self._stream, self.leaves_prints = stream or sys.stderr, leaves_prints
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
            case LogLine():
                self._write_log(event)

    def _write_log(self, event: LogLine) -> None:
        if event.level == "print":
            if not self.leaves_prints:
                self._write_line("│", "dim", event.step, event.text)
        elif self._show_progress or event.level not in ("info", "debug"):
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


def open_console() -> Console:
    """Open the console of a run from Python: a terminal, the cell of a notebook, or a pipe.

    In a terminal it is that of the command. Elsewhere, what steps print is written as it is.
    """
    if _is_notebook():
        return Console(NotebookCell(), leaves_prints=True)
    return Console(leaves_prints=not (sys.stderr.isatty() and sys.stdout.isatty()))


def _is_notebook() -> bool:
    ipython: Any = sys.modules.get("IPython")  # not imported: where it is not, this is no notebook
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class NotebookCell(io.TextIOBase):
    r"""A stream like a terminal's, whose lines are one output of a notebook's cell that is updated in place.

    Args:
        show: shows the lines, each time they have changed; by default in the cell that runs now.

    Example:
        >>> cell = NotebookCell(print)
        >>> _ = cell.write("… clean\r")
        … clean
        >>> _ = cell.write("\r\x1b[2K✓ clean\n")
        ✓ clean
    """

    def __init__(self, show: Callable[[str], object] | None = None) -> None:
        self._show = show or _Display().show
        self._lines: list[str] = []
        self._is_open = False  # the last line is one that the next text overwrites
        self._shown_at = 0.0

    def isatty(self) -> bool:
        """Return True, so that the progress of steps is written."""
        return True

    def write(self, text: str) -> int:
        """Write a line; one that ends in a carriage return is overwritten by the next."""
        if self._is_open:
            self._lines.pop()
        self._is_open = text.endswith("\r")
        self._lines.append(_TERMINAL_CODES.sub("", text).strip("\r\n"))
        # Some estimators tell their progress hundreds of times a second, and each time the cell is sent.
        if not self._is_open or time.monotonic() - self._shown_at >= _SECONDS_BETWEEN_UPDATES:
            self._shown_at = time.monotonic()
            earlier = len(self._lines) - _MAX_CELL_LINES
            above = [f"… {earlier:,} lines before"] if earlier > 0 else []
            self._show("\n".join([*above, *self._lines[-_MAX_CELL_LINES:]]))
        return len(text)


_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SECONDS_BETWEEN_UPDATES, _MAX_CELL_LINES = 0.1, 200


class _Display:
    """One output of the running cell, which is there once it has a text."""

    def __init__(self) -> None:
        self._handle: Any = None
        # tqdm, which other libraries import, would say in the cell that it misses a package for its own bars.
        warnings.filterwarnings("ignore", "IProgress not found")

    def show(self, text: str) -> None:
        """Change the text."""
        import IPython.display

        output, display = {"text/plain": text}, cast(Any, IPython.display.display)  # it has no types
        if self._handle is None:
            self._handle = display(output, raw=True, display_id=True)
        else:
            self._handle.update(output, raw=True)


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
