"""A guarded command ends with its parent, in whatever way the parent ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from magical.errors import ProjectError
from magical.system import process_guard
from magical.system.process_guard import GuardedProcess

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; print('grandchild', flush=True); time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ignores", flush=True)
time.sleep(600)
"""

PARENT = """
import sys, time
from magical.system.process_guard import GuardedProcess
with GuardedProcess([sys.executable, "-c", sys.argv[1]], log=sys.argv[2]) as it:
    print(it.pid, it._guard.pid, flush=True)
    while it.poll() is None:
        time.sleep(0.02)
print("left", it.poll(), flush=True)
"""


def python(text: str) -> list[str]:
    """The command that runs a text."""
    return [sys.executable, "-c", text]


def until(true: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.02)
    return found


def says(log: Path, word: str) -> Callable[[], bool]:
    """Whether a log holds a word."""
    return lambda: log.is_file() and word in log.read_text(encoding="utf-8")


def family(pid: int) -> list[psutil.Process]:
    """A process with all below it."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def are_gone(processes: list[psutil.Process], seconds: float = 15) -> bool:
    """Whether processes end; one that nobody takes leave of has ended, too."""
    return bool(until(lambda: not [p for p in processes if _lives(p)], seconds))


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


@pytest.fixture
def parent(log: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A parent, and its guard, the guard's twin, the command and its child."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, FAMILY, str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        command, guard = map(int, process.stdout.readline().split())
        until(says(log, "grandchild"))
        below = sorted(family(guard), key=lambda p: p.pid)
        group = [p.pid for p in below if os.getpgid(p.pid) == command]
        assert (len(below), len(group), below[0].pid) == (4, 2, guard)
        yield process, below
        process.kill()


@pytest.mark.slow_except("2")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_group_ends_with_its_parent(number: int, parent: Any) -> None:
    process, below = parent
    process.send_signal(number)
    assert are_gone(below)


def test_ctrl_c_in_a_terminal_lets_the_parent_end_the_group(parent: Any) -> None:
    process, below = parent
    assert os.getpgid(process.pid) not in {os.getpgid(p.pid) for p in below}


@pytest.mark.slow_except("9")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_group_ends_with_its_guard_and_the_parent_is_told(number: int, parent: Any) -> None:
    process, below = parent
    below[0].send_signal(number)
    assert are_gone(below)
    code = -signal.SIGKILL if number == signal.SIGKILL else -signal.SIGTERM
    assert process.stdout.read().split() == ["left", str(code)]


@pytest.mark.slow
def test_the_group_ends_when_parent_and_guard_are_killed_at_once(parent: Any) -> None:
    process, below = parent
    process.send_signal(signal.SIGSTOP)  # it cannot help
    below[0].kill()
    process.kill()
    assert are_gone(below)


@pytest.mark.slow
def test_the_parent_ends_the_group_when_guard_and_twin_are_killed(parent: Any) -> None:
    process, below = parent
    guards = [p for p in below if os.getpgid(p.pid) == below[0].pid]
    assert len(guards) == 2
    for guard in reversed(guards):
        guard.kill()
    assert are_gone(below)
    assert process.stdout.read().split() == ["left", str(-signal.SIGKILL)]


def test_leaving_the_block_ends_the_group(log: Path) -> None:
    with GuardedProcess(python(FAMILY), log=log) as it:
        until(says(log, "grandchild"))
        below = family(it._guard.pid)
        assert it.poll() is None
    assert not [p for p in below if _lives(p)], "it is waited for"
    assert it.poll() == -signal.SIGTERM
    assert it._guard.returncode == 0


@pytest.mark.slow
def test_what_ignores_the_wish_is_ended_by_force(log: Path) -> None:
    with GuardedProcess(python(STUBBORN), log=log) as it:
        until(says(log, "ignores"))
        begun = time.monotonic()
    assert (
        process_guard.KILL_AFTER_SECONDS - 0.5
        < time.monotonic() - begun
        < process_guard.KILL_AFTER_SECONDS + 3
    )
    assert it.poll() == -signal.SIGKILL


@pytest.mark.slow
def test_a_command_that_ends_takes_what_it_began_with_it(log: Path) -> None:
    with GuardedProcess(python(FAMILY.replace("time.sleep(600)\n", "sys.exit(3)\n")), log=log) as it:
        assert until(lambda: it.poll() is not None)
        assert it.poll() == 3
        child = int(next(line for line in it.tail() if "child " in line).split()[-1])
        assert not psutil.pid_exists(child) or are_gone([psutil.Process(child)])


def test_the_log_is_begun_anew_and_its_tail_holds_no_password(log: Path) -> None:
    for text in ("print('old')", "print('x\\n\\n  \\nhttp://me:tiger@host\\nlast')"):
        with GuardedProcess(python(text), log=log) as it:
            assert until(lambda it=it: it.poll() is not None)
    assert it.tail(9) == ["x", "http://me:***@host", "last"]
    assert it.tail(1) == ["last"]


def test_environment_and_folder_are_those_given(log: Path, tmp_path: Path) -> None:
    text = "import os; print(os.getcwd(), os.environ.get('A'), os.environ.get('HOME'))"
    with GuardedProcess(python(text), env={"A": "ä\udc80"}, cwd=tmp_path, log=log) as it:
        assert until(lambda: it.poll() is not None)
        assert "None" in it.tail()[-1]
        assert it.tail()[-1].startswith(str(tmp_path.resolve()))


def test_what_cannot_be_started_is_said(log: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught, GuardedProcess([str(tmp_path / "nothing")], log=log):
        pass
    assert str(caught.value).startswith("nothing could not be started: No such file or directory.")
    assert caught.value.hint
    with pytest.raises(ProjectError), GuardedProcess(["sleep", "1"], cwd=tmp_path / "nowhere"):
        pass


def test_without_a_log_nothing_is_kept() -> None:
    with GuardedProcess(python("print(1)")) as it:
        assert until(lambda: it.poll() is not None)
        assert it.tail() == []
