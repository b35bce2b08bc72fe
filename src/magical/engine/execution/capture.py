"""Capture of what bodies print and log, as events of their steps."""

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

__all__ = ["MAX_LINES", "MAX_LINE_WIDTH", "LineEmitter", "capture_lines", "cut_line", "trim_partial_line"]

MAX_LINES = 2_000
"""Lines of one step that become events; later ones are only echoed."""

MAX_LINE_WIDTH = 2_000
"""Characters of a line that are kept."""

_lock = threading.Lock()


@contextlib.contextmanager
def capture_lines(*, echo: bool, echo_logs: bool | None = None) -> Iterator[None]:
    """Emit each line that a body prints or logs during the block as an event of its step.

    Output of compiled code and of threads that a body starts is not captured.

    Args:
        echo: True to also write the lines to the original streams, such as a notebook's cell.
        echo_logs: the same for what they log; by default as ``echo``.
    """
    emitter, root = LineEmitter(), logging.getLogger()
    handler = _LogHandler(emitter, echo if echo_logs is None else echo_logs)
    with _lock:
        streams = _CapturedStream(sys.stdout, emitter, echo), _CapturedStream(sys.stderr, emitter, echo)
        sys.stdout, sys.stderr = streams
        root.addHandler(handler)
    try:
        yield
    finally:
        for stream in streams:
            stream.finish()
        with _lock:
            root.removeHandler(handler)
            # Several runs of one process may end in any order: a stream of a run that goes on stays.
            sys.stdout, sys.stderr = _unwrap_stream(sys.stdout), _unwrap_stream(sys.stderr)


def _unwrap_stream(stream: TextIO | _CapturedStream) -> TextIO:
    """Return the stream below those of runs that have ended."""
    while isinstance(stream, _CapturedStream) and stream.ended:
        stream = stream.outer
    return cast(TextIO, stream)


def cut_line(text: str) -> str:
    """Cut the end off a text of more than ``MAX_LINE_WIDTH`` characters, and mark it with an ellipsis.

    Example:
        >>> len(cut_line("x" * 50_000)), cut_line("x" * 50_000)[-2:]
        (2000, 'x…')
    """
    return text if len(text) <= MAX_LINE_WIDTH else f"{text[: MAX_LINE_WIDTH - 1]}…"


class LineEmitter:
    """Emits lines of steps, up to ``MAX_LINES`` of each.

    Example:
        >>> events: list[Event] = []
        >>> LineEmitter()(events.append, "clean", "half way", "print")
        >>> events
        [LogLine(step='clean', text='half way', level='print')]
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, emit: Callable[[Event], None], step: str, text: str, level: str) -> None:
        """Emit one line of a step; after ``MAX_LINES`` emit one warning, then nothing."""
        self._counts[step] += 1
        if self._counts[step] <= MAX_LINES:
            emit(LogLine(step=step, text=cut_line(mask(text)), level=level))
        elif self._counts[step] == MAX_LINES + 1:
            text = f"it has said {MAX_LINES:,} lines; what it says from here on is not kept."
            emit(LogLine(step=step, text=text, level="warning"))


def trim_partial_line(text: str) -> str:
    """Keep the beginning of a very long line without an end, or of the last state of a progress bar in it.

    Example:
        >>> trim_partial_line("10 %" + " " * 9_000 + chr(13) + "20 %")
        '20 %'
    """
    if len(text) <= MAX_LINE_WIDTH * 4:
        return text
    state = text.rstrip("\r")
    end = text[len(state) :][:1]  # the next state must not continue this one
    return state.rpartition("\r")[2][: MAX_LINE_WIDTH * 4] + end


class _CapturedStream(io.TextIOBase):
    """A proxy of a stream: what a body writes becomes events line by line, all else is passed on."""

    def __init__(self, outer: TextIO | _CapturedStream, emitter: LineEmitter, echo: bool) -> None:
        self.outer, self._emitter, self._echo = outer, emitter, echo
        # Write below the stream of another run, which would emit the same lines again.
        self._stream: TextIO = outer._stream if isinstance(outer, _CapturedStream) else outer
        self._partial_lines: dict[tuple[int, int], tuple[Sink, str]] = {}
        self.ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the original stream."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """The error handling of the original stream."""
        return self._stream.errors

    def isatty(self) -> bool:
        """Return False for a body, so that it draws no progress bars and colours."""
        return current_sink.get() is None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the original stream."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Buffer and emit the text of the body that runs in this thread; pass on any other text."""
        sink = None if self.ended else current_sink.get()
        if isinstance(sink, NullSink):
            return len(text)
        if sink is None or (self._echo and "\r" in text):  # a progress bar moves
            self._stream.write(mask(text))
        if sink is not None:
            key = (id(sink), threading.get_ident())  # threads must not complete each other's lines
            *whole, rest = (self._partial_lines.pop(key, (sink, ""))[1] + text).split("\n")
            for line in whole:
                self._emit_line(sink, line + "\n")
            if rest:
                self._partial_lines[key] = (sink, trim_partial_line(rest))
        return len(text)

    def flush(self) -> None:
        """Flush the original stream."""
        with contextlib.suppress(ValueError):  # it is closed
            self._stream.flush()

    def finish(self) -> None:
        """Emit the unfinished lines; from then on, pass all text to the original stream."""
        self.ended = True
        for sink, line in list(self._partial_lines.values()):
            self._emit_line(sink, line)
        self._partial_lines.clear()

    def _emit_line(self, sink: Sink, line: str) -> None:
        """Echo a line and emit its last state: a progress bar writes over its line many times."""
        last = line.rstrip("\r\n").rpartition("\r")[2]
        if self._echo:  # whole lines, so that those of parallel steps do not mix
            self._stream.write(mask(last) + line[len(line.rstrip("\n")) :])
        if text := last.rstrip():
            self._emitter(sink.emit, sink.name, text, "print")


class _LogHandler(logging.Handler):
    """Emits log records, of the levels that their loggers pass on, as lines of the running step."""

    def __init__(self, emitter: LineEmitter, echo: bool) -> None:
        super().__init__()
        self._emitter, self._echo = emitter, echo

    def emit(self, record: logging.LogRecord) -> None:
        """Emit a record of the body that runs in this thread; leave others to logging's last resort."""
        sink, others = current_sink.get(), logging.getLogger().handlers
        if isinstance(sink, NullSink):
            return
        if record.__dict__.setdefault("_emitted_by", self) is not self:
            return  # each of several parallel runs has a handler; the first one emits the record
        # With our handler installed, logging no longer calls its last resort, which prints warnings.
        last, alone = logging.lastResort, all(isinstance(h, _LogHandler) for h in others)
        if last is not None and alone and (sink is None or self._echo) and record.levelno >= last.level:
            token = current_sink.set(None)  # it is emitted below, and must not be captured as print, too
            last.handle(record)
            current_sink.reset(token)
        if sink is not None:
            with contextlib.suppress(Exception):
                text = f"{record.name}: {record.getMessage()}"
                self._emitter(sink.emit, sink.name, text, record.levelname.lower())
