"""What bodies print and log, told step by step."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from magical.events import Event, LogLine, NullSink, Sink, current_sink
from magical.masking import mask

__all__ = ["MAX_LINES", "MAX_LINE_WIDTH", "LineEmitter", "capture_lines"]

MAX_LINES = 2_000
"""Lines of one step that are told; what it prints beyond them is passed on, and not kept."""

MAX_LINE_WIDTH = 2_000
"""Characters of one line that are told."""

_lock = threading.Lock()


@contextlib.contextmanager
def capture_lines(*, echo: bool) -> Iterator[None]:
    """Tell each line that a body prints or logs as an event of its step; all else passes as ever.

    Args:
        echo: whether lines also go where they would have gone, such as a notebook's cell.

    What threads of the body's own, or compiled code, write is not seen here. Several runs at once, in
    threads of one process, may end in any order.
    """
    lines, root = LineEmitter(), logging.getLogger()
    handler = _LogHandler(lines, echo)
    with _lock:
        streams = _CapturedStream(sys.stdout, lines, echo), _CapturedStream(sys.stderr, lines, echo)
        sys.stdout, sys.stderr = streams
        root.addHandler(handler)
    try:
        yield
    finally:
        for stream in streams:
            stream.finish()
        with _lock:
            root.removeHandler(handler)
            sys.stdout, sys.stderr = _unwrap_stream(sys.stdout), _unwrap_stream(sys.stderr)


def _unwrap_stream(stream: TextIO | _CapturedStream) -> TextIO:
    """What stands below the streams of runs that have ended."""
    while isinstance(stream, _CapturedStream) and stream.ended:
        stream = stream.outer
    return cast(TextIO, stream)


class LineEmitter:
    """Tells lines until a step has said enough."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, emit: Callable[[Event], None], step: str, text: str, level: str) -> None:
        """Tell one line of a step."""
        self._counts[step] += 1
        if self._counts[step] <= MAX_LINES:
            emit(LogLine(step=step, text=mask(text)[:MAX_LINE_WIDTH], level=level))
        elif self._counts[step] == MAX_LINES + 1:
            text = f"it has said {MAX_LINES:,} lines; what it says from here on is not kept."
            emit(LogLine(step=step, text=text, level="warning"))


class _CapturedStream(io.TextIOBase):
    """Stands for a stream: what a body writes is told line by line, all else is passed on."""

    def __init__(self, outer: TextIO | _CapturedStream, lines: LineEmitter, echo: bool) -> None:
        self.outer, self._lines, self._echo = outer, lines, echo
        # Another run's stream would tell the same lines once more.
        self._stream: TextIO = outer._stream if isinstance(outer, _CapturedStream) else outer
        self._partial_lines: dict[tuple[int, int], tuple[Sink, str]] = {}
        self.ended = False

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
        return current_sink.get() is None and self._stream.isatty()

    def fileno(self) -> int:
        """Give the stream's own."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Whether it can be written: yes."""
        return True

    def write(self, text: str) -> int:
        """Take some text of the body that runs in this thread, or pass it on."""
        sink = None if self.ended else current_sink.get()
        if isinstance(sink, NullSink):
            return len(text)
        if sink is None or (self._echo and "\r" in text):  # a progress bar lives
            self._stream.write(mask(text))
        if sink is not None:
            key = (id(sink), threading.get_ident())
            *whole, rest = (self._partial_lines.pop(key, (sink, ""))[1] + text).split("\n")
            for line in whole:
                self._emit_line(sink, line + "\n")
            if rest:
                self._partial_lines[key] = (sink, rest[-MAX_LINE_WIDTH * 4 :])
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        with contextlib.suppress(ValueError):
            self._stream.flush()

    def finish(self) -> None:
        """Tell the lines that never ended; from here on all is passed on."""
        self.ended = True
        for sink, line in list(self._partial_lines.values()):
            self._emit_line(sink, line)
        self._partial_lines.clear()

    def _emit_line(self, sink: Sink, line: str) -> None:
        """A progress bar writes over its line again and again: its last state is what counts."""
        last = line.rstrip("\r\n").rpartition("\r")[2]
        if self._echo:  # whole lines, so that those of steps side by side do not mix
            self._stream.write(mask(last) + line[len(line.rstrip("\n")) :])
        if text := last.rstrip():
            self._lines(sink.emit, sink.name, text, "print")


class _LogHandler(logging.Handler):
    """Tells log records, of the levels that their loggers let through."""

    def __init__(self, lines: LineEmitter, echo: bool) -> None:
        super().__init__()
        self._lines, self._echo = lines, echo

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record of the body that runs in this thread; others are treated as without us."""
        sink, others = current_sink.get(), logging.getLogger().handlers
        if isinstance(sink, NullSink):
            return
        if record.__dict__.setdefault("_told_by", self) is not self:
            return  # of several runs at once the first tells it, also when one begins or ends meanwhile
        last, alone = logging.lastResort, all(isinstance(h, _LogHandler) for h in others)
        if last is not None and alone and (sink is None or self._echo) and record.levelno >= last.level:
            within = current_sink.set(None)  # it is told below, and not once more as what was printed
            last.handle(record)
            current_sink.reset(within)
        if sink is not None:
            with contextlib.suppress(Exception):
                text = f"{record.name}: {record.getMessage()}"
                self._lines(sink.emit, sink.name, text, record.levelname.lower())
