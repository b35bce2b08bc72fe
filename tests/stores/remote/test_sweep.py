"""The sweep of a remote store: what no key needs goes, also from the cache, while the gate is still held."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from magical.engine.artifacts import Artifact, Record
from magical.engine.protocols import SweepResult
from magical.errors import StoreError
from magical.stores.blobs import split_name
from magical.stores.remote import sweep as module
from magical.stores.remote.gate import SweepAccess
from magical.stores.remote.leases import LeaseMonitor, LeaseRenewer
from magical.stores.remote.pins import RemotePins
from magical.stores.remote.store import RemoteStore
from magical.stores.remote.sweep import RemoteSweep

ALIVE, DEAD = "aa" * 20, "bb" * 20
KILLED = b"3f2a 1 boot/space/1/2"
"""The lease of a process of another machine, which nobody renews."""


class Monitor(LeaseMonitor):
    """Knows at once who was killed."""

    def is_dead(self, name: str, text: bytes) -> bool:
        return text.endswith(KILLED.split()[-1])


@pytest.fixture
def store(tmp_path: Path) -> RemoteStore:
    store = RemoteStore(f"memory://{uuid4().hex}", tmp_path / "local")
    store.monitor = Monitor(expire_after=60)
    return store


def put(store: RemoteStore, key: str, data: bytes) -> str:
    """Store a record with one object."""
    blob = store.objects.put(data, ".json")
    store.put_record(Record(key, "n", "m:n", {}, Artifact("value", "c", blob)))
    return blob


def sweep(
    store: RemoteStore,
    *alive: str,
    suspects: tuple[str, ...] = (),
    dead_writers: tuple[str, ...] = (),
    dry: bool = False,
) -> SweepResult:
    access = SweepAccess(SimpleNamespace(ensure_held=lambda: None), list(dead_writers))  # type: ignore[arg-type]
    return RemoteSweep(store, access, dry=dry).run(alive, suspects)


def files(store: RemoteStore) -> set[str]:
    folders = ("objects", "records", "locks", "pins", "gate")
    return {name for folder in folders for name in store.storage.list_files(folder)}


def test_an_empty_store_is_swept_of_nothing(store: RemoteStore) -> None:
    assert sweep(store, ALIVE) == SweepResult()


def test_what_a_key_needs_stays_and_the_rest_goes(store: RemoteStore) -> None:
    kept, gone = put(store, ALIVE, b"[1, 2]"), put(store, DEAD, b"[3]")
    swept = sweep(store, ALIVE, "a key without a record")
    assert (swept.records, swept.objects, swept.leftovers) == (1, 1, 0)
    assert (swept.kept_records, swept.kept_objects) == (1, 1)
    assert store.objects.get(kept) == b"[1, 2]"
    assert not store.objects.exists(gone)
    sizes = {**store.storage.list_files("records"), **store.storage.list_files("objects")}
    assert swept.kept_bytes == sum(sizes.values())
    assert swept.bytes > 3


def test_alive_is_asked_for_after_the_pins_are_read(store: RemoteStore) -> None:
    """A run that ends in between is in the journal that ``alive`` reads."""
    blob = put(store, ALIVE, b"[1]")
    pins = RemotePins(store.storage, LeaseRenewer(60), "run")
    pins.add(ALIVE, None)

    def alive() -> list[str]:
        pins.close()
        return []

    access = SweepAccess(SimpleNamespace(ensure_held=lambda: None), [])  # type: ignore[arg-type]
    assert RemoteSweep(store, access, dry=False).run(alive, []).records == 0
    assert store.objects.exists(blob)


def test_a_trial_counts_the_same_and_removes_nothing(store: RemoteStore) -> None:
    put(store, ALIVE, b"[1]")
    put(store, DEAD, b"[2]")
    store.storage.write("pins/run-killed/k", b"b1")
    store.storage.write("gate/writers/killed", KILLED)
    store.storage.write(f"locks/{DEAD}", KILLED)
    (store.scratch(DEAD) / "half").write_text("12345")
    store.objects.file(put(store, DEAD, b"[2]"))
    before, cached = files(store), store.objects.cache.paths()
    trial = sweep(store, ALIVE, dead_writers=("gate/writers/killed",), dry=True)
    assert (files(store), store.objects.cache.paths()) == (before, cached)
    assert sweep(store, ALIVE, dead_writers=("gate/writers/killed",)) == trial
    assert (trial.records, trial.objects, trial.leftovers) == (1, 1, 4)
    assert len(files(store)) == 2
    assert store.objects.cache.paths() == []


def test_a_suspect_goes_only_if_it_is_still_damaged(store: RemoteStore) -> None:
    damaged, whole = put(store, ALIVE, b"[1]"), put(store, DEAD, b"[2]")
    store.storage.write(f"objects/{split_name(damaged)}", b"[9]")
    assert sweep(store, ALIVE, DEAD).damaged == [], "nobody suspects it"
    swept = sweep(store, ALIVE, DEAD, suspects=(damaged, whole))
    assert (swept.damaged, swept.objects, swept.kept_objects) == ([damaged], 1, 1)
    assert store.objects.exists(whole)


def test_a_damaged_record_goes_with_its_objects(store: RemoteStore) -> None:
    put(store, ALIVE, b"[1]")
    (name,) = store.storage.list_files("records")
    store.storage.write(name, b"half")
    swept = sweep(store, ALIVE)
    assert (swept.records, swept.objects, files(store)) == (1, 1, set())


def test_half_written_files_are_leftovers(store: RemoteStore) -> None:
    put(store, ALIVE, b"[1]")
    before = files(store)
    store.storage.write("objects/ab/.part-1", b"12345")
    store.storage.write("records/ab/.part-2", b"12345")
    swept = sweep(store, ALIVE)
    assert (swept.leftovers, swept.bytes, swept.records, swept.objects) == (2, 10, 0, 0)
    assert files(store) == before


def test_locks_of_the_living_stay_and_those_of_the_dead_go_with_their_chain(store: RemoteStore) -> None:
    held = store.key_lock(f"locks/{ALIVE}").try_acquire()
    assert held is not None
    store.storage.write(f"locks/{DEAD}", KILLED)
    store.storage.write(f"locks/{DEAD}~3f2a", b"4b1c 1 boot/space/1/2")
    assert sweep(store, DEAD).leftovers == 1
    assert list(store.storage.list_files("locks")) == [f"locks/{ALIVE}"]
    held.release()


def test_copies_on_this_machine_go_unless_they_are_needed_or_being_written(store: RemoteStore) -> None:
    kept = store.objects.file(put(store, ALIVE, b"[1]"))
    gone = store.objects.file(put(store, DEAD, b"[2]"))
    fresh, old = kept.parent / ".part-fresh", kept.parent / ".part-old"
    fresh.write_text("half")
    old.write_text("half")
    long_ago = time.time() - 2 * module._STALE_AFTER
    os.utime(old, (long_ago, long_ago))
    swept = sweep(store, ALIVE)
    assert [p.exists() for p in (kept, gone, fresh, old)] == [True, False, True, False]
    assert swept.leftovers == 0, "copies are not counted"


def test_a_sweeper_that_lost_the_gate_removes_nothing(store: RemoteStore) -> None:
    def lost() -> None:
        raise StoreError("another took over")

    put(store, ALIVE, b"[1]")
    before = files(store)
    access = SweepAccess(SimpleNamespace(ensure_held=lost), [])  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="another took over"):
        RemoteSweep(store, access, dry=False).run([], [])
    assert files(store) == before
    assert RemoteSweep(store, access, dry=True).run([], []).records == 1, "a trial needs no gate"
