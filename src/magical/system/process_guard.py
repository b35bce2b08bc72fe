"""Servers that end with the process that started them, in whatever way it ends.

``python guarding.py`` is a guard: a small process between the two. Its standard input is a pipe whose other
end only the parent holds, so that it closes when the parent is gone, ``kill -9`` included. The guard then
ends the command's process group. Should the guard itself be killed, its twin does the same; and should both
be, the kernel ends the command, and the parent the rest of the group.
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
"""Seconds between the wish that a process group ends (SIGTERM) and its end (SIGKILL)."""

_POLL_SECONDS = 0.02
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class GuardedProcess:
    """Runs a command for as long as a ``with`` block, and no longer than this process lives.

    Args:
        command: the program and its words.
        env: its environment; this process's own, unless given.
        cwd: its working directory; this process's own, unless given.
        log: the file that takes what it writes, begun anew; nothing keeps it, unless given.

    Attributes:
        pid: the process of the command, which leads a process group of its own.

    Raises:
        ProjectError: on entry, the command cannot be started.

    Example:
        >>> import time
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
            # Isolated and without site-packages it takes 20 ms and needs nothing of what it may outlive.
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches this process, which then ends the group in order
            )
        errand = {
            "command": self._command,
            "env": dict(os.environ if self._env is None else self._env),
            "cwd": None if self._cwd is None else str(self._cwd),
        }
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        try:
            self._guard.stdin.write(json.dumps(errand).encode() + b"\n")
            self._guard.stdin.flush()
            said = json.loads(self._guard.stdout.readline() or b'{"refused": "its guard was ended"}')
            if reason := said.get("refused"):
                raise self._start_error(reason)
        except BaseException:
            self._close_guard()
            raise
        self.pid = said["pid"]
        self._watcher = threading.Thread(target=self._await_exit, args=(self._guard.stdout,), daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._watcher.join(KILL_AFTER_SECONDS + 2)
        self._close_guard()
        self._watcher.join()

    def poll(self) -> int | None:
        """Give the command's exit code, or none while it runs."""
        return self._exit_code

    def stop(self) -> None:
        """Let the command begin to end; leaving the block waits for it."""
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()

    def tail(self, lines: int = 3) -> list[str]:
        """Give the last lines that it wrote, without secrets and empty lines.

        Args:
            lines: how many at most.
        """
        from magical.errors import strip_control_characters
        from magical.masking import mask

        if self._log is None or not self._log.is_file():
            return []
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 20_000))
            text = log.read().decode(errors="replace")
        return [
            mask(line) for line in map(str.rstrip, map(strip_control_characters, text.splitlines())) if line
        ][-lines:]

    def _await_exit(self, answers: IO[bytes]) -> None:
        """Hear how the command ended; a guard that cannot tell was killed, and the group ends from here."""
        with answers:
            said = answers.readline()
        if not said:
            _end_group(self.pid, lambda: None)
        self._exit_code = json.loads(said)["code"] if said else -signal.SIGKILL

    def _close_guard(self) -> None:
        """Have the guard gone; one that does not end in time is killed."""
        self.stop()
        try:
            self._guard.wait(KILL_AFTER_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if not self.pid and self._guard.stdout is not None:
            self._guard.stdout.close()

    def _start_error(self, reason: str) -> Exception:
        from magical.errors import ProjectError

        name = Path(self._command[0]).name
        return ProjectError(f"{name} could not be started: {reason}.", *self.tail(), hint="is it installed?")


def guard_command() -> None:
    """Guard the command that the parent names on standard input."""
    hear, heard = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(hear, False)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(heard, warn_on_full_buffer=False)
    try:
        errand = json.loads(_read_first_line())
        command = _start_command(errand)
    except OSError as error:
        return _reply(refused=f"{error.strerror or error}")
    except ValueError:  # the parent was gone before it could say what
        return None
    twin = _fork_twin(command.pid)
    with contextlib.suppress(OSError):  # a parent that is gone is seen below
        _reply(pid=command.pid)
    while command.poll() is None:
        ready, _, _ = select.select([0, hear], [], [])
        told = os.read(hear, 512) if hear in ready else b""
        if 0 in ready or any(number in _STOP_SIGNALS for number in told):
            break
    _end_group(command.pid, command.poll)
    os.kill(twin, signal.SIGKILL)
    os.waitpid(twin, 0)
    with contextlib.suppress(OSError):
        _reply(code=command.wait())


def _read_first_line() -> bytes:
    """The first line of standard input, and no more than that: what follows is its end."""
    said = b""
    while not said.endswith(b"\n") and (more := os.read(0, 65536)):
        said += more
    return said


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
    """A copy of this process that waits for its end, to end the group if that was not done."""
    hear, held = os.pipe()
    if twin := os.fork():
        os.close(hear)  # the other end stays open for as long as this process lives
        return twin
    os.close(held)
    os.read(hear, 1)
    _end_group(group, lambda: None)
    os._exit(0)


def _make_death_hook(guard: int) -> Callable[[], None] | None:
    """What the command's process does before it begins; loaded before the fork, as it may not load after."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)

    def bind() -> None:
        library.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(1)

    return bind


def _end_group(group: int, reap: Callable[[], object]) -> None:
    """End a process group: by a wish first, by force after a while.

    Args:
        group: its leader.
        reap: takes leave of a leader that has ended; until then the group counts as there.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        for number, seconds in ((signal.SIGTERM, KILL_AFTER_SECONDS), (signal.SIGKILL, 1.0)):
            os.killpg(group, number)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
                reap()
                os.killpg(group, 0)  # raises when none is left


def _reply(**said: object) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    guard_command()
