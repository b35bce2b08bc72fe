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

from magical.events import Event, Log, Sink, Unheard, current
from magical.masking import mask

__all__ = ["LINES", "WIDTH", "Lines", "capturing"]

LINES = 2_000
"""Lines of one step that are told; what it prints beyond them is passed on, and not kept."""

WIDTH = 2_000
"""Characters of one line that are told."""

_lock = threading.Lock()


@contextlib.contextmanager
def capturing(*, echo: bool) -> Iterator[None]:
    """Tell each line that a body prints or logs as an event of its step; all else passes as ever.

    Args:
        echo: whether lines also go where they would have gone, such as a notebook's cell.

    What threads of the body's own, or compiled code, write is not seen here. Several runs at once, in
    threads of one process, may end in any order.
    """
    lines, root = Lines(), logging.getLogger()
    handler = _Handler(lines, echo)
    with _lock:
        streams = _Stream(sys.stdout, lines, echo), _Stream(sys.stderr, lines, echo)
        sys.stdout, sys.stderr = streams
        root.addHandler(handler)
    try:
        yield
    finally:
        for stream in streams:
            stream.end()
        with _lock:
            root.removeHandler(handler)
            sys.stdout, sys.stderr = _under(sys.stdout), _under(sys.stderr)


def _under(stream: TextIO | _Stream) -> TextIO:
    """What stands below the streams of runs that have ended."""
    while isinstance(stream, _Stream) and stream.ended:
        stream = stream.before
    return cast(TextIO, stream)


class Lines:
    """Tells lines until a step has said enough."""

    def __init__(self) -> None:
        self._told: Counter[str] = Counter()

    def __call__(self, tell: Callable[[Event], None], step: str, text: str, level: str) -> None:
        """Tell one line of a step."""
        self._told[step] += 1
        if self._told[step] <= LINES:
            tell(Log(step=step, text=mask(text)[:WIDTH], level=level))
        elif self._told[step] == LINES + 1:
            text = f"it has said {LINES:,} lines; what it says from here on is not kept."
            tell(Log(step=step, text=text, level="warning"))


class _Stream(io.TextIOBase):
    """Stands for a stream: what a body writes is told line by line, all else is passed on."""

    def __init__(self, before: TextIO | _Stream, lines: Lines, echo: bool) -> None:
        self.before, self._lines, self._echo = before, lines, echo
        # Another run's stream would tell the same lines once more.
        self._stream: TextIO = before._stream if isinstance(before, _Stream) else before
        self._begun: dict[tuple[int, int], tuple[Sink, str]] = {}
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
        return current.get() is None and self._stream.isatty()

    def fileno(self) -> int:
        """Give the stream's own."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Whether it can be written: yes."""
        return True

    def write(self, text: str) -> int:
        """Take some text of the body that runs in this thread, or pass it on."""
        sink = None if self.ended else current.get()
        if isinstance(sink, Unheard):
            return len(text)
        if sink is None or (self._echo and "\r" in text):  # a progress bar lives
            self._stream.write(mask(text))
        if sink is not None:
            key = (id(sink), threading.get_ident())
            *whole, rest = (self._begun.pop(key, (sink, ""))[1] + text).split("\n")
            for line in whole:
                self._say(sink, line + "\n")
            if rest:
                self._begun[key] = (sink, rest[-WIDTH * 4 :])
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        with contextlib.suppress(ValueError):
            self._stream.flush()

    def end(self) -> None:
        """Tell the lines that never ended; from here on all is passed on."""
        self.ended = True
        for sink, line in list(self._begun.values()):
            self._say(sink, line)
        self._begun.clear()

    def _say(self, sink: Sink, line: str) -> None:
        """A progress bar writes over its line again and again: its last state is what counts."""
        last = line.rstrip("\r\n").rpartition("\r")[2]
        if self._echo:  # whole lines, so that those of steps side by side do not mix
            self._stream.write(mask(last) + line[len(line.rstrip("\n")) :])
        if text := last.rstrip():
            self._lines(sink.emit, sink.name, text, "print")


class _Handler(logging.Handler):
    """Tells log records, of the levels that their loggers let through."""

    def __init__(self, lines: Lines, echo: bool) -> None:
        super().__init__()
        self._lines, self._echo = lines, echo

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record of the body that runs in this thread; others are treated as without us."""
        sink, others = current.get(), logging.getLogger().handlers
        if isinstance(sink, Unheard):
            return
        if record.__dict__.setdefault("_told_by", self) is not self:
            return  # of several runs at once the first tells it, also when one begins or ends meanwhile
        last, alone = logging.lastResort, all(isinstance(h, _Handler) for h in others)
        if last is not None and alone and (sink is None or self._echo) and record.levelno >= last.level:
            within = current.set(None)  # it is told below, and not once more as what was printed
            last.handle(record)
            current.reset(within)
        if sink is not None:
            with contextlib.suppress(Exception):
                text = f"{record.name}: {record.getMessage()}"
                self._lines(sink.emit, sink.name, text, record.levelname.lower())
