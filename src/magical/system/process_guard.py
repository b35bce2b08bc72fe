"""Servers that end with the process that started them, in whatever way that one ends.

``python process_guard.py`` is the guard: a small process between parent and command. Its standard input is a
pipe whose other end only the parent has, so that it closes when the parent ends, ``kill -9`` included. The
guard then ends the command's process group. If the guard is killed, its twin (a forked copy) ends the group;
if both are killed, the kernel ends the command, and the parent ends the rest of the group.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

__all__ = ["GuardedProcess"]

KILL_AFTER_SECONDS = 4.0
"""Seconds between SIGTERM and SIGKILL to a process group."""

_POLL_SECONDS = 0.02
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class GuardedProcess:
    """A command that runs for a ``with`` block, and never longer than this process.

    Args:
        command: the program and its arguments.
        env: the command's whole environment; by default that of this process.
        cwd: the command's working directory; by default that of this process.
        log: the file for the command's output, overwritten; by default the output is discarded.

    Attributes:
        pid: the process of the command, which leads a process group of its own.

    Raises:
        ProjectError: the command cannot be started; raised when the block is entered.

    Example:
        >>> with GuardedProcess(["sleep", "60"]) as sleeping:
        ...     sleeping.poll() is None
        True
        >>> sleeping.poll()
        -15
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        log: str | Path | None = None,
    ) -> None:
        self._command, self._env, self._cwd = list(command), env, cwd
        self._log = None if log is None else Path(log)
        self.pid = 0
        self._exit_code: int | None = None

    def __enter__(self) -> Self:
        with open(os.devnull if self._log is None else self._log, "wb") as log:
            # Isolated and without site-packages the guard starts in 20 ms and imports only the standard
            # library: this file may import nothing of magical at its top.
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches this process, which then ends the group in order
            )
        spec = {
            "command": self._command,
            "env": dict(os.environ if self._env is None else self._env),
            "cwd": None if self._cwd is None else str(self._cwd),
        }
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        try:
            self._guard.stdin.write(json.dumps(spec).encode() + b"\n")
            self._guard.stdin.flush()
            reply = json.loads(self._guard.stdout.readline() or b'{"refused": "its guard was ended"}')
            if reason := reply.get("refused"):
                raise self._start_error(reason)
        except BaseException:
            self._close_guard()
            raise
        self.pid = reply["pid"]
        self._watcher = threading.Thread(target=self._await_exit, args=(self._guard.stdout,), daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._watcher.join(KILL_AFTER_SECONDS + 2)
        self._close_guard()
        self._watcher.join()

    def poll(self) -> int | None:
        """Return the command's exit code, or None while it runs."""
        return self._exit_code

    def stop(self) -> None:
        """Ask the guard to end the command, and do not wait; leaving the block waits."""
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()

    def tail(self, lines: int = 3) -> list[str]:
        """Return the last lines of the log, without secrets, control characters and empty lines."""
        from magical.errors import strip_control_characters
        from magical.masking import mask

        if self._log is None or not self._log.is_file():
            return []
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 20_000))  # a server's log may be large
            text = log.read().decode(errors="replace")
        return [
            mask(line) for line in map(str.rstrip, map(strip_control_characters, text.splitlines())) if line
        ][-lines:]

    def _await_exit(self, answers: IO[bytes]) -> None:
        """Wait for the guard's report of the exit code; without one, end the group from here."""
        with answers:
            report = answers.readline()
        if not report:  # the guard was killed
            _end_group(self.pid, lambda: None)
        self._exit_code = json.loads(report)["code"] if report else -signal.SIGKILL

    def _close_guard(self) -> None:
        """Wait for the guard to end, and kill it if it does not end in time."""
        self.stop()
        try:
            self._guard.wait(KILL_AFTER_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if not self.pid and self._guard.stdout is not None:  # otherwise the watcher closes it
            self._guard.stdout.close()

    def _start_error(self, reason: str) -> Exception:
        from magical.errors import ProjectError

        name = Path(self._command[0]).name
        return ProjectError(f"{name} could not be started: {reason}.", *self.tail(), hint="is it installed?")


def guard_command() -> None:
    """Run the command that standard input names, until it or the parent ends; the main of this script."""
    # Python restarts a select that a signal interrupts, so signals are read from a pipe. They are written to
    # it only where a handler is set, even one that does nothing.
    signals_out, signals_in = os.pipe()
    os.set_blocking(signals_in, False)
    os.set_blocking(signals_out, False)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(signals_in, warn_on_full_buffer=False)
    try:
        command = _start_command(json.loads(_read_first_line()))
    except OSError as error:
        return _reply(refused=f"{error.strerror or error}")
    except ValueError:  # the parent ended before it had sent the command
        return None
    twin = _fork_twin(command.pid)
    with contextlib.suppress(OSError):  # a parent that has ended is noticed below
        _reply(pid=command.pid)
    while command.poll() is None:
        ready, _, _ = select.select([0, signals_out], [], [])
        received = os.read(signals_out, 512) if signals_out in ready else b""
        if 0 in ready or any(number in _STOP_SIGNALS for number in received):
            break
    # First the group, then the twin: if the guard is killed in between, the twin ends the group.
    _end_group(command.pid, command.poll)
    os.kill(twin, signal.SIGKILL)
    os.waitpid(twin, 0)
    with contextlib.suppress(OSError):
        _reply(code=command.wait())


def _read_first_line() -> bytes:
    """Read the one line that the parent sends; the input stays open until the parent ends or stops."""
    line = b""
    # Unbuffered: select would not see what a buffer has already taken.
    while not line.endswith(b"\n") and (chunk := os.read(0, 65536)):
        line += chunk
    return line


def _start_command(spec: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    # The standard error of the guard is the log; its standard output is the parent's.
    return subprocess.Popen(
        spec["command"],
        env=spec["env"],
        cwd=spec["cwd"],
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=2,
        start_new_session=True,
        preexec_fn=_make_death_hook(os.getpid()),  # noqa: PLW1509  a guard has one thread
    )


def _fork_twin(group: int) -> int:
    """Fork a copy of this process that ends the group once this process has ended; return its pid."""
    read_end, write_end = os.pipe()
    if twin := os.fork():
        os.close(read_end)  # the write end stays open for as long as this process lives
        return twin
    os.close(write_end)
    os.read(read_end, 1)
    _end_group(group, lambda: None)
    os._exit(0)


def _make_death_hook(guard: int) -> Callable[[], None] | None:
    """Return a hook for the command's process that has the kernel kill it when the guard ends."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)  # before the fork: loading a library after it may block

    def hook() -> None:
        library.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:  # the guard ended before the kernel was asked
            os._exit(1)

    return hook


def _end_group(group: int, reap: Callable[[], object]) -> None:
    """End a process group by SIGTERM, and by SIGKILL if it still exists after a while.

    Args:
        group: the process id of its leader.
        reap: collects the exit code of an ended leader; until then the kernel counts the group as alive.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        for number, seconds in ((signal.SIGTERM, KILL_AFTER_SECONDS), (signal.SIGKILL, 1.0)):
            os.killpg(group, number)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
                reap()
                os.killpg(group, 0)  # raises once no process is left


def _reply(**fields: object) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


if __name__ == "__main__":
    guard_command()
