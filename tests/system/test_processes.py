"""This process and its machine, as runs name them."""

import errno
import os
import platform
import time
from pathlib import Path

import psutil
import pytest

from magical.system.processes import (
    describe_process,
    is_process_alive,
    machine_name,
    process_start_time,
    raise_on_os_exit,
)


@pytest.mark.parametrize(
    ("node", "name"),
    [("host-1.lan", "host-1.lan"), ("my host's", "my_host_s"), ("a/b:c", "a_b_c"), ("ü", "ü"), ("", "")],
)
def test_a_machine_has_a_name_that_a_search_can_hold(
    monkeypatch: pytest.MonkeyPatch, node: str, name: str
) -> None:
    monkeypatch.setattr(platform, "node", lambda: node)
    assert machine_name() == name
    assert describe_process() == {"host": name, "process": os.getpid()}


def test_when_this_process_began() -> None:
    process_start_time.cache_clear()
    assert process_start_time() == pytest.approx(psutil.Process().create_time(), abs=2)
    first = process_start_time()
    time.sleep(0.02)
    assert process_start_time() == first


@pytest.mark.parametrize("text", [None, "", "1 (a) S", "1 (a) " + "x " * 50])
def test_without_proc_the_start_is_unknown(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    def read(path: Path, **_: str) -> str:
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr(Path, "read_text", read)
    assert process_start_time.__wrapped__() == 0


def test_the_name_of_a_command_may_hold_brackets_and_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = " ".join(str(n) for n in range(3, 22))
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"1 (a) b) (c d) {fields} 0 23 24")
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert process_start_time.__wrapped__() == pytest.approx(boot, abs=2)


def test_this_process_and_its_parent_live() -> None:
    assert is_process_alive(os.getpid())
    assert is_process_alive(os.getppid())


@pytest.mark.parametrize(
    ("number", "alive"), [(errno.ESRCH, False), (errno.EPERM, True), (errno.EINVAL, True)]
)
def test_a_process_of_somebody_else_lives_too(
    monkeypatch: pytest.MonkeyPatch, number: int, alive: bool
) -> None:
    def kill(pid: int, signal: int) -> None:
        assert (pid, signal) == (123, 0)  # any other signal would end it
        raise OSError(number, "no")

    monkeypatch.setattr(os, "kill", kill)
    assert is_process_alive(123) is alive


def test_a_process_that_ended_is_dead() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    assert is_process_alive(pid)  # until its end is read
    os.waitpid(pid, 0)
    assert not is_process_alive(pid)


def test_os_exit_raises_here_and_still_ends_a_forked_child() -> None:
    with raise_on_os_exit():
        with pytest.raises(SystemExit, match="3"):
            os._exit(3)
        child = os.fork()
        if not child:
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
