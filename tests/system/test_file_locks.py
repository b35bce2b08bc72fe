"""A lock that one thread and one process holds at a time."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hostile_files import STRANGE, no_hang
from magical.errors import StoreError
from magical.system.file_locks import acquire, ensure_token, exclusive_lock, read_token
from projects import python


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with exclusive_lock(tmp_path / "made" / "lock"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (most, inside) == (1, 0)


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from magical.system.file_locks import exclusive_lock\n"
        f"with exclusive_lock(Path({str(tmp_path / 'lock')!r})):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with exclusive_lock(tmp_path / "lock"):
        assert python("-c", "pass").returncode == 0


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_plain_file_is_not_locked(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / "lock"
    STRANGE[kind](lock)
    with no_hang(10), pytest.raises(StoreError, match="lock cannot be written") as caught:
        acquire(lock)
    assert "something else is in the place of a file" in caught.value.hint
    assert os.path.lexists(lock)


def test_no_lock_is_made_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        acquire(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_a_token_is_made_once_by_many_processes(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from magical.system.file_locks import ensure_token\n"
        f"print(ensure_token(Path({str(tmp_path / 'id')!r}), 32))"
    )
    makers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)]
    assert len({maker.communicate(timeout=60)[0] for maker in makers}) == 1


@pytest.mark.parametrize("text", [b"", b"abc", b"\xff" * 32, b"a" * 33])
def test_a_token_that_is_damaged_is_made_again(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "id").write_bytes(text)
    assert read_token(tmp_path / "id", 32) == ""
    made = ensure_token(tmp_path / "id", 32)
    assert len(made) == 32
    assert ensure_token(tmp_path / "id", 32) == made


def test_a_token_overwrites_no_file_that_is_linked_hard(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a text of somebody")
    os.link(tmp_path / "mine", tmp_path / "id")
    assert len(ensure_token(tmp_path / "id", 32)) == 32
    assert (tmp_path / "mine").read_text() == "a text of somebody"
