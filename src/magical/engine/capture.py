"""What bodies print and log, told step by step."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

from magical.events import Log, Sink, current
from magical.masking import mask

__all__ = ["LINES", "capturing"]

LINES = 2_000
"""Lines of one step that are told; what it prints beyond them is passed on, and not kept."""

WIDTH = 2_000
"""Characters of one line that are told."""


@contextlib.contextmanager
def capturing(*, echo: bool) -> Iterator[None]:
    """Tell each line that a body prints or logs as an event of its step; all else passes as ever.

    Args:
        echo: whether lines also go where they would have gone, such as a notebook's cell.

    What threads of the body's own, or compiled code, write is not seen here.
    """
    lines = _Lines()
    handler = _Handler(lines, echo)
    streams = _Stream(sys.stdout, lines, echo), _Stream(sys.stderr, lines, echo)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            yield
    finally:
        root.removeHandler(handler)
        for stream in streams:
            stream.end()


class _Lines:
    """Tells lines until a step has said enough."""

    def __init__(self) -> None:
        self._told: Counter[str] = Counter()

    def __call__(self, sink: Sink, text: str, level: str) -> None:
        """Tell one line of a step."""
        self._told[sink.name] += 1
        if self._told[sink.name] <= LINES:
            sink.emit(Log(step=sink.name, text=mask(text)[:WIDTH], level=level))
        elif self._told[sink.name] == LINES + 1:
            text = f"it has said {LINES:,} lines; what it says from here on is not kept."
            sink.emit(Log(step=sink.name, text=text, level="warning"))


class _Stream(io.TextIOBase):
    """Stands for a stream: what a body writes is told line by line, all else is passed on."""

    def __init__(self, stream: TextIO, lines: _Lines, echo: bool) -> None:
        self._stream, self._lines, self._echo = stream, lines, echo
        self._begun: dict[tuple[int, int], tuple[Sink, str]] = {}
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As the stream it stands for."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """As the stream it stands for."""
        return self._stream.errors

    def isatty(self) -> bool:
        """Whether a person sees it as it is written: not what a body writes."""
        return current.get() is None and self._stream.isatty()

    def fileno(self) -> int:
        """Give the stream's own."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Whether it can be written: yes."""
        return True

    def write(self, text: str) -> int:
        """Take some text of the body that runs in this thread, or pass it on."""
        sink = None if self._ended else current.get()
        if sink is None or self._echo:
            self._stream.write(mask(text))
        if sink is not None:
            key = (id(sink), threading.get_ident())
            *whole, rest = (self._begun.pop(key, (sink, ""))[1] + text).split("\n")
            for line in whole:
                self._say(sink, line)
            if rest:
                self._begun[key] = (sink, rest[-WIDTH * 4 :])
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        with contextlib.suppress(ValueError):
            self._stream.flush()

    def end(self) -> None:
        """Tell the lines that never ended; from here on all is passed on."""
        self._ended = True
        for sink, line in self._begun.values():
            self._say(sink, line)
        self._begun.clear()

    def _say(self, sink: Sink, line: str) -> None:
        """A progress bar writes over its line again and again: its last state is what counts."""
        if text := line.rstrip("\r").rpartition("\r")[2].rstrip():
            self._lines(sink, text, "print")


class _Handler(logging.Handler):
    """Tells log records, of the levels that their loggers let through."""

    def __init__(self, lines: _Lines, echo: bool) -> None:
        super().__init__()
        self._lines, self._echo = lines, echo

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record of the body that runs in this thread; others are treated as without us."""
        sink = current.get()
        last, alone = logging.lastResort, logging.getLogger().handlers == [self]
        if last is not None and alone and (sink is None or self._echo) and record.levelno >= last.level:
            last.handle(record)
        if sink is not None:
            with contextlib.suppress(Exception):
                self._lines(sink, f"{record.name}: {record.getMessage()}", record.levelname.lower())
