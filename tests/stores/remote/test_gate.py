"""The gate: writers side by side, a sweeper alone, and whoever was killed keeps nobody out for long."""

import threading
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from magical.errors import StoreError
from magical.stores.remote.filesystem import FileStorage, open_storage
from magical.stores.remote.gate import RemoteGate
from magical.stores.remote.leases import LeaseMonitor, LeaseRenewer, LeaseTiming

QUICK = LeaseTiming(renew_interval=0.05, expire_after=60, poll_interval=0.005)
KILLED = b"3f2a 1 boot/space/1/2"
"""The lease of a process of another machine, which nobody renews."""


@pytest.fixture
def storage() -> FileStorage:
    return open_storage(f"memory://{uuid4().hex}")


def gate(storage: FileStorage, expire_after: float = 60) -> RemoteGate:
    """The gate of another process, as far as it can tell."""
    monitor, renewer = LeaseMonitor(expire_after), LeaseRenewer(QUICK.renew_interval)
    return RemoteGate(storage, renewer, monitor, QUICK)


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_writers_are_inside_at_the_same_time_and_leave_nothing(storage: FileStorage) -> None:
    one, other = gate(storage), gate(storage)
    with one.block_sweeps(), other.block_sweeps():
        assert len(one.leases()) == len(other.leases()) == 2
    assert one.leases() == {}
    assert storage.list_files("gate") == {}


def test_a_thread_that_is_inside_enters_again_with_one_lease(storage: FileStorage) -> None:
    here, seen = gate(storage), list[int]()

    def look() -> None:
        with here.block_sweeps():
            seen.append(len(here.leases()))

    with here.block_sweeps():
        with here.block_sweeps():
            assert len(here.leases()) == 1
        assert len(here.leases()) == 1, "the outer block goes on"
        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join(10)
    assert seen == [2], "another thread has a lease of its own"


def test_what_fails_inside_leaves_nothing(storage: FileStorage) -> None:
    here = gate(storage)
    with pytest.raises(KeyError), here.block_sweeps():
        raise KeyError
    with pytest.raises(KeyError), here.block_writers():
        raise KeyError
    assert storage.list_files("gate") == {}
    with here.block_sweeps():
        assert len(here.leases()) == 1


def test_a_sweeper_waits_until_the_writers_are_done(storage: FileStorage) -> None:
    order: list[str] = []

    def sweep() -> None:
        with gate(storage).block_writers():
            order.append("swept")

    with gate(storage).block_sweeps():
        thread = threading.Thread(target=sweep, daemon=True)
        thread.start()
        until(lambda: "gate/sweep" in storage.list_files("gate"))
        time.sleep(0.03)
        order.append("written")
    thread.join(10)
    assert order == ["written", "swept"]


def test_a_writer_waits_until_the_sweeper_is_done(storage: FileStorage) -> None:
    order: list[str] = []

    def write() -> None:
        with gate(storage).block_sweeps():
            order.append("written")

    with gate(storage).block_writers():
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        time.sleep(0.05)
        order.append("swept")
    thread.join(10)
    assert order == ["swept", "written"]
    assert storage.list_files("gate") == {}


def test_one_sweeps_at_a_time(storage: FileStorage) -> None:
    inside, most = [0], [0]

    def sweep() -> None:
        with gate(storage).block_writers():
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    threads = [threading.Thread(target=sweep, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == [1]


def test_many_write_and_sweep_and_never_at_once(storage: FileStorage) -> None:
    writers, clashes, done = set[int](), list[str](), list[str]()

    def write(number: int) -> None:
        here = gate(storage)
        for _ in range(3):
            with here.block_sweeps():
                writers.add(number)
                time.sleep(0.001)
                writers.discard(number)
        done.append("written")

    def sweep() -> None:
        for _ in range(3):
            with gate(storage).block_writers():
                before = set(writers)
                time.sleep(0.002)
                clashes.extend(["clash"] * bool(before | writers))
        done.append("swept")

    threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(3)]
    threads.append(threading.Thread(target=sweep, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert clashes == []
    assert sorted(done) == ["swept", "written", "written", "written"]


def test_a_killed_writer_is_waited_for_until_its_lease_expires_and_is_named(storage: FileStorage) -> None:
    storage.write("gate/writers/killed", KILLED)
    with gate(storage, expire_after=0.05).block_writers() as access:
        assert access.dead_writers == ["gate/writers/killed"]
        access.lock.ensure_held()


def test_a_killed_sweeper_keeps_nobody_out_for_longer_than_its_lease(storage: FileStorage) -> None:
    storage.write("gate/sweep", KILLED)
    with gate(storage, expire_after=0.05).block_sweeps():
        assert "gate/sweep" not in storage.list_files("gate")
    storage.write("gate/sweep", KILLED)
    with gate(storage, expire_after=0.05).block_writers() as access:
        assert access.dead_writers == []
    assert storage.list_files("gate") == {}


def test_who_waits_for_a_sweep_is_told_whether_there_was_one(storage: FileStorage) -> None:
    here, answers = gate(storage), list[bool]()
    assert here.wait_for_sweep() is False
    with gate(storage).block_writers():
        thread = threading.Thread(target=lambda: answers.append(here.wait_for_sweep()), daemon=True)
        thread.start()
        time.sleep(0.03)
        assert answers == []
    thread.join(10)
    assert answers == [True]
    with here.block_sweeps():
        storage.write("gate/sweep", KILLED)
        assert here.wait_for_sweep() is False, "the sweeper waits for this thread"


def test_a_lease_that_was_swept_while_its_writer_slept_is_put_again(storage: FileStorage) -> None:
    here = gate(storage)
    with here.block_sweeps():
        (name,) = here.leases()
        storage.remove(name)
        until(lambda: list(here.leases()) == [name])
    assert here.leases() == {}


def test_a_writer_that_cannot_look_for_a_sweeper_leaves_no_lease(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(name: str, *, large: bool = False) -> bytes | None:
        raise StoreError("no answer")

    monkeypatch.setattr(storage, "read", silent)
    with pytest.raises(StoreError, match="no answer"), gate(storage).block_sweeps():
        pass
    assert storage.list_files("gate") == {}


def test_a_thread_that_writes_and_sweeps_is_refused_at_once(storage: FileStorage) -> None:
    here = gate(storage)
    with here.block_sweeps(), pytest.raises(AssertionError, match="wait for itself"):
        here.block_writers().__enter__()
