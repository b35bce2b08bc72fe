"""Stores on a filesystem of fsspec, when processes that use them are killed, or sleep for long."""

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from magical.contracts.promises import Frame, promise_of
from magical.engine.artifacts import Record
from magical.errors import StoreError
from magical.stores.remote.leases import LeaseTiming
from magical.stores.remote.store import RemoteStore
from magical.testing.store_conformance import KEY, OTHER_KEY, TABLE
from remote_stores import BUCKET, files, served

BRIEF = LeaseTiming(renew_interval=0.1, expire_after=2.0, poll_interval=0.05)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with served():
        yield f"s3://{BUCKET}"


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RemoteStore:
    if request.param == "file":
        return RemoteStore(f"file://{tmp_path}/store", tmp_path / "cache", BRIEF)
    bucket = request.getfixturevalue("bucket")
    return RemoteStore(f"{bucket}/{uuid4().hex}", tmp_path / "cache", BRIEF)


def kept(store: RemoteStore, key: str = KEY) -> Record:
    record = Record(key, "n", "m:n", {}, store.save(TABLE, promise_of(Frame), key))
    store.put_record(record)
    return record


def begun(store: RemoteStore, work: str, elsewhere: str = "boot/space/1/2") -> subprocess.Popen[bytes]:
    """A process with the same store that does something, says so, and waits for its input to end.

    Unless told otherwise, it is one of another machine, as far as others can see.
    """
    there = f"from magical.stores.remote import leases\nleases.identify_process = lambda pid: {elsewhere!r}\n"
    there = there if elsewhere else ""
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from magical.stores.remote.leases import LeaseTiming\nfrom magical.stores.remote.store import RemoteStore\n"
        f"store = RemoteStore({store.url!r}, Path({str(store.local)!r}), {store.timing!r})\n"
        f"{there}KEY = {KEY!r}\n{work}\nprint('ready', flush=True)\nsys.stdin.read()\n"
        "for held in reversed(all_held):\n    held.__exit__(None, None, None)\nprint('ended', flush=True)\n"
    )
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@contextmanager
def another(
    store: RemoteStore, *lines: str, elsewhere: str = "boot/space/1/2"
) -> Iterator[subprocess.Popen[bytes]]:
    """Such a process, which is killed at the end at the latest."""
    with begun(store, "\n".join(lines), elsewhere) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def holding(*what: str) -> str:
    return f"all_held = [{', '.join(what)}]\nfor held in all_held: held.__enter__()"


def left(store: RemoteStore) -> list[str]:
    """What is there beside records and objects."""
    return [f"{f}/{x.name}" for f in ("locks", "pins", "gate") for x in files(store, f)]


@pytest.mark.slow
def test_what_a_killed_process_held_is_free_after_a_while(store: RemoteStore) -> None:
    kept(store)
    waited: list[int] = []
    what = (
        holding("store.pin_run('run')", "store.lock(KEY)"),
        "store.find_record(KEY)",
        "store.scratch(KEY)",
    )
    with another(store, *what) as process:
        assert store.sweep([]).records == 0, "it is pinned"
        assert store.scratch(KEY).exists()
        process.kill()
        process.wait()
        began = time.monotonic()
        with store.lock(KEY, lambda: waited.append(1)):
            assert time.monotonic() - began > BRIEF.expire_after / 2
    assert waited
    assert not files(store, "locks"), "the dead one's lease went with ours"
    swept = store.sweep([KEY])
    assert (swept.leftovers, swept.records) == (1, 0), "the pins"
    swept = store.sweep([])
    assert (swept.leftovers, swept.records, swept.objects) == (1, 1, 1), "the scratch folder"
    assert not left(store)


def test_what_a_process_of_this_machine_held_is_free_at_once(tmp_path: Path) -> None:
    store = RemoteStore(
        f"file://{tmp_path}/store", tmp_path / "cache", LeaseTiming(renew_interval=600, expire_after=600)
    )
    kept(store)
    what = holding("store.pin_run('run')", "store.lock(KEY)", "store.block_sweeps()")
    with another(store, what, elsewhere="") as process:
        process.kill()
        process.wait()
    began = time.monotonic()
    with store.lock(KEY):
        pass
    assert store.sweep([]).leftovers == 2
    assert not left(store)
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_locks_and_writers_that_were_killed_are_swept(store: RemoteStore) -> None:
    kept(store)
    with another(store, holding("store.lock(KEY)", "store.block_sweeps()")) as process:
        process.kill()
        process.wait()
    dry = store.sweep([KEY], dry=True)
    assert left(store)
    assert store.sweep([KEY]) == dry
    assert dry.leftovers == 2
    assert not left(store)


@pytest.mark.slow
def test_a_killed_sweeper_keeps_nobody_from_writing(store: RemoteStore) -> None:
    with another(store, holding("store._gate.block_writers()")) as process:
        process.kill()
        process.wait()
    began = time.monotonic()
    record = kept(store)
    assert time.monotonic() - began > BRIEF.expire_after / 2
    with store.pin_run("run"):
        assert store.find_record(KEY) == record
    assert not left(store)


