"""What may be in the place of a file of the project: damaged text, folders, pipes, sockets and links."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

DAMAGED = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep-objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "empty": b"",
    "no-utf8": b'{"a": "\xff\xfe"}',
    "nul": b"\0" * 4096,
    "nul-in-text": b'{"digest": "\\u0000", "server": "\\u0000", "flow_run": "\\u0000", "state": "\\u0000"}',
    "huge-float": b'{"a": 1e999, "at": 1e999, "event": "RunStarted", "workflow": "w", "settings": {}}',
    "many-digits": b'{"a": ' + b"9" * 5000 + b"}",
    "list": b"[1, 2]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "other-fields": b'{"digest": 1, "identities": [], "event": [], "state": {}, "keys": 3}',
}
"""Contents of a file that the project did not write."""


def make_folder(path: Path) -> None:
    """Put a folder with a file in the place of a file."""
    path.mkdir()
    (path / "x").write_text("x")


def make_socket(path: Path) -> None:
    """Put a socket in the place of a file."""
    before = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


STRANGE: dict[str, Callable[[Path], None]] = {
    "folder": make_folder,
    "pipe": os.mkfifo,
    "socket": make_socket,
    "link-to-nothing": lambda path: path.symlink_to("/no/such/place"),
    "link-to-itself": lambda path: path.symlink_to(path),
    "link-to-zeros": lambda path: path.symlink_to("/dev/zero"),
}
"""Things that are no plain files."""

KINDS = [*DAMAGED, *STRANGE]


def spoil(path: Path, kind: str) -> None:
    """Put something of a kind in the place of a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    if kind in DAMAGED:
        path.write_bytes(DAMAGED[kind])
    else:
        STRANGE[kind](path)


@contextmanager
def no_hang(seconds: int = 60) -> Iterator[None]:
    """Fail, in the place of waiting for ever, as an open of a pipe would."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def move_out(path: Path, outside: Path) -> Path:
    """Move a file or folder out of the project, and put a link to it in its place; return the new place."""
    outside.mkdir(parents=True, exist_ok=True)
    target = outside / path.name
    path.rename(target)
    path.symlink_to(target)
    return target
