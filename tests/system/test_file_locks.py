"""A lock that one thread and one process holds at a time."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from magical.system.file_locks import exclusive_lock
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