@pytest.mark.slow
def test_a_sleeper_that_wakes_up_takes_nothing_from_who_followed(store: RemoteStore) -> None:
    with another(store, holding("store.lock(KEY)")) as process:
        process.send_signal(signal.SIGSTOP)
        with store.lock(KEY):
            process.send_signal(signal.SIGCONT)
            time.sleep(3 * BRIEF.renew_interval)
            assert process.stdin
            assert process.stdout
            process.stdin.close()
            assert process.stdout.readline() == b"ended\n"
            assert len(files(store, "locks")) >= 1
            other = RemoteStore(store.url, store.local, BRIEF)
            until = time.monotonic() + 2 * BRIEF.renew_interval

            class Enough(Exception): ...

            def waits() -> None:
                if time.monotonic() > until:
                    raise Enough

            with pytest.raises(Enough), other.lock(KEY, waits):
                raise AssertionError("two hold it")
    assert not files(store, "locks")


@pytest.mark.slow
def test_pins_of_a_sleeper_are_made_again(store: RemoteStore) -> None:
    record = kept(store)
    what = ("all_held = [store.pin_run('run')]", "all_held[0].__enter__()", "store.find_record(KEY)")
    with another(store, *what) as process:
        process.send_signal(signal.SIGSTOP)
        assert store.sweep([KEY]).leftovers == 1, "it is taken for dead"
        assert not files(store, "pins")
        process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 20
        while len(files(store, "pins")) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert store.sweep([]).records == 0
        assert store.find_record(KEY) == record


WORK = """
import polars as pl
from magical.contracts.promises import Frame, promise_of
from magical.engine.artifacts import Record

all_held, keys = [], [f"{i:02}" * 20 for i in range(6)]
for i, key in enumerate(keys):
    with store.pin_run("run"), store.lock(key):
        if store.find_record(key) is None:
            with store.block_sweeps():
                made = store.save(pl.DataFrame({"i": [i]}), promise_of(Frame), key)
                store.put_record(Record(key, "n", "m:n", {}, made))
            print("made", i, flush=True)
        store.sweep(keys)
        assert store.load(store.find_record(key).result, promise_of(Frame))["i"].to_list() == [i]
"""


@pytest.mark.slow_except("file")
def test_two_processes_compute_and_sweep_side_by_side(store: RemoteStore) -> None:
    both = [begun(store, WORK) for _ in range(2)]
    said = [line for p in both for line in p.communicate(timeout=120)[0].decode().splitlines()]
    assert [p.returncode for p in both] == [0, 0]
    assert sorted(line for line in said if "made" in line) == [f"made {i}" for i in range(6)]
    assert not left(store)


@pytest.mark.slow
def test_a_lock_is_kept_for_longer_than_others_wait(store: RemoteStore) -> None:
    """Its holder lives, and says so."""

    class Enough(Exception): ...

    other = RemoteStore(store.url, store.local, BRIEF)
    with store.lock(KEY), store.lock(OTHER_KEY):
        until = time.monotonic() + 1.5 * BRIEF.expire_after

        def waits() -> None:
            if time.monotonic() > until:
                raise Enough

        with pytest.raises(Enough), other.lock(KEY, waits):
            raise AssertionError("two hold it")


def test_leases_that_were_never_written_hold_nobody_up_for_long(store: RemoteStore) -> None:
    """As a kill leaves them in a folder, one after the other, between making a file and writing it."""
    quick = RemoteStore(
        store.url, store.local, LeaseTiming(renew_interval=0.1, expire_after=0.3, poll_interval=0.05)
    )
    quick.storage.write(f"locks/{KEY}", b"")
    lock = quick.key_lock(f"locks/{KEY}")
    while (held := lock.try_acquire()) is None:
        time.sleep(0.05)
    quick.storage.write(held._lease.name, b"")
    had: list[str] = []

    def follow() -> None:
        with quick.lock(KEY):
            had.append(KEY)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    thread.join(20)
    held.release()
    assert had
    assert not left(quick)


def test_a_full_disk_leaves_no_empty_lease(tmp_path: Path) -> None:
    store = RemoteStore(f"file://{tmp_path}/store", tmp_path / "cache", BRIEF)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        with pytest.raises(StoreError, match="File too large"), store.lock(KEY):
            raise AssertionError("it was had")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not left(store)


def test_no_run_waits_at_its_end_for_a_server_that_is_silent(tmp_path: Path) -> None:
    """Neither for its pins to be deleted, nor for a renewal under way, nor for threads that do so."""
    script = f"""
import threading, time
from pathlib import Path
from magical.stores.remote import leases
from magical.stores.remote.leases import LeaseTiming
from magical.stores.remote.store import RemoteStore

leases.RELEASE_TIMEOUT = 0.2

class Silent:
    def __getattr__(self, name):
        return lambda *words, **more: threading.Event().wait()

store = RemoteStore("memory://silent", Path({str(tmp_path)!r}), LeaseTiming(renew_interval=0.05))
with store.pin_run("run"), store.lock({KEY!r}), store.block_sweeps():
    for number in range(12):
        store.find_record(f"{{number:02}}" * 20)
    store.storage.filesystem = Silent()
    time.sleep(0.5)
print("ended", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, b"ended\n"), done.stderr
